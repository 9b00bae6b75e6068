"""What the plots of a unit show of its firings beyond `muspipe.discharges`: intervals and the mean twitch."""

from __future__ import annotations

import numpy as np

INTERVAL_BIN_S = 0.01
"""Width of a bin of the histogram of intervals [s]."""
LONGEST_INTERVAL_S = 0.5
"""The histogram ends here [s]: longer ones are pauses, not the firing of a unit at 5 Hz or more."""
TWITCH_WINDOW_S = (-0.05, 0.15)
"""About a firing, which is the peak of velocity [s]: a twitch contracts and is back at rest within some 150 ms."""


def interval_histogram(firings_s: np.ndarray) -> tuple[np.ndarray, int]:
    """(counts in bins of INTERVAL_BIN_S from 0 to LONGEST_INTERVAL_S, number of longer intervals)."""
    n_bins = round(LONGEST_INTERVAL_S / INTERVAL_BIN_S)
    bins = np.floor(np.diff(firings_s) / INTERVAL_BIN_S + 1e-6).astype(int)  # 0.03 s is in the bin that begins there
    return np.bincount(bins[bins < n_bins], minlength=n_bins), int(np.count_nonzero(bins >= n_bins))


def triggered_twitch(train: np.ndarray, firings_s: np.ndarray, frame_rate_hz: float) -> tuple[np.ndarray, ...]:
    """(times about the firing [s], mean, SD, number of firings) of the train (T,) about firings whose whole
    TWITCH_WINDOW_S lies in the recording. Without any, mean and SD are empty."""
    first, last = (round(bound_s * frame_rate_hz) for bound_s in TWITCH_WINDOW_S)
    offsets = np.arange(first, last + 1)
    frames = np.rint(firings_s * frame_rate_hz).astype(int)
    frames = frames[(frames + first >= 0) & (frames + last < len(train))]
    if not frames.size:
        return np.zeros(0), np.zeros(0), np.zeros(0), 0
    cut = train[frames[:, None] + offsets].astype(np.float64)
    return offsets / frame_rate_hz, cut.mean(axis=0), cut.std(axis=0), len(frames)
