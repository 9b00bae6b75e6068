"""Whether twitches look upside down: a muscle contracts faster than it relaxes."""

from __future__ import annotations

import numpy as np

LEAST_SKEWNESS = 0.1
"""Of simulated trains at 8-13 firings a second: 0.3 to 0.8 for eight in ten, mean 0.55."""


def upside_down(trains: np.ndarray) -> bool:
    """Whether the twitch trains (n, T) fall faster than they rise: their mean skewness is clearly below zero, by twice
    its standard error where they are several."""
    if not len(trains):
        return False
    centred = trains - trains.mean(axis=1, keepdims=True)
    size = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    skewness = np.mean((centred / np.maximum(size, np.finfo(np.float32).tiny)) ** 3, axis=1)
    error = skewness.std(ddof=1) / np.sqrt(len(skewness)) if len(skewness) > 1 else 0.0
    return bool(skewness.mean() < -max(LEAST_SKEWNESS, 2 * error))
