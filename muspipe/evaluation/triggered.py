"""Spike-triggered velocity maps: the mean images after the firings of a unit, of which everything that fires
independently averages out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label, uniform_filter

from muspipe.recordings.recording import Recording

BEFORE_S, AFTER_S = 0.050, 0.150
"""The mean images begin so long before a firing, and end so long after it."""


@dataclass(frozen=True, eq=False)
class TriggeredMaps:
    """Of m units, in the recording's unit of velocity."""

    averages: np.ndarray
    """float32 (m, L, H, W): mean images at each lag, the mean of the recording taken off; 0 without firings"""
    lags_s: np.ndarray
    """(L,) [s] from the firing"""
    n_averaged: np.ndarray
    """int64 (m,): firings whose images all lie in the recording"""
    deviations: np.ndarray
    """float32 (H, W): SD of each pixel's velocity over the recording"""
    best: np.ndarray
    """int64 (m,): the lag of the map, an index, at which some tissue contracts most clearly"""

    @property
    def maps(self) -> np.ndarray:
        """float32 (m, H, W): the image of each unit at its best lag."""
        return self.averages[np.arange(len(self.best)), self.best]

    @property
    def clarity(self) -> np.ndarray:
        """float32 (m, H, W): the maps over the SD of each pixel."""
        return over(self.maps, self.deviations)


def triggered_maps(recording: Recording, firings: list[np.ndarray], delay_range_s=(0.0, 0.1)) -> TriggeredMaps:
    """Maps of the units with these firings [s] from the first frame. delay_range_s: where the best lag is sought."""
    rate_hz = recording.frame_rate_hz
    steps = np.arange(-round(BEFORE_S * rate_hz), round(AFTER_S * rate_hz) + 1)
    images = np.ascontiguousarray(np.moveaxis(recording.velocity, 2, 0))  # whole images are read far faster
    mean = images.mean(axis=0, dtype=np.float64)
    averages = np.zeros((len(firings), len(steps), *recording.image_shape), np.float32)
    n_averaged = np.zeros(len(firings), np.int64)
    for i, times_s in enumerate(firings):
        frames = np.rint(times_s * rate_hz).astype(np.int64)
        frames = frames[(frames + steps[0] >= 0) & (frames + steps[-1] < recording.n_frames)]
        n_averaged[i] = len(frames)
        if len(frames):
            for k, step in enumerate(steps):
                averages[i, k] = images[frames + step].mean(axis=0) - mean
    lags_s = steps / rate_hz
    sought = (lags_s >= delay_range_s[0]) & (lags_s <= delay_range_s[1])
    deviations = images.std(axis=0)
    clearest = np.zeros((len(firings), len(steps)))
    for i, average in enumerate(averages):
        clearest[i] = _smooth(over(average, deviations)).max(axis=(1, 2))
    best = np.where(sought, clearest, -np.inf).argmax(axis=1)
    return TriggeredMaps(averages, lags_s, n_averaged, deviations, best)


def over(averages, deviations):
    """Mean images over the SD of each pixel: what other units leave where they move much is no larger than noise where
    nothing moves. 0 where nothing ever moves."""
    return np.divide(averages, deviations, out=np.zeros_like(averages), where=deviations > 0)


def _smooth(images):
    """Of images (..., H, W): means over 3 x 3 px."""
    return uniform_filter(images, (0,) * (images.ndim - 2) + (3, 3))


def region(map_: np.ndarray) -> np.ndarray:
    """bool (H, W): where a map is above half of its maximum, in one piece with that; smoothed over 3 x 3 px. Nothing
    of a map without a positive value."""
    smooth = _smooth(np.asarray(map_, np.float64))
    if not smooth.max(initial=0) > 0:
        return np.zeros(smooth.shape, bool)
    pieces, _ = label(smooth > smooth.max() / 2)
    return pieces == pieces.flat[smooth.argmax()]
