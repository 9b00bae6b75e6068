"""The B-mode image of a recording: how bright its echoes are, to see the muscle under what is found in it."""

from __future__ import annotations

import numpy as np

from muspipe.echoes.echoes import Echoes
from muspipe.echoes.windows import image_shape, weights
from muspipe.recordings.recording import BMODE_DB

FIRST_FRAMES = 16
"""Whose power is averaged: few enough for the tissue to stand still, enough to quiet the noise."""
FINEST = 4
"""Of a pixel of the velocity at most so many in each direction: more would be heavy in a page, and not be seen."""


def bmode_of(echoes: Echoes, image_pixel_mm: float) -> np.ndarray:
    """uint8 (h, w): see `Recording.bmode`. Its pixels are as fine as the samples of the echoes, or a quarter of
    image_pixel_mm, the side of a pixel of the velocity."""
    frames = echoes.read(0, min(FIRST_FRAMES, echoes.n_frames))
    power = np.mean(frames.real**2 + frames.imag**2, axis=0)
    sides = zip(
        power.shape, echoes.scan.pixel_mm, image_shape(power.shape, echoes.scan.pixel_mm, image_pixel_mm), strict=True
    )
    rows, columns = (_means(*side, image_pixel_mm) for side in sides)
    power = rows @ power @ columns.T
    brightest = float(power.max())
    below_db = 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny) / (brightest or 1.0))
    return np.rint(255 * np.clip(1 + below_db / BMODE_DB, 0, 1)).astype(np.uint8)


def _means(n_samples, distance_mm, n_pixels, pixel_mm, /):
    """float32 (finer pixels, n_samples): weights of the samples in each, which sum to one."""
    finer = min(max(round(pixel_mm / distance_mm), 1), FINEST)
    inside = weights(n_samples, distance_mm, finer * n_pixels, pixel_mm / finer, pixel_mm / finer)
    return inside / np.maximum(inside.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
