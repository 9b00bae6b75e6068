"""From a velocity to maps of single sources: the signal above the noise, freed from motion of the whole muscle, rotated
until its maps are skewed, and from each of these the sparsest non-negative map.

Territories overlap, so their maps are correlated, and maps that ICA keeps uncorrelated are mixed. Where the responses
are non-negative, each true map is the one of least total brightness among the non-negative maps that are bright at its
core.

Shapes: velocity X (P, T), P pixels, T frames; bases U (P, K), columns orthonormal over pixels; maps (P, n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import svds

from muspipe.baselines.noise import Noise
from muspipe.baselines.shapes import bright_shape, threshold_shape
from muspipe.progress import tell
from simulator.shared.settings import check, setting

LARGEST_FULL_DECOMPOSITION = 1200
"""Up to this side the Gram matrix is decomposed whole; above it a truncated SVD is faster."""
LEAST_COSINE = 0.95
"""A smooth map counts as motion if it lies within this cosine of the signal subspace. Twenty-five territories together
come to about 0.8 of a constant map."""


@dataclass(frozen=True)
class SignalSubspace:
    """The part of a sequence that is signal."""

    basis: np.ndarray
    """U: float32 (P, K)"""
    noise: Noise
    mixing: np.ndarray
    """float32 (K, K): the noise of U is `noise.sd` times independent numbers, times this"""

    @property
    def rank(self) -> int:
        return self.basis.shape[1]

    def noise_sd(self, weights: np.ndarray) -> np.ndarray:
        """(P,) SD of the noise in each pixel of the map `basis @ weights`."""
        return self.noise.sd.ravel() * np.float32(np.linalg.norm(self.mixing @ weights))


def signal_subspace(velocity: np.ndarray, noise: Noise, max_components: int) -> SignalSubspace:
    """Principal components of a velocity (P, T) above the edge of its noise.

    They are found where the noise is even, over time, pixels and, half, over the image's frequencies. That gives the
    time courses; the basis spans the maps that these have in the pixels.
    """
    coefficients = velocity @ noise.into_band
    eigenvalues, courses = _principal_components(noise.evened(coefficients), max_components)
    rank = int(np.count_nonzero(eigenvalues > noise.edge))
    maps = coefficients @ courses[:, :rank]
    energies, axes = np.linalg.eigh((maps.T @ maps).astype(np.float64))
    mixing = (axes / np.sqrt(np.maximum(energies, 1e-12 * energies.max(initial=0) + 1e-30))).astype(np.float32)
    return SignalSubspace(maps @ mixing, noise, mixing)


def smooth_motion(subspace: SignalSubspace, image_shape) -> np.ndarray:
    """Orthonormal maps float32 (P, m) of the motion of the whole muscle: surfaces of second order in the signal.

    Such velocity varies smoothly over the image, unlike that of a territory. m = 0 where there is none. Translation,
    rotation, stretch and shear of the cross-section are of this form.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in image_shape), indexing="ij")
    surfaces = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    surfaces = np.linalg.qr(surfaces)[0]
    directions, cosines, _ = np.linalg.svd(surfaces.T @ subspace.basis)
    return (surfaces @ directions[:, : np.count_nonzero(cosines > LEAST_COSINE)]).astype(np.float32)


def skewed_maps(basis: np.ndarray, rng: np.random.Generator, iterations=200, tolerance=1e-4) -> np.ndarray:
    """Maps (P, K) spanning the same space as `basis` (P, K), uncorrelated over pixels, each as skewed as can be: a
    territory is a small bright patch on zero.

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


@dataclass(frozen=True)
class SparseSettings:
    """Settings of the search for sparse maps."""

    iterations: int = setting(8, "rounds of the reweighted least squares that find one map", least=1, most=1000)
    negative_weight: float = setting(5.0, "negative values cost this much more than positive ones", above=0, most=1e6)
    noise_multiple: float = setting(
        3.0, "values below this many SDs of the map's noise are left as they are", least=0, most=100
    )
    smallest_level: float = setting(
        0.03, "the same as a fraction of the core's level, for clean recordings", above=0, most=1
    )
    core_level: float = setting(0.5, "a core is where a map exceeds this fraction of its peak", least=0, most=1)
    duplicate_correlation: float = setting(0.9, "maps that are more alike than this are one", least=0, most=1)

    def __post_init__(self):
        check(self)


def sparse_maps(
    subspace: SignalSubspace, image_shape, area_px: tuple[float, float], settings: SparseSettings, rng
) -> tuple[np.ndarray, np.ndarray]:
    """(maps (P, n), cores bool (n, H, W)); maps are 1 at their cores' median. area_px: (least, largest) territory."""
    maps, directions, cores = [], [], []
    starts = skewed_maps(subspace.basis, rng).T
    for k, start in enumerate(starts):
        tell(k, len(starts), "component")
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
        least = np.maximum(settings.smallest_level, settings.noise_multiple * subspace.noise_sd(weights))
        stiffness = 1 / np.maximum(np.abs(image), least.astype(np.float32))
        stiffness[image < -least] *= settings.negative_weight
        scaled = basis * np.sqrt(stiffness)[:, None]
        moment = scaled.T @ scaled
        solution = np.linalg.solve(moment.astype(np.float64), at_core)
        weights = (solution / (at_core @ solution)).astype(np.float32)
    return basis @ weights


def _principal_components(data, max_components):
    """(squared singular values of data (P, n), falling, at most max_components; right singular vectors float32
    (n, K))."""
    if min(data.shape) > LARGEST_FULL_DECOMPOSITION:
        start = np.random.default_rng(0).standard_normal(min(data.shape))  # the same result every time
        _, values, right = svds(data, k=max_components, v0=start, tol=1e-3)
        order = np.argsort(values)[::-1]
        return values[order] ** 2, right[order].T
    values, vectors = np.linalg.eigh((data.T @ data).astype(np.float64))
    return values[::-1][:max_components], vectors[:, ::-1][:, :max_components].astype(np.float32)


def _orthogonal(matrix):
    """The orthogonal matrix nearest to `matrix`, float32."""
    left, _, right = np.linalg.svd(matrix)
    return (left @ right).astype(np.float32)
