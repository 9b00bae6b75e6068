"""The rule of Ali et al. 2020: running mean, then local maxima above zero."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d
from scipy.signal import find_peaks

SMOOTHING_S = 11 / 400.0
"""Width of the running mean [s]: 11 samples at the paper's 400 Hz."""


def running_mean(trains: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """Centred running mean over an odd number of samples, about 27.5 ms; shape (..., T) kept, float64.

    At the ends the mean is over the samples that exist.
    """
    half = max(0, round((SMOOTHING_S * frame_rate_hz - 1) / 2))
    trains = np.asarray(trains, np.float64)
    window = np.ones(2 * half + 1)
    sums = convolve1d(trains, window, axis=-1, mode="constant")
    return sums / convolve1d(np.ones(trains.shape[-1]), window, mode="constant")


def positive_maxima(trains: np.ndarray, frame_rate_hz: float) -> list[np.ndarray]:
    """Firing times [s] of each train, float64, rising. trains: (n, T). Of a flat maximum the middle is taken.

    Rounding makes ripples; a maximum must stand out by more than 1e-6 of the train's largest value.
    """
    firings = []
    for smooth in running_mean(trains, frame_rate_hz):
        least = 1e-6 * np.abs(smooth).max(initial=0)
        peaks, _ = find_peaks(smooth, prominence=max(least, np.finfo(float).tiny))
        firings.append(peaks[smooth[peaks] > 0] / frame_rate_hz)
    return firings
