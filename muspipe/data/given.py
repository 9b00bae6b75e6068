"""Territories as a twitch network is given them: the true ones, or with the errors that a detector makes."""

from __future__ import annotations

import numpy as np

SHIFT_SD_PX = 0.75
"""SD of a centre's error in y and in x at error 1 (0.5 mm)."""
RADIUS_SD = 0.12
"""SD of the natural logarithm of a radius' error at error 1."""
MISSED = 0.1
"""Share of the other units that are not found at error 1, at most half of them."""


def wrong_territories(masks: np.ndarray, rng: np.random.Generator, error: float) -> np.ndarray:
    """Discs bool (n, H, W) in place of true masks (n, H, W): of their places and areas but for `error` times a
    detector's errors."""
    n, height, width = masks.shape
    shifts = rng.normal(0, error * SHIFT_SD_PX, (n, 2))
    growth = np.exp(rng.normal(0, error * RADIUS_SD, n))
    y, x = np.ogrid[:height, :width]
    discs = np.empty_like(masks)
    for i, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        center_y, center_x = rows.mean() + shifts[i, 0], columns.mean() + shifts[i, 1]
        disc = (y - center_y) ** 2 + (x - center_x) ** 2 <= len(rows) / np.pi * growth[i] ** 2
        discs[i] = disc if disc.any() else mask
    return discs


def given_territories(masks: np.ndarray, unit: int, rng: np.random.Generator, error: float):
    """(masks bool (m, H, W), index of the unit in them) of true masks (n, H, W), at `error` times a detector's errors:
    wrong, and some of the other units not found. Error 0 draws nothing."""
    if error == 0:
        return masks, unit
    wrong = wrong_territories(masks, rng, error)
    found = rng.random(len(masks)) >= min(error * MISSED, 0.5)
    found[unit] = True
    return wrong[found], int(np.count_nonzero(found[:unit]))
