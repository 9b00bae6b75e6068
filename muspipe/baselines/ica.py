"""Tuned blind source separation: finds the motor units of a sequence without being told their number.

1. Principal components above the noise edge, freed from motion of the whole muscle (maps).
2. One rotation, for maps and signals alike, that makes the maps skewed: bright patches (maps).
3. From each patch the sparsest non-negative map, which undoes the mixing of overlapping units (maps).
4. Patches of one unit, split by its onset delays, are linked by their signals; nested units are told apart (linking).
5. Territories and twitch trains are fitted to the data in turn, by least squares (fitting).

As steps: `separate`, `resolve`, `units`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from muspipe.baselines.drag import NO_DRAG, Drag, measure_drag
from muspipe.baselines.fitting import alternate, fit_maps
from muspipe.baselines.linking import (
    first_of_copies,
    lagged_similarity,
    link_patches,
    main_source,
    mend_nested,
    merge_copies,
    quick_share,
)
from muspipe.baselines.maps import SignalSubspace, SparseSettings, signal_subspace, smooth_motion, sparse_maps
from muspipe.baselines.noise import measure_noise, power_over_noise
from muspipe.baselines.shapes import plateau, solidity, threshold_shape
from muspipe.firings.maxima import positive_maxima
from muspipe.leastsquares import fit_signals
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from muspipe.territories import flat
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class Separation:
    """A recording taken apart: n candidates for units."""

    still: Recording
    """The recording without the motion of the whole muscle."""
    x: np.ndarray
    """float32 (P, T): its velocity without the tissue that units drag along"""
    drag: Drag
    subspace: SignalSubspace
    signals: np.ndarray
    """float32 (n, T)"""
    shapes: np.ndarray
    """bool (n, H, W)"""
    delayed: np.ndarray
    """bool (n,), units whose onset spreads over the territory"""

    def only(self, kept: np.ndarray) -> Separation:
        """Those of the candidates for which kept (n,) is true."""
        parts = {name: getattr(self, name)[kept] for name in ("signals", "shapes", "delayed")}
        return dataclasses.replace(self, **parts)


@dataclass(frozen=True)
class TunedICA:
    """Settings of method `ica`; tuned on simulated sequences of both scenarios, not on those that are reported."""

    max_components: int = setting(
        120, "at most this many principal components, however little noise there is", least=1, most=2000
    )
    snr_ceiling_db: float = setting(
        30.0, "noise is taken to be at least this far below the signal", unit="dB", least=0, most=100
    )
    """See `maps.signal_subspace`."""
    diameter_mm: tuple[float, float] = setting(
        (1.5, 20.0),
        "diameters of discs as large as the smallest and largest territory",
        unit="mm",
        above=0,
        most=100,
        rising=True,
    )
    sparse: SparseSettings = setting(SparseSettings, "the search for sparse maps", argument=False)
    link_window_s: float = setting(
        0.010, "signals of a unit's patches are at most about this far apart", unit="s", above=0, most=0.1
    )
    link_similarity: float = setting(0.55, "touching patches this alike are one unit", least=0, most=1)
    """The share of one signal that shifted copies of the other explain."""
    merge_similarity: float = setting(0.6, "the same for overlapping units after a fit", least=0, most=1)
    """Signals are purer then."""
    merge_overlap: float = setting(0.3, "units are merged only if they share this much of the smaller", least=0, most=1)
    nested_correlation: float = setting(0.25, "signals of nested units correlate by this, if mixed", least=-1, most=1)
    nested_solidity_gain: float = setting(
        0.03, "solidity that the outer unit must gain by adding the inner one", least=-1, most=1
    )
    """See `linking.mend_nested`."""
    territory_level: float = setting(0.3, "a territory is where a map exceeds this of its plateau", least=0, most=1)
    """True discs that fade to 0.3 at their rim, and flat ones, are both met best between 0.2 and 0.4."""
    least_power: float = setting(
        3.0, "units whose signal has less power, in that of noise, are dropped", least=0, most=1e12
    )
    """Discs anywhere in noise alone had 1.5 at most, true units at 10 dB 38 at least."""
    least_quick: float = setting(0.06, "a unit has at least this share of its power above 10 Hz", least=0, most=1)
    """An artery's pulse has not. Of units in scenario `echo`, with contraction times of up to 90 ms, 1 in 100 has less
    than 0.066."""
    same_signal: float = setting(
        0.9, "of units anywhere whose signals are this alike all but the best are dropped", least=0, most=1
    )
    min_score: float = setting(0.3, "units with a lower score are dropped", least=0, most=1)
    seed: int = setting(0, "of the rotation's start; the result hardly depends on it", least=0)

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {}

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """Motor units of a recording. The number found may be 0."""
        found = self.separate(recording)
        return MotorUnits.none(recording) if found is None else self.units(self.resolve(found))

    def separate(self, recording: Recording) -> Separation | None:
        """All that looks like a unit, copies and doubtful ones included; None if nothing rises above the noise."""
        image_shape, area_px = recording.image_shape, self._area_px(recording)
        rng = np.random.default_rng(self.seed)
        x, subspace = self._without_motion(recording, rng)
        if subspace.rank == 0:
            return None
        still = recording.with_velocity(x.reshape(recording.velocity.shape))
        drag = measure_drag(subspace.basis, image_shape, recording.pixel_mm)
        if drag != NO_DRAG:
            x = drag.without(still.velocity, recording.pixel_mm).reshape(x.shape)
            subspace = self._subspace(x, recording)
        maps, shapes = sparse_maps(subspace, image_shape, area_px, self.sparse, rng)
        if len(shapes) == 0:
            return None
        signals, shapes, delayed = self._units_from_patches(x, maps, shapes, area_px, recording.frame_rate_hz)
        signals, shapes = alternate(x, signals, shapes, delayed, self.territory_level, 2)
        return self._plausible(Separation(still, x, drag, subspace, signals, shapes, delayed))

    def _subspace(self, x, recording):
        noise = measure_noise(x, recording.image_shape, recording.frame_rate_hz, self.snr_ceiling_db)
        return signal_subspace(x, noise, self.max_components)

    def _without_motion(self, recording, rng):
        """(velocity (P, T) without motion of the whole muscle, its signal subspace)."""
        image_shape = recording.image_shape
        x = np.ascontiguousarray(recording.velocity.reshape(-1, recording.n_frames), np.float32)
        for _ in range(3):
            subspace = self._subspace(x, recording)
            motion = smooth_motion(subspace, image_shape)
            if motion.shape[1] == 0:
                break
            maps, shapes = sparse_maps(subspace, image_shape, self._area_px(recording), self.sparse, rng)
            together = np.concatenate([maps, motion], axis=1)
            x = x - motion @ fit_signals(together.T, x)[len(shapes) :]  # as far as the units do not explain it
        return x, subspace

    def resolve(self, found: Separation) -> Separation:
        """Copies of one unit merged, nested units told apart; refitted after each."""
        if not len(found.shapes):
            return found
        x, signals, shapes, delayed = found.x, found.signals, found.shapes, found.delayed
        for _ in range(3):  # units that are fitted without a copy may turn out to be copies themselves
            similarity = self._similarity(signals, found.still.frame_rate_hz)
            kept, merged = merge_copies(signals, shapes, similarity, self.merge_similarity, self.merge_overlap)
            if len(kept) == len(signals):
                break
            delayed = delayed[kept]
            signals, shapes = alternate(x, signals[kept], merged, delayed, self.territory_level, 1)
        _, mended, _ = self._mend(x, flat(shapes).T, shapes, self._area_px(found.still))
        if not np.array_equal(mended, shapes):
            signals, shapes = alternate(x, fit_signals(flat(mended), x), mended, delayed, self.territory_level, 1)
        return dataclasses.replace(found, signals=signals, shapes=shapes, delayed=delayed)

    def units(self, found: Separation) -> MotorUnits:
        """The motor units of a separation: what cannot be one is dropped, the rest scored and sorted."""
        if not len(found.shapes):
            return MotorUnits.none(found.still)
        clear = power_over_noise(found.subspace.noise, found.shapes, found.x) >= self.least_power
        fires = np.array([len(times_s) > 0 for times_s in positive_maxima(found.signals, found.still.frame_rate_hz)])
        # a twitch integrates to zero, an offset does not
        moves = np.abs(found.signals.mean(axis=1)) < found.signals.std(axis=1)
        quick = quick_share(found.signals, found.still.frame_rate_hz) >= self.least_quick
        found = self._plausible(found.only(clear & fires & moves & quick))
        shapes = found.shapes
        masks = flat(shapes)
        explained = np.sum((masks @ found.subspace.basis) ** 2, axis=1) / np.maximum(masks.sum(axis=1), 1)
        scores = np.clip(explained * [solidity(shape) for shape in shapes], 0, 1).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self.min_score]
        order = order[
            first_of_copies(self._similarity(found.signals[order], found.still.frame_rate_hz), self.same_signal)
        ]
        signals = self._in_place(found.only(order))
        return MotorUnits.of(found.still, shapes[order], signals, scores[order], self._warnings(found))

    def _warnings(self, found):
        if found.subspace.rank < self.max_components:
            return ()
        return (
            f"{self.max_components} components stand out of the noise, as many as are looked at: either there are more "
            "(--set max_components=N), or noise is taken for signal and some units are none",
        )

    def _in_place(self, found):
        """Signals (n, T) as large as the velocity on their units' plateaus is with the tissue that is dragged along."""
        if found.drag == NO_DRAG:
            return found.signals
        maps = fit_maps(found.signals, found.still.velocity.reshape(found.x.shape))
        levels = [plateau(m.reshape(shape.shape), shape) for m, shape in zip(maps, found.shapes, strict=True)]
        return found.signals * (np.array(levels) / np.linalg.norm(found.signals, axis=1))[:, None].astype(np.float32)

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

    def _area_px(self, recording):
        """(least, largest) area of a territory [px]."""
        return tuple(np.pi / 4 * (d / recording.pixel_mm) ** 2 for d in self.diameter_mm)

    def _plausible(self, found):
        """Those of the candidates that are as large as a territory may be."""
        areas, (least, largest) = found.shapes.sum(axis=(1, 2)), self._area_px(found.still)
        return found.only((areas >= least) & (areas <= largest))

    def _mend(self, x, maps, shapes, area_px):
        return mend_nested(x, maps, shapes, area_px[1], self.nested_correlation, self.nested_solidity_gain)

    def _similarity(self, signals, frame_rate_hz):
        step = max(1, round(0.0025 * frame_rate_hz))
        max_lag = max(1, round(self.link_window_s * frame_rate_hz / step)) * step
        return lagged_similarity(signals, max_lag, step)
