"""What every export holds beside territories, twitch trains and firings: a row a unit, a pair, a frame; the facts."""

from __future__ import annotations

import json

import numpy as np

from muspipe.discharges import (
    DRIVE_PROPERTIES,
    PAIR_PROPERTIES,
    PROPERTIES,
    discharge_properties,
    drive_properties,
    synchronisation,
)
from muspipe.recordings.result import Result, plain

UNIT_COLUMNS = {
    "unit": ("1", "number of the motor unit, from 1, as in the figure"),
    "centre_x_mm": ("mm", "centroid of the territory, from the image's left edge"),
    "centre_y_mm": ("mm", "centroid of the territory, from the image's top edge"),
    "diameter_mm": ("mm", "diameter of a disc with the territory's area"),
    "score": ("1", "the method's confidence in the unit, 0 to 1"),
    "firing_latency_ms": ("ms", "delay of all the unit's firings after the visible onset of their twitches"),
    "firing_confidence": ("1", "share of the twitch train's power that the firings explain, 0 to 1"),
} | {name: (unit, description) for name, (unit, description, _) in PROPERTIES.items()}
"""{column: (unit, description)} of the table of units."""

PAIR_COLUMNS = PAIR_PROPERTIES
"""The same of the table of pairs."""

DRIVE_COLUMNS = {"time_s": ("s", "of the frame, from the first")} | DRIVE_PROPERTIES
"""The same of the table of all units together, a row a frame."""

FIRING = "instant of the twitch's peak velocity [s] from the first frame"


def unit_table(result: Result) -> dict[str, np.ndarray]:
    """{column of UNIT_COLUMNS: (n,)}."""
    place = {
        "unit": np.arange(1, result.n_units + 1),
        "centre_x_mm": result.centres_mm[:, 1],
        "centre_y_mm": result.centres_mm[:, 0],
        "diameter_mm": result.diameters_mm,
        "score": result.scores,
        "firing_latency_ms": 1e3 * result.firing_latencies,
        "firing_confidence": result.firing_confidences,
    }
    return place | discharge_properties(result.firings)


def pair_table(result: Result) -> dict[str, np.ndarray]:
    """{column of PAIR_COLUMNS: (p,)}, of the onsets, so that units with different twitches can be synchronous."""
    return synchronisation(result.onsets, result.duration_s)


def drive_table(result: Result) -> dict[str, np.ndarray]:
    """{column of DRIVE_COLUMNS: (T,)}."""
    time_s = np.arange(result.n_frames) / result.frame_rate_hz
    return {"time_s": time_s} | drive_properties(result.firings, result.n_frames, result.frame_rate_hz)


def facts(result: Result) -> dict:
    """What the numbers need to be understood, numbers and text alone."""
    return {
        "frame_rate_hz": result.frame_rate_hz,
        "n_frames": result.n_frames,
        "pixel_mm": result.pixel_mm,
        "velocity_unit": result.velocity_unit,
        "firing": FIRING,
        "firing_rule": result.firing_rule,
        "method": result.method,
        "settings": json.dumps(result.settings, default=plain),
        "warnings": json.dumps(result.warnings),
        "source_name": result.source.get("name", ""),
        "source_sha256": result.source.get("sha256", ""),
        "muspipe_version": result.version,
    }


def short(values) -> list:
    """Numbers as JSON wants them: seven significant digits, as a float32 has no more, and None for what is not finite.
    A list, or for two axes one of lists."""
    values = np.asarray(values)
    if values.ndim > 1:
        width, flat = values.shape[1], short(values.ravel())
        return [flat[i * width : (i + 1) * width] for i in range(len(values))]
    if values.dtype.kind != "f":
        return values.tolist()
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values.tolist()]
