"""From twitch trains to firings, by the rule of Ali et al. 2020: running mean, then local maxima above zero.

A firing's time here is the instant of its twitch's peak velocity, about 27 ms after the motor neuron's discharge.
"""

from __future__ import annotations

import numpy as np

SMOOTHING_S = 11 / 400.0
"""Width of the running mean [s]: 11 samples at the paper's 400 Hz."""


def running_mean(trains: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """Centred running mean over an odd number of samples, about 27.5 ms; shape (..., T) kept, float64.

    At the ends the mean is over the samples that exist.
    """
    half = max(0, round((SMOOTHING_S * frame_rate_hz - 1) / 2))
    trains = np.asarray(trains, np.float64)
    n_frames = trains.shape[-1]
    sums = np.concatenate([np.zeros((*trains.shape[:-1], 1)), np.cumsum(trains, axis=-1)], axis=-1)
    begin = np.maximum(np.arange(n_frames) - half, 0)
    end = np.minimum(np.arange(n_frames) + half + 1, n_frames)
    return (sums[..., end] - sums[..., begin]) / (end - begin)


def find_firings(trains: np.ndarray, frame_rate_hz: float) -> list[np.ndarray]:
    """Firing times [s] of each train, float64, rising. trains: (n, T)."""
    smooth = running_mean(trains, frame_rate_hz)
    inner = smooth[:, 1:-1]
    peaks = (inner > smooth[:, :-2]) & (inner >= smooth[:, 2:]) & (inner > 0)
    return [(np.flatnonzero(row) + 1) / frame_rate_hz for row in peaks]
