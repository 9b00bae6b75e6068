"""Which found motor unit is which true one: one-to-one, by overlap of the territories."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

IOU_THRESHOLD = 0.5
"""A motor unit is found if the intersection over union of the masks exceeds this (paper)."""


def mask_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every mask of a (n, H, W) with every mask of b (m, H, W): float64 (n, m)."""
    a, b = _flat(a), _flat(b)
    intersection = a @ b.T
    union = a.sum(1)[:, None] + b.sum(1)[None, :] - intersection
    return intersection / np.maximum(union, 1)


def dice(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dice agreement 2|A and B| / (|A| + |B|) of every mask of a (n, H, W) with every mask of b (m, H, W): (n, m)."""
    a, b = _flat(a), _flat(b)
    return 2 * (a @ b.T) / np.maximum(a.sum(1)[:, None] + b.sum(1)[None, :], 1)


def match_territories(found: np.ndarray, true: np.ndarray, threshold: float = IOU_THRESHOLD):
    """(found index, true index) of the matched pairs, int arrays of equal length.

    Among all one-to-one pairings of masks with IoU > threshold the one with most pairs is taken, then the largest sum
    of IoUs. found (n, H, W), true (m, H, W), bool.
    """
    iou = mask_iou(found, true)
    # A pair above the threshold is worth more than all IoUs together, so that no match is given up for a better
    # overlap.
    worth = np.where(iou > threshold, len(iou) + len(iou.T) + iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = iou[rows, columns] > threshold
    return rows[kept], columns[kept]


def _flat(masks):
    masks = np.asarray(masks, bool)
    return masks.reshape(len(masks), np.prod(masks.shape[1:], dtype=int)).astype(np.float64)
