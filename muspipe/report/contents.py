"""What stands in the report of one result: texts and numbers for the page, arrays for its plots.

Everything here can be written as JSON; times are in s, lengths in mm, velocities in the recording's unit.
"""

from __future__ import annotations

import base64
import json
import math

import numpy as np

from muspipe.discharges.drive import cumulative_spike_train, smoothed_drive
from muspipe.discharges.properties import discharge_properties, instantaneous_rates
from muspipe.discharges.synchrony import BIN_S, LONGEST_LAG_S, PEAK_S, synchronisation
from muspipe.recordings.result import Result
from muspipe.report import measures
from muspipe.report.drawing import map_of

COLUMNS = (
    # (key, heading, unit, decimals)
    ("unit", "Unit", "", 0),
    ("x_mm", "x", "mm", 1),
    ("y_mm", "y", "mm", 1),
    ("diameter_mm", "Diameter", "mm", 1),
    ("n_firings", "Firings", "", 0),
    ("recruitment_s", "First", "s", 2),
    ("derecruitment_s", "Last", "s", 2),
    ("rate_hz", "Rate", "Hz", 1),
    ("interval_mean_ms", "Mean interval", "ms", 0),
    ("interval_cv_percent", "CV of intervals", "%", 0),
    ("explained", "Explained", "", 2),
    ("score", "Score", "", 2),
)
"""Of the table of units."""
DRIVE_RATE_HZ = 100.0
"""Samples of the drive a second; its Hann window lets nothing faster than some 5 Hz through."""
MOST_SAMPLES_HZ = 1000.0
"""Twitch trains of faster recordings are thinned to at most this for the plot: a twitch has nothing above 100 Hz."""


def contents_of(result: Result, name: str) -> dict:
    """name: what the recording is called on the page, any text."""
    properties = discharge_properties(result.firings)
    rows = [_row(result, properties, i) for i in range(result.n_units)]
    return {
        "name": name,
        "facts": _facts(result),
        "warnings": list(result.warnings),
        "settings": _flat(json.loads(json.dumps(result.settings, default=str))),
        "origin": _origin(result),
        "map": map_of(result),
        "rows": rows,
        "plots": {
            "name": name,
            "velocity_unit": result.velocity_unit,
            "duration_s": result.duration_s,
            "drive": _drive(result),
            "pairs": _pairs(result),
            "units": [_unit(result, i) for i in range(result.n_units)],
            "rows": rows,
        },
    }


def _facts(result):
    height, width = result.image_shape
    n_firings = sum(map(len, result.firings))
    found = f"{_count(result.n_units, 'motor unit')} found"
    return [
        found + (f" by {result.method}" if result.method else ""),
        _count(n_firings, "firing"),
        f"{result.duration_s:.4g} s at {result.frame_rate_hz:g} Hz",
        f"{height} x {width} px of {result.pixel_mm:g} mm",
    ]


def _count(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"


def _origin(result):
    """[(what, text)] of where the result comes from."""
    return [
        ("Recording", result.source.get("name") or "not told"),
        ("SHA-256 of its file", result.source.get("sha256") or "not told"),
        ("Method", result.method or "not told"),
        ("Rule of the firings", result.firing_rule or "not told"),
        ("Identified by", f"muspipe {result.version}"),
        ("Frames left out", ", ".join(map(str, result.left_out_frames)) or "none"),
    ]


def _flat(settings, prefix=""):
    """[(dotted name as of --set, value as JSON)]"""
    pairs = []
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", json.dumps(value, ensure_ascii=False)))
    return pairs


def _row(result, properties, i):
    y_mm, x_mm = result.centres_mm[i]
    values = {
        "unit": i + 1,
        "x_mm": x_mm,
        "y_mm": y_mm,
        "diameter_mm": result.diameters_mm[i],
        **{key: values[i] for key, values in properties.items()},
        "explained": result.firing_confidences[i],
        "latency_ms": 1000 * result.firing_latencies[i],
        "score": result.scores[i],
    }
    return {key: round(float(value), 6) if math.isfinite(value) else None for key, value in values.items()}


def _unit(result, i):
    """What the plots of one unit show."""
    train, firings_s = result.twitch_trains[i], result.firings[i]
    step = max(1, math.ceil(result.frame_rate_hz / MOST_SAMPLES_HZ))
    time_s, mean, sd, n_averaged = measures.triggered_twitch(train, firings_s, result.frame_rate_hz)
    counts, n_longer = measures.interval_histogram(firings_s)
    rates_hz = instantaneous_rates(firings_s)
    finite = np.isfinite(rates_hz)
    at_firings = np.interp(firings_s, np.arange(len(train)) / result.frame_rate_hz, train)
    return {
        "train": _packed(train[::step]),
        "step_s": step / result.frame_rate_hz,
        "firings": {"x": _short(firings_s, 7), "y": _short(at_firings)},
        "rates": {"x": _short(firings_s[1:][finite], 7), "y": _short(rates_hz[finite])},
        "intervals": {"bin_s": measures.INTERVAL_BIN_S, "counts": counts.tolist(), "n_longer": n_longer},
        "twitch": {"x": _short(time_s), "mean": _short(mean), "sd": _short(sd), "n": n_averaged},
    }


def _drive(result):
    n_samples = max(1, round(result.duration_s * DRIVE_RATE_HZ))
    train = cumulative_spike_train(result.firings, n_samples, DRIVE_RATE_HZ)
    times_s = np.arange(n_samples) / DRIVE_RATE_HZ
    return {"x": _short(times_s, 7), "y": _short(smoothed_drive(train, DRIVE_RATE_HZ))}


def _pairs(result):
    """Of all pairs of units, in the order 1-2, 1-3, ...; what the cross-histogram of any is made with."""
    table = synchronisation(result.onsets, result.duration_s)
    told = {name: _short(table[name]) for name in ("n_synchronous", "n_by_chance", "cis_hz", "z")}
    return told | {"bin_s": BIN_S, "longest_lag_s": LONGEST_LAG_S, "peak_s": PEAK_S}


def _packed(train):
    """A train as 16-bit integers in base64 and the velocity of one step: to 1/32767 of its peak, a third of the size
    of its digits."""
    unit = float(np.abs(train).max(initial=0)) / 32767 or 1.0
    return {"base64": base64.b64encode(np.rint(train / unit).astype("<i2").tobytes()).decode(), "unit": unit}


def _short(values, digits=4):
    """Numbers of so many significant digits, None for what is not told."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]
