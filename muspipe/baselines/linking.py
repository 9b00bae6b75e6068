"""Which of the separated maps belong to one motor unit.

Onset delays split a unit into patches whose signals are shifted copies and their differences; a unit that lies within
another is first found as a hole in that one. Shapes: maps (P, n), shapes bool (n, H, W), signals (n, T).
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.fft import dct
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from muspipe.baselines.shapes import dilate, filled, solidity
from muspipe.leastsquares import fit_signals
from muspipe.territories import flat, overlap


def lagged_similarity(signals: np.ndarray, max_lag: int, step: int = 1, ridge: float = 1e-3) -> np.ndarray:
    """How much of one signal the shifted copies of another explain: symmetric (n, n), 0-1.

    R^2 of the ridge regression on copies shifted by -max_lag ... max_lag frames, the better of both directions. Shifted
    copies, sums and differences of one twitch train explain each other; trains of two units hardly do.
    """
    n_frames = signals.shape[1]
    middle = slice(max_lag, n_frames - max_lag)
    targets = _standardised(signals[:, middle])
    similarity = np.zeros((len(signals), len(signals)))
    for i, signal in enumerate(signals):
        copies = np.stack([signal[max_lag + k : n_frames - max_lag + k] for k in range(-max_lag, max_lag + 1, step)])
        copies = copies - copies.mean(axis=1, keepdims=True)
        _, values, directions = np.linalg.svd(copies, full_matrices=False)
        shrink = values**2 / (values**2 + ridge * values[0] ** 2 + 1e-30)
        similarity[i] = (targets @ directions.T) ** 2 @ shrink
    return np.maximum(similarity, similarity.T)


def link_patches(shapes: np.ndarray, similarity: np.ndarray, threshold: float) -> np.ndarray:
    """Group of each patch, int (n,) from 0: patches that touch and whose signals are alike, by average linkage."""
    if len(shapes) < 2:
        return np.zeros(len(shapes), int)
    grown = flat(dilate(shapes))
    distance = 1 - similarity * (grown @ grown.T > 0)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(np.clip(distance, 0, 1), checks=False), "average")
    return fcluster(tree, 1 - threshold, "distance") - 1


def main_source(maps: np.ndarray, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best rank-one form of maps (P, n) x signals (n, T): (map (P,), signal (T,) of norm 1), map positively skewed."""
    values, axes = np.linalg.eigh((maps.T @ maps).astype(np.float64))
    factor = (axes * np.sqrt(np.maximum(values, 0))).T  # maps is an orthonormal matrix times this
    signal = np.linalg.svd(factor @ signals, full_matrices=False)[2][0].astype(np.float32)
    image = maps @ (signals @ signal)
    sign = np.float32(np.sign(np.sum(image.astype(np.float64) ** 3)) or 1)
    return sign * image, sign * signal


def mend_nested(velocity, maps, shapes, max_area_px, min_correlation, min_gain, rounds: int = 3):
    """Give back to a territory the part that another unit inside it took.

    Where unit A lies within B, A and "B without A" explain the data as well as A and B do, but A then carries the sum
    of both signals. Such a pair gives itself away: adding A's shape makes B more convex (solidity rises by min_gain),
    their signals correlate (above min_correlation), and less so once B's signal is taken from A's.
    Returns (maps, shapes, signals).
    """
    maps, shapes = maps.copy(), shapes.copy()
    for _ in range(rounds):
        signals = fit_signals(maps.T, velocity)
        mended = set()
        for _, outer, inner, union in sorted(
            _nested_pairs(signals, shapes, max_area_px, min_correlation, min_gain), key=lambda pair: -pair[0]
        ):
            if not mended & {outer, inner}:
                shapes[outer] = union
                maps[:, outer] += maps[:, inner]
                mended |= {outer, inner}
        if not mended:
            break
    return maps, shapes, fit_signals(maps.T, velocity)


def _nested_pairs(signals, shapes, max_area_px, min_correlation, min_gain):
    """(merit, outer, inner, union) of the pairs that look like a hole and its filling."""
    standard = _standardised(signals)
    correlation = standard @ standard.T
    touching = flat(dilate(shapes)) @ flat(shapes).T > 0
    roundness = [solidity(shape) for shape in shapes]
    for outer, inner in np.argwhere(touching & (correlation >= min_correlation)):
        if outer == inner:
            continue
        rest = _standardised((signals[inner] - signals[outer])[None])[0]
        drop = correlation[outer, inner] - abs(rest @ standard[outer])
        if drop <= 0:
            continue
        union = filled(shapes[outer] | shapes[inner])
        if union.sum() > max_area_px or np.array_equal(union, shapes[outer]):
            continue
        gain = solidity(union) - roundness[outer]
        if gain >= min_gain:
            yield drop + gain, int(outer), int(inner), union


def merge_copies(signals, shapes, similarity, threshold: float, min_overlap: float):
    """Join units that overlap (by min_overlap of the smaller) and whose signals are alike.

    Returns (kept (m,), shapes (m, H, W)): of each group the unit with most energy is kept, with the union of the
    shapes.
    """
    alike = (similarity > threshold) & (overlap(shapes, shapes) > min_overlap)
    n_groups, group = connected_components(alike)
    energy = np.einsum("ij,ij->i", signals, signals) * shapes.sum(axis=(1, 2))
    members = [np.flatnonzero(group == g) for g in range(n_groups)]
    kept = np.array([m[energy[m].argmax()] for m in members], int)
    return kept, np.array([shapes[m].any(axis=0) for m in members]).reshape(-1, *shapes.shape[1:])


def first_of_copies(similarity: np.ndarray, threshold: float) -> np.ndarray:
    """bool (n,): of units that are as alike as that, similarity (n, n), only the first."""
    kept = np.zeros(len(similarity), bool)
    for i, alike in enumerate(similarity > threshold):
        kept[i] = not (alike & kept).any()
    return kept


def quick_share(signals: np.ndarray, frame_rate_hz: float, quick_hz: float = 10.0) -> np.ndarray:
    """(n,) share of the power of signals (n, T) about their means that lies above quick_hz."""
    powers = dct(signals, axis=1, norm="ortho")[:, 1:].astype(np.float64) ** 2
    frequencies_hz = np.arange(1, signals.shape[1]) * frame_rate_hz / 2 / signals.shape[1]
    return powers[:, frequencies_hz > quick_hz].sum(axis=1) / np.maximum(powers.sum(axis=1), 1e-30)


def _standardised(signals):
    """Zero mean, unit norm over time."""
    signals = signals - signals.mean(axis=1, keepdims=True)
    return signals / (np.linalg.norm(signals, axis=1, keepdims=True) + 1e-12)
