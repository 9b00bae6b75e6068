"""How many signals rise above the noise, and the space they span.

Shapes: velocity X (P, T), P pixels, T frames; bases U (P, K), columns orthonormal over pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import svds

LARGEST_FULL_DECOMPOSITION = 1200
"""Up to this side the Gram matrix is decomposed whole; above it a truncated SVD is faster."""


@dataclass(frozen=True)
class SignalSubspace:
    """What of a sequence is signal."""

    basis: np.ndarray
    """U: float32 (P, K)"""
    eigenvalues: np.ndarray
    """(K,) squared singular values, falling"""
    noise_variance: float
    """of a pixel in a frame"""

    @property
    def rank(self) -> int:
        return self.basis.shape[1]

    def noise_sd(self, weights: np.ndarray) -> float:
        """SD of the noise in a pixel of the map `basis @ weights`."""
        return float(np.sqrt(self.noise_variance * np.sum(weights**2 / self.eigenvalues)))


def signal_subspace(velocity: np.ndarray, max_components: int, snr_ceiling_db: float) -> SignalSubspace:
    """Principal components above the edge of the noise.

    The largest singular value of P x T white noise of SD s is s (sqrt P + sqrt T); components above it are signal, and
    s follows from what the others hold, in turn. `snr_ceiling_db`: noise is never taken to be lower than this below the
    mean power, or the small change that a delay makes within a territory would count as signal without end.
    """
    n_pixels, n_frames = velocity.shape
    total = float(np.einsum("ij,ij->", velocity, velocity, dtype=np.float64))
    eigenvalues, basis_of = _principal_components(velocity, max_components)
    floor = total / velocity.size * 10 ** (-snr_ceiling_db / 10)
    rank = 0
    for _ in range(len(eigenvalues) + 1):  # the rank only grows, so this ends
        rest = max(total - eigenvalues[:rank].sum(), 0.0)
        noise_variance = max(rest / max((n_pixels - rank) * (n_frames - rank), 1), floor)
        edge = 1.01 * noise_variance * (np.sqrt(n_pixels) + np.sqrt(n_frames)) ** 2
        grown = int(np.count_nonzero(eigenvalues > edge))
        if grown <= rank:
            break
        rank = grown
    return SignalSubspace(basis_of(rank), eigenvalues[:rank], noise_variance)


def _principal_components(velocity, max_components):
    """(eigenvalues falling, at most max_components; function rank -> basis)."""
    n_pixels, n_frames = velocity.shape
    if min(velocity.shape) > LARGEST_FULL_DECOMPOSITION:
        start = np.random.default_rng(0).standard_normal(min(velocity.shape))  # the same result every time
        left, values, _ = svds(velocity, k=max_components, v0=start, tol=1e-3)
        order = np.argsort(values)[::-1]
        return values[order] ** 2, lambda rank: np.ascontiguousarray(left[:, order[:rank]], np.float32)
    if n_frames <= n_pixels:
        values, vectors = np.linalg.eigh((velocity.T @ velocity).astype(np.float64))
    else:
        values, vectors = np.linalg.eigh((velocity @ velocity.T).astype(np.float64))
    values, vectors = np.maximum(values[::-1][:max_components], 0), vectors[:, ::-1]

    def basis_of(rank):
        if n_frames <= n_pixels:
            return velocity @ (vectors[:, :rank] / np.sqrt(values[:rank])).astype(np.float32)
        return np.ascontiguousarray(vectors[:, :rank], np.float32)

    return values, basis_of
