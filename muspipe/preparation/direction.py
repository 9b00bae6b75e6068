"""Whether twitches look upside down: a muscle contracts faster than it relaxes."""

from __future__ import annotations

import numpy as np

from muspipe.firings.maxima import running_mean

LEAST_SKEWNESS = 0.1
ONE_SKEWNESS = 0.3
"""Skewness that the mean of n trains must exceed by ONE / sqrt(n). That of simulated trains at 8-13 firings a second is
0.55 on average, 0.3 to 0.8 for eight in ten."""
FUSED_HZ = 12.0
"""Trains that cross zero upwards more often are left out, and where most do nothing is said: from 15 firings a second
on twitches fuse, and the skewness is no longer that of one twitch."""


def upside_down(trains: np.ndarray, frame_rate_hz: float) -> bool:
    """Whether the twitch trains (n, T) fall faster than they rise: their mean skewness is clearly below zero."""
    if not len(trains):
        return False
    centred = running_mean(trains, frame_rate_hz)
    centred -= centred.mean(axis=1, keepdims=True)
    crossings = np.count_nonzero((centred[:, :-1] < 0) & (centred[:, 1:] >= 0), axis=1)
    apart = crossings <= FUSED_HZ * trains.shape[1] / frame_rate_hz
    if 2 * np.count_nonzero(apart) < len(trains):
        return False
    centred = centred[apart]
    size = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    skewness = np.mean((centred / np.maximum(size, np.finfo(np.float32).tiny)) ** 3, axis=1)
    return bool(skewness.mean() < -LEAST_SKEWNESS - ONE_SKEWNESS / np.sqrt(len(skewness)))
