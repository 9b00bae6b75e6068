"""Least-squares fits between territories and twitch trains.

Shapes: velocity X (P, T), maps (P, n) or (n, P), signals (n, T), shapes bool (n, H, W).
"""

from __future__ import annotations

import numpy as np

from muspipe.baselines.shapes import dilate, plateau, threshold_shape
from muspipe.leastsquares import fit_signals
from muspipe.territories import flat


def fit_maps(signals: np.ndarray, velocity: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    """Maps float32 (n, P) for given signals (n, T), in multiples of the signals' norm."""
    norms = np.linalg.norm(signals, axis=1, keepdims=True) + 1e-12
    signals = (signals / norms).astype(np.float32)
    gram = (signals @ signals.T).astype(np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    return np.linalg.solve(gram, (signals @ velocity.T).astype(np.float64)).astype(np.float32)


def alternate(velocity, signals, shapes, delayed, level: float, iterations: int):
    """Fit maps to signals, take territories from the maps, fit signals to the maps within the territories; repeat.

    delayed: bool (n,), units whose onset spreads over the territory. Their pixels follow s(t - d) or s(t) - d s'(t),
    so they get a second map, that of s'; the first is then the response whatever the delay.
    Returns (signals, shapes); a signal is the velocity on its unit's plateau.
    """
    for _ in range(iterations):
        n = len(signals)
        slopes = np.gradient(signals[delayed], axis=1)
        maps = fit_maps(np.concatenate([signals, slopes]), velocity)
        shapes = np.array([threshold_shape(m.reshape(s.shape), s, level) for m, s in zip(maps, shapes, strict=False)])
        maps[:n] = without_nested(maps[:n], shapes)
        levels = np.array([plateau(m.reshape(s.shape), s) for m, s in zip(maps, shapes, strict=False)])
        maps /= np.concatenate([levels, levels[delayed]])[:, None] + 1e-12
        grown = flat(np.where(delayed[:, None, None], dilate(shapes), shapes))
        signals = fit_signals(maps * np.concatenate([grown, grown[delayed]]), velocity)[:n]
    return signals, shapes


def without_nested(maps: np.ndarray, shapes: np.ndarray, least_inside: float = 0.9) -> np.ndarray:
    """Maps (n, P) freed from the imprints of units that lie within them.

    Where a unit lies within another, signal and map can trade: if the inner signal holds a part c of the outer one, the
    outer map is lower by c times the inner map, and the fit is the same. A response has no such step: the outer map is
    regressed, over its shape, on a quadratic surface and the inner maps, and their part is taken off. least_inside:
    share of the inner shape that must lie in the outer one; a unit that sticks out further cannot trade.
    """
    maps, masks = maps.copy(), flat(shapes)
    areas = masks.sum(axis=1)
    inside = masks @ masks.T / np.maximum(areas, 1)  # [outer, inner]
    nested = (inside >= least_inside) & (areas[:, None] > 1.5 * areas[None, :]) & (areas[None, :] > 0)
    height, width = shapes.shape[1:]
    for outer in np.flatnonzero(nested.any(axis=1)):
        pixels = np.flatnonzero(masks[outer])
        y, x = (pixels // width) / height, (pixels % width) / width
        inner = maps[nested[outer]]
        surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
        parts = np.linalg.lstsq(np.concatenate([surface, inner[:, pixels].T], axis=1), maps[outer, pixels])[0][6:]
        maps[outer] -= (parts @ inner).astype(np.float32)
    return maps
