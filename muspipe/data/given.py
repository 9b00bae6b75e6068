"""Territories as a twitch network is given them: the true ones, or with the errors that a detector makes."""

from __future__ import annotations

import numpy as np

from muspipe.territories import centroid, discs

SHIFT_SD_PX = 0.75
"""SD of a centre's error in y and in x at error 1 (0.5 mm)."""
RADIUS_SD = 0.12
"""SD of the natural logarithm of a radius' error at error 1."""
MISSED = 0.1
"""Share of the other units that are not found at error 1, at most half of them."""


def wrong_territories(masks: np.ndarray, rng: np.random.Generator, error: float) -> np.ndarray:
    """Discs bool (n, H, W) in place of the true masks (n, H, W), with their centres and areas, but for `error` times a
    detector's errors."""
    shifts = rng.normal(0, error * SHIFT_SD_PX, (len(masks), 2))
    growth = np.exp(rng.normal(0, error * RADIUS_SD, len(masks)))
    centres = np.reshape([centroid(mask) for mask in masks], (-1, 2)) + shifts
    found = discs(centres, np.sqrt(masks.sum(axis=(1, 2)) / np.pi) * growth, masks.shape[1:])
    lost = ~found.any(axis=(1, 2))  # smaller than a pixel
    found[lost] = masks[lost]
    return found


def given_territories(masks: np.ndarray, unit: int, rng: np.random.Generator, error: float):
    """(masks bool (m, H, W), index of the unit among them) for the true masks (n, H, W), with `error` times the errors
    of a detector: wrong, and some of the other units not found. Error 0 draws nothing from rng."""
    if error == 0:
        return masks, unit
    wrong = wrong_territories(masks, rng, error)
    found = rng.random(len(masks)) >= min(error * MISSED, 0.5)
    found[unit] = True
    return wrong[found], int(np.count_nonzero(found[:unit]))
