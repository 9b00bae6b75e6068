"""Zero mean and unit standard deviation over a whole sequence, as both networks expect."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from simulator.sequence import mean_power


def standardise(images: np.ndarray) -> np.ndarray:
    """Standardise one C-contiguous float32 sequence of any shape in place; a constant one becomes zero."""
    images -= images.mean(dtype=np.float64).astype(np.float32)
    sd = np.sqrt(mean_power(images))
    if sd > 0:
        images *= np.float32(1 / sd)
    return images


def clean_moments(maps: np.ndarray, signals: np.ndarray) -> tuple[float, float]:
    """(mean, mean square) over all pixels and frames of the sequence these render to, without rendering it.

    maps (C, H, W), signals (C, T). The mean square is a sum over pairs of components, overlap of maps x overlap of
    signals; few maps overlap, so the pairs are those of a sparse product. (A dense one would go to a threaded BLAS,
    whose threads and those of tf.data wait for each other: batches then come at a tenth of the rate.)
    """
    flat = csr_array(maps.reshape(len(maps), -1)).astype(np.float64)
    n_values = flat.shape[1] * signals.shape[1]
    mean = float(np.sum(flat.sum(axis=1) * signals.sum(axis=1, dtype=np.float64)) / n_values)
    overlaps = (flat @ flat.T).tocoo()
    rows, columns = overlaps.coords
    shared = np.einsum("kt,kt->k", signals[rows], signals[columns], dtype=np.float64)
    return mean, float(np.sum(overlaps.data * shared) / n_values)
