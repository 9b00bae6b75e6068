"""Territories of a velocity sequence by a segmentation network."""

from __future__ import annotations

import numpy as np

from muspipe.data.standardise import standardise
from muspipe.identification import windows

BATCH = 8
"""Windows a call of the network."""


def find_territories(
    model, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float, min_score=None, mask_level=None
) -> tuple[np.ndarray, np.ndarray]:
    """(territories bool (n, H, W), scores float32 (n,)) of velocity (H, W, T), best first.

    model: a Segmentation or a CentreNetwork. A recording of other pixels, frame rate, size or length than the network's
    is resampled and cut into windows. min_score: detections below are dropped; mask_level: where a mask of the network,
    0..1, begins; None: as the preset says.
    """
    preset = model.preset
    min_score = preset.detection.min_score if min_score is None else min_score
    mask_level = preset.detection.mask_level if mask_level is None else mask_level
    window = preset.input_shape[:3]
    grid = windows.to_grid(velocity, frame_rate_hz, pixel_mm, preset.grid)
    shape = grid.shape[:2]
    grid = windows.padded(grid, window)
    corners = windows.corners(grid.shape, window)
    found = []
    for start in range(0, len(corners), BATCH):
        part = corners[start : start + BATCH]
        images = np.stack([_window(grid, corner, window) for corner in part])
        for corner, (territories, scores) in zip(part, model.territories(images, mask_level), strict=True):
            whole = np.zeros((len(territories), *grid.shape[:2]), bool)
            whole[:, corner[0] : corner[0] + window[0], corner[1] : corner[1] + window[1]] = territories
            whole = whole[:, : shape[0], : shape[1]]
            some = whole.any(axis=(1, 2))
            found.append((whole[some], scores[some]))
    territories, scores = windows.merge(found)
    territories = windows.from_grid(territories, velocity.shape[:2])
    some = territories.any(axis=(1, 2)) & (scores >= min_score)
    return territories[some], scores[some]


def _window(grid, corner, window):
    y, x, t = corner
    return standardise(np.array(grid[y : y + window[0], x : x + window[1], t : t + window[2]], order="C"))
