"""Tuned blind source separation: finds the motor units of a sequence without being told their number.

1. Principal components above the noise edge (subspace), freed from motion of the whole muscle (motion).
2. One rotation, for maps and signals alike, that makes the maps skewed: bright patches (rotation).
3. From each patch the sparsest non-negative map, which undoes the mixing of overlapping units (sparse).
4. Patches of one unit, split by its onset delays, are linked by their signals; nested units are told apart (linking).
5. Territories and twitch trains are refitted to the data in turn, by least squares (refit).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from muspipe.baselines.linking import lagged_similarity, link_patches, main_source, mend_nested, merge_copies
from muspipe.baselines.motion import smooth_motion
from muspipe.baselines.refit import alternate
from muspipe.baselines.shapes import flat, solidity, threshold_shape
from muspipe.baselines.sparse import SparseSettings, sparse_maps
from muspipe.baselines.subspace import signal_subspace
from muspipe.firings import find_firings
from muspipe.leastsquares import fit_signals
from muspipe.methods import Units


@dataclass(frozen=True)
class Separation:
    """A sequence taken apart: n candidates for units."""

    x: np.ndarray
    """float32 (P, T), velocity without the motion of the whole muscle"""
    subspace: object
    signals: np.ndarray
    """float32 (n, T)"""
    shapes: np.ndarray
    """bool (n, H, W)"""
    delayed: np.ndarray
    """bool (n,), units whose onset spreads over the territory"""
    area_px: tuple[float, float]
    frame_rate_hz: float

    def only(self, kept: np.ndarray) -> Separation:
        """Those of the candidates for which kept (n,) is true."""
        parts = {name: getattr(self, name)[kept] for name in ("signals", "shapes", "delayed")}
        return dataclasses.replace(self, **parts)


@dataclass(frozen=True)
class TunedICA:
    """Settings of method `ica`; tuned on simulated sequences of both scenarios, not on those that are reported."""

    max_components: int = 120
    """At most this many principal components, however little noise there is."""
    snr_ceiling_db: float = 30.0
    """Noise is taken to be at least this low; see `subspace.signal_subspace`."""
    diameter_mm: tuple[float, float] = (2.0, 12.0)
    """Diameters of circles with the areas of the smallest and largest territories sought."""
    sparse: SparseSettings = field(default_factory=SparseSettings)
    link_window_s: float = 0.010
    """Signals of one unit's patches are at most about this far apart."""
    link_similarity: float = 0.55
    """Touching patches are linked if shifted copies of one signal explain this share of the other."""
    merge_similarity: float = 0.6
    """The same for overlapping units after a refit, when signals are purer."""
    merge_overlap: float = 0.3
    """Units are merged only if they share this much of the smaller one."""
    nested_correlation: float = 0.25
    nested_solidity_gain: float = 0.03
    """See `linking.mend_nested`."""
    territory_level: float = 0.3
    """A territory is where a unit's map exceeds this fraction of its plateau. True discs that fade to 0.3 at their
    rim, and flat ones, are both met best between 0.2 and 0.4."""
    same_overlap: float = 0.5
    """A territory found by other means is new if no unit's mask has an IoU above this with it."""
    min_score: float = 0.3
    """Units with a lower score are dropped."""
    seed: int = 0
    """of the rotation's start; the result hardly depends on it, but it is then the same every time."""

    def find(self, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float) -> Units:
        """Motor units in velocity (H, W, T) float32. The number found may be 0."""
        found = self.separate(velocity, frame_rate_hz=frame_rate_hz, pixel_mm=pixel_mm)
        return Units.none(velocity) if found is None else self.result(found)

    def separate(self, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float, more=None) -> Separation | None:
        """All that looks like a unit, before doubtful ones are dropped; None if there is nothing.

        more: a function of the velocity (H, W, T) without the motion of the whole muscle that gives territories bool
        (m, H, W) found by other means; where the separation has no such unit, they join it before all are refitted.
        """
        image_shape = velocity.shape[:2]
        x = np.ascontiguousarray(velocity.reshape(-1, velocity.shape[2]), np.float32)
        area_px = tuple(np.pi / 4 * (d / pixel_mm) ** 2 for d in self.diameter_mm)
        rng = np.random.default_rng(self.seed)
        for _ in range(3):
            subspace = signal_subspace(x, self.max_components, self.snr_ceiling_db)
            if subspace.rank == 0:
                return None
            maps, shapes = sparse_maps(subspace, image_shape, area_px, self.sparse, rng)
            motion = smooth_motion(subspace, image_shape)
            if motion.shape[1] == 0:
                break
            together = np.concatenate([maps, motion], axis=1)
            x = x - motion @ fit_signals(together.T, x)[len(shapes) :]  # as far as the units do not explain it
        if len(shapes) == 0:
            return None
        signals, shapes, delayed = self._units_from_patches(x, maps, shapes, area_px, frame_rate_hz)
        signals, shapes = alternate(x, signals, shapes, delayed, self.territory_level, 2)
        found = Separation(x, subspace, signals, shapes, delayed, area_px, frame_rate_hz)
        found = found.only(self._plausible(shapes, area_px))
        if more is not None:
            found = self._joined(found, more(x.reshape(velocity.shape)))
        return self._resolve(found) if len(found.shapes) else None

    def _joined(self, found, more):
        """The separation with those of the territories `more` that it has not, all refitted."""
        new = np.array([not _overlaps(shape, found.shapes, self.same_overlap) for shape in more], bool)
        if not new.any():
            return found
        shapes = np.concatenate([found.shapes, more[new]])
        delayed = np.concatenate([found.delayed, np.full(new.sum(), found.delayed.any())])
        signals = fit_signals(flat(shapes), found.x)
        signals[: len(found.signals)] = found.signals
        signals, shapes = alternate(found.x, signals, shapes, delayed, self.territory_level, 1)
        found = dataclasses.replace(found, signals=signals, shapes=shapes, delayed=delayed)
        return found.only(self._plausible(shapes, found.area_px))

    def _units_from_patches(self, x, maps, shapes, area_px, frame_rate_hz):
        """Link patches to units: (signals (n, T), shapes (n, H, W), delayed (n,))."""
        maps, shapes, signals = self._mend(x, maps, shapes, area_px)
        group = link_patches(shapes, self._similarity(signals, frame_rate_hz), self.link_similarity)
        members = [np.flatnonzero(group == g) for g in range(group.max() + 1)]
        delayed = np.array([len(m) > 1 for m in members])
        sources = [main_source(maps[:, m], signals[m]) for m in members]
        level = np.where(delayed, self.territory_level, self.sparse.core_level)
        shapes = np.array(
            [
                threshold_shape(source[0].reshape(shapes.shape[1:]), shapes[m].any(axis=0), at)
                for source, m, at in zip(sources, members, level, strict=True)
            ]
        )
        return np.array([source[1] for source in sources]), shapes, delayed

    def _resolve(self, found):
        """Merge copies of one unit, tell nested units apart, and refit after each."""
        x, signals, shapes, delayed = found.x, found.signals, found.shapes, found.delayed
        similarity = self._similarity(signals, found.frame_rate_hz)
        kept, merged = merge_copies(signals, shapes, similarity, self.merge_similarity, self.merge_overlap)
        if len(kept) < len(signals):
            delayed = delayed[kept]
            signals, shapes = alternate(x, signals[kept], merged, delayed, self.territory_level, 1)
        _, mended, _ = self._mend(x, flat(shapes).T, shapes, found.area_px)
        if not np.array_equal(mended, shapes):
            signals, shapes = alternate(x, fit_signals(flat(mended), x), mended, delayed, self.territory_level, 1)
        return dataclasses.replace(found, signals=signals, shapes=shapes, delayed=delayed)

    def result(self, found: Separation) -> Units:
        """Units of a separation: what cannot be one is dropped, the rest scored and sorted."""
        fires = np.array([len(times_s) > 0 for times_s in find_firings(found.signals, found.frame_rate_hz)], bool)
        # a twitch integrates to zero, an offset does not
        moves = np.abs(found.signals.mean(axis=1)) < found.signals.std(axis=1)
        found = found.only(self._plausible(found.shapes, found.area_px) & fires & moves)
        signals, shapes = found.signals, found.shapes
        masks = flat(shapes)
        explained = np.sum((masks @ found.subspace.basis) ** 2, axis=1) / np.maximum(masks.sum(axis=1), 1)
        scores = np.clip(explained * [solidity(shape) for shape in shapes], 0, 1).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self.min_score]
        return Units(shapes[order], signals[order], scores[order])

    def _mend(self, x, maps, shapes, area_px):
        return mend_nested(x, maps, shapes, area_px[1], self.nested_correlation, self.nested_solidity_gain)

    def _similarity(self, signals, frame_rate_hz):
        step = max(1, round(0.0025 * frame_rate_hz))
        max_lag = max(1, round(self.link_window_s * frame_rate_hz / step)) * step
        return lagged_similarity(signals, max_lag, step)

    def _plausible(self, shapes, area_px):
        areas = shapes.sum(axis=(1, 2))
        return (areas >= area_px[0]) & (areas <= area_px[1])


def _overlaps(shape, shapes, threshold):
    """Whether any of the shapes (n, H, W) has an IoU above the threshold with the shape (H, W)."""
    shared = (shapes & shape).sum(axis=(1, 2))
    union = (shapes | shape).sum(axis=(1, 2))
    return bool((shared > threshold * union).any())
