"""Networks on recordings of any size, pixel and frame rate: the territories that a segmentation network finds, and the
way from a recording to the windows that a network takes, and back.

A recording has velocity (H, W, T), on the network's grid (H', W', T'); a window is (h, w, t) of that.
"""

from __future__ import annotations

import itertools
import threading
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import resample_poly
from skimage.transform import resize

from muspipe.data.pixels import standardise
from muspipe.progress import tell
from muspipe.recordings.recording import Recording
from muspipe.territories import centroid, flat, iou, overlap

if TYPE_CHECKING:  # it loads Keras
    from muspipe.models.base import Grid

BATCH = 8
"""Windows per call of the segmentation network."""
ONE_CALL = threading.Lock()
"""Held by the thread that calls a network: it takes 0.2 GB for its layers, and computes on all cores anyhow."""
SAME = 0.02
"""Pixels and frame rates closer than this, relatively, are not resampled."""
OVERLAP_PX = 16
"""Windows overlap by the largest territory (10 mm), so that each is whole in one of them."""
OVERLAP_FRAMES = 80
"""Windows of twitch trains overlap by at least 0.2 s, more than a twitch."""


def find_territories(
    model, recording: Recording, min_score: float | None = None, mask_level: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(territories bool (n, H, W), scores float32 (n,)) of a recording, best first.

    model: a Segmentation or a CentreNetwork. A recording with other pixels, frame rate, size or length than the
    network's is resampled and cut into windows. min_score: detections below are dropped; mask_level: where a mask of
    the network, 0..1, begins; None: as the preset says.
    """
    preset = model.preset
    min_score = preset.detection.min_score if min_score is None else min_score
    mask_level = preset.detection.mask_level if mask_level is None else mask_level
    window = preset.input_shape[:3]
    grid = to_grid(recording, preset.grid)
    height, width = grid.shape[:2]
    grid = padded(grid, window)
    places = corners(grid.shape, window)
    found = []
    for start in range(0, len(places), BATCH):
        tell(start, len(places), "part")
        part = places[start : start + BATCH]
        with ONE_CALL:
            images = np.stack([_window(grid, place, window) for place in part])
            seen = list(model.territories(images, mask_level))
            del images
        for (y, x, _), (territories, scores) in zip(part, seen, strict=True):
            whole = np.zeros((len(territories), *grid.shape[:2]), bool)
            whole[:, y : y + window[0], x : x + window[1]] = territories
            whole = whole[:, :height, :width]
            some = whole.any(axis=(1, 2))
            found.append((whole[some], scores[some]))
    territories, scores = merge(found)
    territories = from_grid(territories, recording.image_shape)
    some = territories.any(axis=(1, 2)) & (scores >= min_score)
    return territories[some], scores[some]


def _window(grid, corner, window):
    y, x, t = corner
    return standardise(np.array(grid[y : y + window[0], x : x + window[1], t : t + window[2]], order="C"))


def to_grid(recording: Recording, grid: Grid) -> np.ndarray:
    """Velocity float32 (H', W', T') with the grid's frame_rate_hz and pixel_mm; (H', W') at least 1 px."""
    velocity = recording.velocity
    ratio = grid.frame_rate_hz / recording.frame_rate_hz
    if abs(ratio - 1) > SAME:
        step = Fraction(ratio).limit_denominator(200)
        velocity = resample_poly(velocity, step.numerator, step.denominator, axis=2, padtype="line")
    zoom = recording.pixel_mm / grid.pixel_mm
    if abs(zoom - 1) > SAME:
        shape = [max(1, round(n * zoom)) for n in velocity.shape[:2]]
        velocity = resize(velocity, (*shape, velocity.shape[2]), order=1, mode="edge", anti_aliasing=zoom < 1)
    return np.ascontiguousarray(velocity, np.float32)


def from_grid(territories: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Territories bool (n, H, W) at the recording's pixels, from those on the network's grid (n, H', W'): nearest
    pixels."""
    height, width = territories.shape[1:]
    if (height, width) == tuple(image_shape):
        return territories
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(image_shape, (height, width), strict=True)
    )
    return territories[:, rows][:, :, columns]


def on_grid(territories: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Territories bool (n, H', W') on a grid of this shape, from those of the recording (n, H, W): nearest pixels, at
    least the one at the centre."""
    masks = from_grid(territories, image_shape)
    lost = ~masks.any(axis=(1, 2))
    if lost.any():
        masks = masks.copy()
        for i in np.flatnonzero(lost):
            axes = zip(centroid(territories[i]) - 0.5, territories.shape[1:], image_shape, strict=True)
            masks[i][tuple(int(middle / n * m) for middle, n, m in axes)] = True
    return masks


def frames_from_grid(trains: np.ndarray, recording: Recording, grid: Grid) -> np.ndarray:
    """Trains (n, T) at the recording's frames, from those on the grid (n, T')."""
    if abs(grid.frame_rate_hz / recording.frame_rate_hz - 1) <= SAME:
        return trains
    times = np.arange(trains.shape[1]) / grid.frame_rate_hz
    at = np.minimum(np.arange(recording.n_frames) / recording.frame_rate_hz, times[-1])
    return CubicSpline(times, trains, axis=1)(at)


def padded(velocity: np.ndarray, window: tuple[int, int, int]) -> np.ndarray:
    """Zeros added after the end of each axis that is shorter than the window; the velocity itself where none is."""
    lacking = [(0, max(0, w - n)) for n, w in zip(velocity.shape, window, strict=True)]
    return np.pad(velocity, lacking) if any(after for _, after in lacking) else velocity


def corners(shape: tuple[int, int, int], window: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """First (y, x, frame) of the windows that cover an array at least as large as a window: as few as possible, evenly
    spaced."""
    axes = zip(shape, window, (OVERLAP_PX, OVERLAP_PX, 0), strict=True)
    return list(itertools.product(*(starts(n, size, overlap) for n, size, overlap in axes)))


def starts(n: int, size: int, overlap: int) -> list[int]:
    """Where windows of this size begin that together cover n and overlap by at least `overlap`."""
    count = 1 + max(0, -(-(n - size) // max(1, size - overlap)))
    return np.round(np.linspace(0, n - size, count)).astype(int).tolist()


def merge(found: list[tuple[np.ndarray, np.ndarray]], same_iou: float = 0.5, same_share: float = 0.8):
    """One list of units from those of all windows: (territories (n, H', W'), scores (n,)), best first.

    found: (territories, scores) of each window, on the whole grid. Two of *different* windows are one unit if their
    masks' IoU is at least same_iou, or if one window has cut it: a share same_share of the smaller lies in the other.
    The better score stays. Units of one window are never merged.
    """
    territories = np.concatenate([t for t, _ in found])
    scores = np.concatenate([s for _, s in found])
    window = np.repeat(np.arange(len(found)), [len(s) for _, s in found])
    order = np.argsort(-scores, kind="stable")
    masks = flat(territories)
    kept: list[int] = []
    for i in order:
        this, better = masks[i : i + 1], masks[kept]
        same = (iou(better, this) >= same_iou) | (overlap(better, this) >= same_share)
        if not (same[:, 0] & (window[kept] != window[i])).any():
            kept.append(i)
    return territories[kept], scores[kept]
