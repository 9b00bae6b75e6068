"""Sparse principal components: maps of which only as many pixels as a territory has are not zero.

Zou, Hastie & Tibshirani 2006 (J. Comput. Graph. Stat. 15:265), in the limit of their strong ridge, where a map is a
soft-thresholded projection; Rohlén et al. 2022 (BMC Research Notes 15:207) use it for motor units in ultrafast
ultrasound with 25 components of 150 or 250 pixels, which are discs of 4.3 and 5.6 mm there. Ours: the number of pixels
is given as that disc's diameter, as pixels differ in size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.baselines.components import ComponentMethod
from muspipe.progress import tell
from simulator.shared.settings import setting


@dataclass(frozen=True)
class SparsePCA(ComponentMethod):
    """Settings of method `spca`."""

    disc_mm: float = setting(
        5.6, "a map is not zero in as many pixels as a disc of this diameter", unit="mm", above=0, most=1000
    )
    iterations: int = setting(50, "rounds of the alternation at most", least=1, most=100_000)
    tolerance: float = setting(
        1e-2, "it ends when no map changes by more than this, relative to its norm", above=0, most=1
    )

    def separate(self, vectors, k, recording):
        """Sparse maps of norm one, and the velocity projected on them."""
        n_px = max(1, round(np.pi / 4 * (self.disc_mm / recording.pixel_mm) ** 2))
        scaled = vectors.left * vectors.values  # (P, r): the covariance of the pixels is scaled @ scaled.T
        dense = vectors.left[:, :k]
        maps = np.zeros_like(dense)
        for done in range(self.iterations):
            tell(done, self.iterations, "round", most=True)
            before, maps = maps, _sparse(scaled @ (scaled.T @ dense), n_px)
            if np.linalg.norm(maps - before, axis=0).max() < self.tolerance:
                break
            left, _, right = np.linalg.svd(scaled @ (scaled.T @ maps), full_matrices=False)
            dense = left @ right
        return maps, vectors.right @ (scaled.T @ maps)


def _sparse(maps, n_px):
    """Maps (P, k) of norm one in which the n_px largest absolute values are left, less the next."""
    size = np.abs(maps)
    if n_px < len(maps):
        next_one = len(maps) - n_px - 1
        size = np.maximum(size - np.partition(size, next_one, axis=0)[next_one], 0)
    return np.sign(maps) * size / (np.linalg.norm(size, axis=0) + 1e-300)
