"""All motor units together: the cumulative spike train, and the drive that it shows once smoothed."""

from __future__ import annotations

import numpy as np

WINDOW_S = 0.4
"""Length of the Hann window: it leaves what is below some 2.5 Hz, which force can follow (De Luca et al. 1982)."""

DRIVE_PROPERTIES = {
    "n_firings": ("1", "firings of all units nearest to this frame: the cumulative spike train"),
    "drive_hz": ("Hz", f"firings of all units a second, under a Hann window of {WINDOW_S:g} s"),
}
"""What `drive_properties` gives: (unit, description)."""


def drive_properties(firings: list[np.ndarray], n_frames: int, rate_hz: float) -> dict[str, np.ndarray]:
    """{name of DRIVE_PROPERTIES: (T,)} of all motor units together, for each frame."""
    train = cumulative_spike_train(firings, n_frames, rate_hz)
    return {"n_firings": train, "drive_hz": smoothed_drive(train, rate_hz)}


def cumulative_spike_train(firings: list[np.ndarray], n_samples: int, rate_hz: float) -> np.ndarray:
    """int64 (n_samples,): number of firings of all units in each sample; those outside the recording are left out."""
    times_s = np.concatenate([np.zeros(0), *firings])
    samples = np.rint(times_s * rate_hz).astype(np.int64)
    return np.bincount(samples[(samples >= 0) & (samples < n_samples)], minlength=n_samples)


def smoothed_drive(train: np.ndarray, rate_hz: float, window_s: float = WINDOW_S) -> np.ndarray:
    """float64 (T,) [firings/s]: the cumulative spike train (T,) under a Hann window. At the ends the mean is over the
    part of the window that lies inside."""
    half = max(1, round(window_s * rate_hz / 2))
    window = np.hanning(2 * half + 1)
    sums, weights = (np.convolve(x, window)[half : half + len(train)] for x in (train, np.ones(len(train))))
    return rate_hz * sums / weights
