"""Maps of single sources: the sparsest non-negative maps in the signal subspace.

Territories overlap, so their maps are correlated, and maps that ICA keeps uncorrelated are mixed. Where the responses
are non-negative, each true map is the one of least total brightness among the non-negative maps that are bright at its
core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.baselines.shapes import bright_shape, threshold_shape
from muspipe.baselines.subspace import SignalSubspace, skewed_maps
from simulator.shared.settings import check, setting


@dataclass(frozen=True)
class SparseSettings:
    """How sparse maps are sought."""

    iterations: int = setting(8, "rounds of the reweighted least squares that find one map", least=1)
    negative_weight: float = setting(5.0, "negative values cost this much more than positive ones", above=0)
    noise_multiple: float = setting(3.0, "values below this many SDs of the map's noise are left as they are", least=0)
    smallest_level: float = setting(0.03, "the same as a fraction of the core's level, for clean recordings", above=0)
    core_level: float = setting(0.5, "a core is where a map exceeds this fraction of its peak", least=0, most=1)
    duplicate_correlation: float = setting(0.9, "maps that are more alike than this are one", least=0, most=1)

    def __post_init__(self):
        check(self)


def sparse_maps(
    subspace: SignalSubspace, image_shape, area_px: tuple[float, float], settings: SparseSettings, rng
) -> tuple[np.ndarray, np.ndarray]:
    """(maps (P, n), cores bool (n, H, W)); maps are 1 at their cores' median. area_px: (least, largest) territory."""
    maps, directions, cores = [], [], []
    for start in skewed_maps(subspace.basis, rng).T:
        core = bright_shape(start.reshape(image_shape), settings.core_level, max(1, round(area_px[0])))
        if not area_px[0] / 2 <= core.sum() <= area_px[1]:
            continue
        image = _sparsest(subspace, core.ravel(), start, settings)
        direction = image / np.linalg.norm(image)
        if maps and np.max(np.abs(np.array(directions) @ direction)) > settings.duplicate_correlation:
            continue
        core = threshold_shape(image.reshape(image_shape), core, settings.core_level)
        level = np.median(image[core.ravel()]) if core.any() else 0
        if level > 0 and core.sum() <= area_px[1]:
            maps.append(image / level)
            directions.append(direction)
            cores.append(core)
    return (
        np.array(maps, np.float32).reshape(-1, len(subspace.basis)).T,
        np.array(cores, bool).reshape(-1, *image_shape),
    )


def _sparsest(subspace, core, start, settings):
    """The map (P,) of mean 1 over `core` with the least asymmetric absolute sum, from `start` on."""
    basis = subspace.basis
    at_core = basis[core].mean(axis=0).astype(np.float64)
    weights = basis.T @ start
    weights = (weights / (at_core @ weights)).astype(np.float32)
    for _ in range(settings.iterations):
        image = basis @ weights
        least = max(settings.smallest_level, settings.noise_multiple * subspace.noise_sd(weights))
        stiffness = 1 / np.maximum(np.abs(image), np.float32(least))
        stiffness[image < -least] *= settings.negative_weight
        moment = (basis * stiffness[:, None]).T @ basis
        solution = np.linalg.solve(moment.astype(np.float64), at_core)
        weights = (solution / (at_core @ solution)).astype(np.float32)
    return basis @ weights
