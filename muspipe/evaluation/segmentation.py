"""Segmentation: pixel recall and precision of matched territories."""

from __future__ import annotations

import numpy as np


def pixel_recall_precision(found: np.ndarray, true: np.ndarray):
    """Per pair of masks, found[i] with true[i] (n, H, W): share of the true pixels found, of the found pixels true."""
    common = (found & true).sum(axis=(1, 2))
    return common / np.maximum(true.sum(axis=(1, 2)), 1), common / np.maximum(found.sum(axis=(1, 2)), 1)
