"""The rotation that makes the maps of a subspace as skewed as can be: a territory is a small bright patch on zero."""

from __future__ import annotations

import numpy as np


def skewed_maps(basis: np.ndarray, rng: np.random.Generator, iterations=200, tolerance=1e-4) -> np.ndarray:
    """Maps (P, K) spanning the same space as `basis` (P, K), uncorrelated over pixels, each positively skewed.

    Fixed-point ICA with the third moment as its contrast and symmetric orthogonalisation. The same rotation, taken on
    the time side, gives the maps' signals.
    """
    centred = basis - basis.mean(axis=0)
    variances, axes = np.linalg.eigh((centred.T @ centred / len(centred)).astype(np.float64))
    white = (centred @ (axes / np.sqrt(np.maximum(variances, 1e-8)))).astype(np.float32)
    rotation = _orthogonal(rng.standard_normal((basis.shape[1], basis.shape[1])))
    for _ in range(iterations):
        maps = white @ rotation
        turned = _orthogonal(white.T @ (maps * maps))
        change = np.abs(np.abs(np.einsum("ij,ij->j", turned, rotation)) - 1).max()
        rotation = turned
        if change < tolerance:
            break
    maps = white @ rotation
    return maps * np.where(np.einsum("ij,ij,ij->j", maps, maps, maps) < 0, np.float32(-1), np.float32(1))


def _orthogonal(matrix):
    """The orthogonal matrix nearest to `matrix`, float32."""
    left, _, right = np.linalg.svd(matrix)
    return (left @ right).astype(np.float32)
