"""Noise of a rendered sequence that is not white: uneven over the image, alike in neighbours, and differenced in time.

Velocity is the difference of two phases, so its noise is w(t) - lag w(t - 1); it is summed over a window, so that it is
smooth in space; and it is strong where the echo is weak.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

MARGIN_PX = 4
"""White noise reaches so far beyond the image, that the smoothed noise is alike up to its edge."""


@dataclass(frozen=True)
class NoiseShape:
    """How white noise becomes that of a sequence."""

    sd: np.ndarray
    """float32 (H, W), in the velocity's unit"""
    sigma_px: tuple[float, float]
    """SD of the smoothing in y and x [px]"""
    lag: float
    """weight of the noise of the frame before, 0 (white in time) to 1 (differenced)"""

    @property
    def white_shape(self) -> tuple[int, int]:
        """(height, width) of the white noise that it takes, one frame more than the sequence."""
        return tuple(side + 2 * MARGIN_PX for side in self.sd.shape)

    def of(self, white: np.ndarray) -> np.ndarray:
        """float32 (H, W, T) from standard normal noise (H + 8, W + 8, T + 1)."""
        rows, columns = (smoothing(side, sigma) for side, sigma in zip(self.sd.shape, self.sigma_px, strict=True))
        height, n_frames = len(self.sd), white.shape[2] - 1
        noise = rows @ white.reshape(len(white), -1)
        noise = columns @ noise.reshape(height, -1, n_frames + 1)
        scale = (self.sd / np.float32(np.sqrt(1 + self.lag**2)))[:, :, None]
        result = noise[:, :, 1:] - np.float32(self.lag) * noise[:, :, :-1]
        result *= scale
        return result


@functools.lru_cache(maxsize=256)
def smoothing(side_px: int, sigma_px: float) -> np.ndarray:
    """float32 (side, side + 8): Gaussian smoothing of white noise along one axis that leaves its variance as it is."""
    distance = np.arange(side_px + 2 * MARGIN_PX) - MARGIN_PX - np.arange(side_px)[:, None]
    weights = np.exp(-0.5 * (distance / sigma_px) ** 2)
    return (weights / np.sqrt(np.sum(weights**2, axis=1, keepdims=True))).astype(np.float32)
