"""A measured twitch in place of the drawn ones: one column of velocity samples, the first at the firing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator.shared.errors import InputError


def read_waveform(path) -> tuple[float, ...]:
    """Samples of a .csv file (one number a line; a line of text may stand first) or of a .npy array, (n,) or (n, 1).
    Raises InputError."""
    path = Path(path)
    readers = {".csv": _read_csv, ".npy": lambda path: np.load(path, allow_pickle=False)}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: expected a waveform in a .csv or .npy file, or a list of samples")
    try:
        samples = readers[path.suffix.lower()](path)
        samples = np.asarray(samples[:, 0] if samples.ndim == 2 and samples.shape[1] == 1 else samples)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: expected one column of numbers, without pickled objects ({error})") from error
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise InputError(f"{path}: expected one column of numbers, got {samples.dtype} {samples.shape}")
    return tuple(samples.astype(float).tolist())


def _read_csv(path):
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    try:
        float(lines[0])
    except (ValueError, IndexError):
        lines = lines[1:]  # the name of the column
    return np.array([float(line) for line in lines])


def scaled_to_peak(samples) -> tuple[float, ...] | None:
    """The samples, divided by the largest, to six digits: what was scaled once stays as it is. None unless there are
    two or more, all finite, the largest positive."""
    samples = np.asarray(samples, np.float64)
    if len(samples) < 2 or not np.isfinite(samples).all() or samples.max() <= 0:
        return None
    return tuple(np.round(samples / samples.max(), 6).tolist())


def peak_latency_s(samples, rate_hz: float) -> float:
    """Time from the firing to the peak velocity [s]."""
    return int(np.argmax(samples)) / rate_hz


def velocity_at(time_s: np.ndarray, samples, rate_hz: float) -> np.ndarray:
    """Velocity at `time_s` after the firing, float32: between two samples on a line, 0 before the first and after the
    last."""
    return np.interp(time_s * rate_hz, np.arange(len(samples)), samples, left=0.0, right=0.0).astype(np.float32)
