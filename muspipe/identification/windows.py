"""From a recording of any size, pixel and frame rate to the windows that a network takes, and back.

velocity (H, W, T); on the network's grid (H', W', T'); a window is (h, w, t) of it.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import resample_poly
from skimage.transform import resize

if TYPE_CHECKING:  # it loads Keras, which the method `ica` does without
    from muspipe.models.base import Grid

SAME = 0.02
"""Pixels and frame rates closer than this, relatively, are not resampled."""
OVERLAP_PX = 16
"""Windows overlap by the largest territory (10 mm), so that each is whole in one of them."""
OVERLAP_FRAMES = 80
"""Windows of twitch trains overlap by at least 0.2 s, more than a twitch."""


def to_grid(velocity: np.ndarray, frame_rate_hz: float, pixel_mm: float, grid: Grid) -> np.ndarray:
    """Velocity float32 (H', W', T') with the grid's frame_rate_hz and pixel_mm; (H', W') at least 1 px."""
    ratio = grid.frame_rate_hz / frame_rate_hz
    if abs(ratio - 1) > SAME:
        step = Fraction(ratio).limit_denominator(200)
        velocity = resample_poly(velocity, step.numerator, step.denominator, axis=2, padtype="line")
    zoom = pixel_mm / grid.pixel_mm
    if abs(zoom - 1) > SAME:
        shape = [max(1, round(n * zoom)) for n in velocity.shape[:2]]
        velocity = resize(velocity, (*shape, velocity.shape[2]), order=1, mode="edge", anti_aliasing=zoom < 1)
    return np.ascontiguousarray(velocity, np.float32)


def from_grid(territories: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Territories bool (n, H, W) of the recording, from those on the network's grid (n, H', W'): nearest pixels."""
    height, width = territories.shape[1:]
    if (height, width) == tuple(image_shape):
        return territories
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(image_shape, (height, width), strict=True)
    )
    return territories[:, rows][:, :, columns]


def on_grid(territories: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Territories bool (n, H', W') on a grid of this shape, of those of the recording (n, H, W): nearest pixels, at
    least the one at the centre."""
    masks = from_grid(territories, image_shape)
    lost = ~masks.any(axis=(1, 2))
    if lost.any():
        masks = masks.copy()
        for i in np.flatnonzero(lost):
            axes = zip(np.nonzero(territories[i]), territories.shape[1:], image_shape, strict=True)
            masks[i][tuple(int(pixels.mean() / n * m) for pixels, n, m in axes)] = True
    return masks


def frames_from_grid(trains: np.ndarray, n_frames: int, frame_rate_hz: float, grid: Grid) -> np.ndarray:
    """Trains (n, T) at the recording's frames, of those on the grid (n, T')."""
    if abs(grid.frame_rate_hz / frame_rate_hz - 1) <= SAME:
        return trains
    times = np.arange(trains.shape[1]) / grid.frame_rate_hz
    at = np.minimum(np.arange(n_frames) / frame_rate_hz, times[-1])
    return CubicSpline(times, trains, axis=1)(at)


def padded(velocity: np.ndarray, window: tuple[int, int, int]) -> np.ndarray:
    """Zeros added after the end of each axis that is shorter than the window."""
    return np.pad(velocity, [(0, max(0, w - n)) for n, w in zip(velocity.shape, window, strict=True)])


def corners(shape: tuple[int, int, int], window: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """First (y, x, frame) of the windows that cover an array at least as large as one: as few and as even as may be."""
    axes = zip(shape, window, (OVERLAP_PX, OVERLAP_PX, 0), strict=True)
    return list(itertools.product(*(starts(n, size, overlap) for n, size, overlap in axes)))


def starts(n: int, size: int, overlap: int) -> list[int]:
    """Where windows of this size begin that cover n at least, and overlap at least by so much."""
    count = 1 + max(0, -(-(n - size) // max(1, size - overlap)))
    return np.round(np.linspace(0, n - size, count)).astype(int).tolist()


def merge(found: list[tuple[np.ndarray, np.ndarray]], same_iou: float = 0.5, same_share: float = 0.8):
    """One list of units out of those of all windows: (territories (n, H', W'), scores (n,)), best first.

    found: (territories, scores) of each window, on the whole grid. Two of *different* windows are one unit if their
    masks' IoU is at least same_iou, or if one window has cut it: a share same_share of the smaller lies in the other.
    The better score stays. Units of one window are never merged.
    """
    territories = np.concatenate([t for t, _ in found])
    scores = np.concatenate([s for _, s in found])
    window = np.repeat(np.arange(len(found)), [len(s) for _, s in found])
    order = np.argsort(-scores, kind="stable")
    masks = territories.reshape(len(territories), territories[0].size if len(territories) else 0).astype(np.float32)
    areas = masks.sum(axis=1)
    kept: list[int] = []
    for i in order:
        shared = masks[kept] @ masks[i]
        iou = shared / (areas[kept] + areas[i] - shared)
        cut = shared / np.minimum(areas[kept], areas[i])
        same = (window[kept] != window[i]) & ((iou >= same_iou) | (cut >= same_share))
        if not same.any():
            kept.append(i)
    return territories[kept], scores[kept]
