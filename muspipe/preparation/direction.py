"""Whether twitches look upside down: a muscle contracts faster than it relaxes."""

from __future__ import annotations

import numpy as np

LEAST_SKEWNESS = 0.1
ONE_SKEWNESS = 0.3
"""Skewness that the mean of n trains must exceed by ONE / sqrt(n). That of simulated trains at 8-13 firings a second is
0.55 on average, 0.3 to 0.8 for eight in ten; at 20 a second twitches fuse, and single trains go down to -0.2."""


def upside_down(trains: np.ndarray) -> bool:
    """Whether the twitch trains (n, T) fall faster than they rise: their mean skewness is clearly below zero."""
    if not len(trains):
        return False
    centred = trains - trains.mean(axis=1, keepdims=True)
    size = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    skewness = np.mean((centred / np.maximum(size, np.finfo(np.float32).tiny)) ** 3, axis=1)
    return bool(skewness.mean() < -LEAST_SKEWNESS - ONE_SKEWNESS / np.sqrt(len(skewness)))
