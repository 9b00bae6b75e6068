"""Signals of known maps, by least squares: all units together explain the velocity.

Maps (n, P) over P pixels, velocity (P, T), signals (n, T).
"""

from __future__ import annotations

import numpy as np


def fit_signals(maps: np.ndarray, velocity: np.ndarray, ridge: float = 1e-4) -> np.ndarray:
    """Signals float32 (n, T) that best explain the velocity (P, T) as the sum of maps (n, P) x signals.

    The ridge, relative to unit-norm maps, keeps maps that are nearly alike from fitting noise against each other.
    """
    maps, norms, gram = _normal_equations(maps, ridge)
    return (np.linalg.solve(gram, (maps @ velocity).astype(np.float64)) / norms).astype(np.float32)


def signal_weights(maps: np.ndarray, unit: int | slice, ridge: float = 1e-4) -> np.ndarray:
    """float32 (P,): the weights with which `fit_signals` sums the pixels to the signal of one unit; (m, P) of a slice
    of units."""
    maps, norms, gram = _normal_equations(maps, ridge)
    chosen = np.eye(len(maps))[unit]
    return (np.linalg.solve(gram, chosen.T).T / norms[unit]).astype(np.float32) @ maps


def _normal_equations(maps, ridge):
    """Unit-norm maps, norms (n, 1), gram matrix with its ridge."""
    norms = np.sqrt(np.einsum("ij,ij->i", maps, maps, dtype=np.float64))[:, None] + 1e-12
    maps = (maps / norms).astype(np.float32)
    gram = (maps @ maps.T).astype(np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    return maps, norms, gram
