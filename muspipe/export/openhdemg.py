"""A result as openhdemg's own file (version 0.1: gzipped JSON of tables), so that it opens as decomposed EMG does.

Firings are there whole numbers of samples. At the frame rate of ultrasound an interval would be off by up to 2.5 ms; so
the file has a rate of its own, a multiple of the frame rate near that of EMG.

There is no EMG: RAW_SIGNAL has no channel, and what openhdemg computes from it is not a number. REF_SIGNAL is the
force, if one is given; where there is none it is not a number, and neither are thresholds of force. The source that
firings were found in, IPTS, is the twitch train.
"""

from __future__ import annotations

import gzip
import json
import math

import numpy as np

from muspipe.export.contents import short, unit_table
from muspipe.recordings.force import Force
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

LEAST_HZ = 2000.0
"""Samples a second, at least: near the 2048 Hz that are usual for EMG."""
SOURCE = "CUSTOMCSV"
"""openhdemg knows the files of three decompositions and others; this says others."""
NO_DISTANCE_MM = 0.0
"""IED, between electrodes; there are none."""


def save_openhdemg(result: Result, path, force: Force | None = None, force_start_s: float = 0.0) -> None:
    """Write the file that `openhdemg.library.emg_from_json` reads, with our table of units as EXTRAS. Whole or not at
    all.

    force: of the same contraction, in percent of the maximal one as openhdemg takes it; force_start_s: when the
    ultrasound's first frame was, on the clock of the force.
    """
    rate_hz, n_samples = sampling(result)
    pulses = [samples_of(times_s, rate_hz, n_samples) for times_s in result.firings]
    binary = np.zeros((n_samples, result.n_units), np.int64)
    for i, samples in enumerate(pulses):
        binary[samples, i] = 1
    frames_s, samples_s = np.arange(result.n_frames) / result.frame_rate_hz, np.arange(n_samples) / rate_hz
    trains = [np.interp(samples_s, frames_s, train) for train in result.twitch_trains]
    reference = np.full(n_samples, np.nan) if force is None else force.at(samples_s + force_start_s)
    units = unit_table(result)
    numbers = range(result.n_units)
    content = {
        "SOURCE": SOURCE,
        "FILENAME": result.source.get("name", ""),
        "RAW_SIGNAL": _table((), np.zeros((n_samples, 0))),
        "REF_SIGNAL": _table((0,), reference[:, None]),
        "ACCURACY": _table((0,), result.scores[:, None]),
        "IPTS": _table(numbers, np.reshape(trains, (result.n_units, n_samples)).T),
        "MUPULSES": [samples.tolist() for samples in pulses],
        "FSAMP": rate_hz,
        "IED": NO_DISTANCE_MM,
        "EMG_LENGTH": n_samples,
        "NUMBER_OF_MUS": result.n_units,
        "BINARY_MUS_FIRING": _table(numbers, binary),
        "EXTRAS": _table(units, np.stack([values.astype(np.float64) for values in units.values()], axis=1)),
    }
    with atomic_path(path) as temporary, gzip.open(temporary, "wt", encoding="utf-8", compresslevel=4) as file:
        json.dump({name: json.dumps(value, allow_nan=False) for name, value in content.items()}, file)


def sampling(result: Result) -> tuple[float, int]:
    """(samples a second, samples in all) of the file."""
    times = max(1, math.ceil(LEAST_HZ / result.frame_rate_hz))
    return result.frame_rate_hz * times, result.n_frames * times


def samples_of(times_s: np.ndarray, rate_hz: float, n_samples: int) -> np.ndarray:
    """int64, rising: the samples nearest to the times, within the recording. Two firings in one sample are one."""
    return np.unique(np.clip(np.rint(times_s * rate_hz), 0, n_samples - 1)).astype(np.int64)


def _table(columns, values):
    """As pandas writes a table with orient="split"; null is NaN."""
    return {"columns": list(columns), "index": list(range(len(values))), "data": short(values)}
