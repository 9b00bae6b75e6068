"""Territories of a velocity sequence by a segmentation network."""

from __future__ import annotations

import numpy as np

from mrcnn.masks import unmold_mask
from muspipe.data.standardise import standardise
from muspipe.identification import windows

BATCH = 8
"""Windows a call of the network."""


def find_territories(
    model, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float, mask_level: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """(territories bool (n, H, W), scores float32 (n,)) of velocity (H, W, T), best first.

    model: a Segmentation. A recording of other pixels, frame rate, size or length than the network's is resampled and
    cut into windows. mask_level: where a mask of the network, 0..1, begins.
    """
    preset = model.preset
    window = tuple(preset["input_shape"][:3])
    grid = windows.to_grid(velocity, frame_rate_hz, pixel_mm, preset["grid"])
    shape = grid.shape[:2]
    grid = windows.padded(grid, window)
    corners = windows.corners(grid.shape, window)
    found = []
    for start in range(0, len(corners), BATCH):
        part = corners[start : start + BATCH]
        images = np.stack([_window(grid, corner, window) for corner in part])
        for corner, (territories, scores) in zip(part, _detect(model, images, mask_level), strict=True):
            whole = np.zeros((len(territories), *grid.shape[:2]), bool)
            whole[:, corner[0] : corner[0] + window[0], corner[1] : corner[1] + window[1]] = territories
            whole = whole[:, : shape[0], : shape[1]]
            some = whole.any(axis=(1, 2))
            found.append((whole[some], scores[some]))
    territories, scores = windows.merge(found)
    territories = windows.from_grid(territories, velocity.shape[:2])
    some = territories.any(axis=(1, 2))
    return territories[some], scores[some]


def _window(grid, corner, window):
    y, x, t = corner
    return standardise(np.array(grid[y : y + window[0], x : x + window[1], t : t + window[2]], order="C"))


def _detect(model, images, mask_level):
    """(territories (n, h, w), scores (n,)) of each standardised window (B, h, w, t)."""
    detections, masks = model.detect_molded(images[..., None], model.image_metas(len(images)))
    height, width = images.shape[1:3]
    size = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    for rows, own in zip(detections, masks, strict=True):
        boxes = np.round(rows[: len(own), :4] * size + [0, 0, 1, 1]).astype(int)  # as the reference denormalises
        territories = np.zeros((len(own), height, width), bool)
        for territory, mask, box in zip(territories, own, boxes, strict=True):
            if (box[2:] > box[:2]).all():
                territory[:] = unmold_mask(mask, box, (height, width), mask_level)
        yield territories, rows[: len(own), 5].astype(np.float32)
