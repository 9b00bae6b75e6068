"""One simulated sequence: what it is made of, and the velocity images that are rendered from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator import activity, motion, outlines, speckle, tissue, waveform
from simulator.config import SimulationConfig
from simulator.noise import NoiseShape
from simulator.shared.errors import InputError
from simulator.shared.threads import one_blas_thread
from simulator.streams import AMPLITUDES, stream

Seed = int | np.random.SeedSequence

MODEL_VERSION = 1
"""Raised whenever a config and seed come to give another sequence than before; data sets of two versions do not mix."""

MAX_SNR_DB = 200
"""Beyond this, in either direction, float32 can hold only the noise or only the signal."""


@dataclass(frozen=True)
class MuscleSequence:
    """A contracting muscle in cross-section: `n_units` motor units, their territories, twitch trains and firings.

    Holds the parameters as they were drawn, first axis n_units; maps, trains and images are computed from them when
    first asked for. Positions (y, x) [mm], times [s] from the first frame, velocities in arbitrary units that stand for
    mm/s.
    """

    config: SimulationConfig
    centres_mm: np.ndarray  # (n, 2)
    diameters_mm: np.ndarray  # (n,)
    delay_angles_rad: np.ndarray  # (n,) direction, from +x towards +y, in which the onset delay grows
    firing_rates_hz: np.ndarray  # (n,)
    contraction_times_s: np.ndarray  # (n,)
    half_relaxation_ratios: np.ndarray  # (n,)
    peak_velocities: np.ndarray  # (n,)
    synchronisation: float  # share of firings moved to another unit's
    firings_s: np.ndarray  # (F,) all firings, lead-in included, by unit, then time
    unit_of_firing: np.ndarray  # (F,) int32
    noise_seed: int  # seeds the noise of render() when none is given
    tissue_seed: int | None = None  # of what scenario `echo` adds, see streams.py; none in scenarios without

    @property
    def n_units(self) -> int:
        return len(self.diameters_mm)

    @cached_property
    def territories(self) -> np.ndarray:
        """bool (n, H, W): pixels whose centre lies in the disc, or the outline, of the unit."""
        if self.tissue is not None:
            return outlines.territory_masks(self)
        return tissue.territory_masks(self.centres_mm, self.diameters_mm, self.config)

    @cached_property
    def tissue(self) -> outlines.Tissue | None:
        """Shapes, dragging and varying twitches, if the config has any."""
        settings = self.config.tissue
        return None if settings is None else outlines.draw_tissue(self.tissue_seed, self.n_units, settings)

    @cached_property
    def firings(self) -> list[np.ndarray]:
        """Firing instants [s] of each unit within the sequence, float64, rising."""
        inside = (self.firings_s >= 0) & (self.firings_s < self.config.duration_s)
        times_s, units = self.firings_s[inside], self.unit_of_firing[inside]
        return np.split(times_s, np.searchsorted(units, np.arange(1, self.n_units)))[: self.n_units]

    @cached_property
    def twitch_trains(self) -> np.ndarray:
        """float32 (n, T): velocity of each unit at the centre of its territory."""
        return self._trains(0.0)

    @cached_property
    def peak_latencies_s(self) -> np.ndarray:
        """(n,) time [s] from a firing to the peak velocity of its twitch."""
        if self._waveform is not None:
            return np.full(self.n_units, waveform.peak_latency_s(*self._waveform))
        return activity.peak_latency_s(self.contraction_times_s, self.half_relaxation_ratios)

    @cached_property
    def twitch_peaks_s(self) -> list[np.ndarray]:
        """Instants [s] within the sequence at which twitches of each unit have their peak velocity, some of them fired
        just before it."""
        peaks_s = [
            self.firings_s[self.unit_of_firing == k] + latency_s for k, latency_s in enumerate(self.peak_latencies_s)
        ]
        return [times[(times >= 0) & (times < self.config.duration_s)] for times in peaks_s]

    @cached_property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """(maps (C, H, W), signals (C, T)), float32: the velocity is the sum of their outer products.

        C is n_units in a separable scenario, five times that with onset delays (see `tissue.response_maps`); motion
        adds its own. In a scenario with echoes, the maps are those of the estimated velocity.
        """
        with one_blas_thread():
            maps, signals = self.moving_components
            return (maps if self.config.echo is None else speckle.speckle_of(self).image(maps)), signals

    @property
    def moving_components(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of the tissue as it moves, motor units and motion: (maps (C, H, W), signals (C, T)), float32."""
        maps, signals = self.unit_components
        if self.config.motion is None:
            return maps, signals
        surfaces, waves = motion.motion_components(self, maps, signals)
        if self.config.tissue is not None:  # the layers outside the muscle stay still
            surfaces = surfaces * outlines.muscle_share(self)
        return np.concatenate([maps, surfaces]), np.concatenate([signals, waves])

    @property
    def unit_components(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of the motor units alone: (maps (C, H, W), signals (C, T)), float32."""
        config, nodes_s = self.config, tissue.delay_nodes_s(self.config)
        if self.tissue is not None:
            maps = outlines.response_maps(self, nodes_s)
        else:
            maps = tissue.response_maps(self.centres_mm, self.diameters_mm, self.delay_angles_rad, nodes_s, config)
        if len(nodes_s) == 1:
            return maps[:, 0], self.twitch_trains
        signals = np.stack([self._trains(node_s) for node_s in nodes_s], axis=1)
        return maps.reshape(-1, *config.image_shape), signals.reshape(-1, config.n_frames)

    @cached_property
    def firing_amplitudes(self) -> np.ndarray | None:
        """(F,) factor of the twitch of each firing; None where all are 1."""
        if self.tissue is None:
            return None
        settings = self.config.tissue
        rng = stream(self.tissue_seed, AMPLITUDES)
        factors = np.exp(self.tissue.amplitude_sd * rng.standard_normal(len(self.firings_s)))
        concurrent = activity.concurrent_firings(self.firings_s, self.unit_of_firing, settings.interaction_s)
        return factors * np.exp(-self.tissue.interaction * concurrent)

    def noise_shape(self, snr_db: float) -> NoiseShape | None:
        """Of the noise of velocity estimated from echoes of this SNR [dB]; None in scenarios without echoes, whose
        noise is white."""
        if self.config.echo is None or not np.isfinite(snr_db):
            return None
        return speckle.speckle_of(self).noise(snr_db)

    def render(
        self, snr_db: float | None = None, seed: Seed | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Velocity images, float32 (H, W, T).

        snr_db: 10 log10(mean power of the clean sequence / power of the white Gaussian noise); in a scenario with
        echoes, 10 log10(mean power of the echoes / power of their electronic noise). None or inf adds no noise.
        seed: of the noise; None takes the sequence's own, so that the same call gives the same images.
        out: a C-contiguous float32 array (H, W, T) to render into.
        """
        config = self.config
        shape = (*config.image_shape, config.n_frames)
        if out is None:
            out = np.empty(shape, np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise InputError(f"out: expected C-contiguous float32 {shape}, got {out.dtype} {out.shape}")
        maps, signals = self.components
        with one_blas_thread():
            pixels = maps.reshape(len(maps), np.prod(config.image_shape))
            np.matmul(pixels.T, signals, out=out.reshape(-1, config.n_frames))
        if snr_db is not None and not -MAX_SNR_DB <= snr_db <= MAX_SNR_DB and snr_db != np.inf:
            raise InputError(f"snr_db: expected decibels within +-{MAX_SNR_DB}, inf or None, got {snr_db}")
        if snr_db is not None and np.isfinite(snr_db):
            rng = np.random.default_rng(self.noise_seed if seed is None else seed)
            shaped = self.noise_shape(snr_db)
            if shaped is None:
                noise = rng.standard_normal(shape, dtype=np.float32)
                noise *= noise_sd(mean_power(out), snr_db)
            else:
                white = rng.standard_normal((*shaped.white_shape, config.n_frames + 1), dtype=np.float32)
                with one_blas_thread():
                    noise = shaped.of(white)
            out += noise
        return out

    def _trains(self, delay_s):
        config = self.config
        return activity.twitch_trains(
            self.firings_s,
            self.unit_of_firing,
            self.n_units,
            self.contraction_times_s,
            self.half_relaxation_ratios,
            self.peak_velocities,
            frame_rate_hz=config.frame_rate_hz,
            n_frames=config.n_frames,
            support_s=config.twitch_support_s,
            delay_s=delay_s,
            waveform=self._waveform,
            amplitudes=self.firing_amplitudes,
        )

    @property
    def _waveform(self):
        """(samples, their rate [Hz]) of a measured twitch, or None."""
        config = self.config
        return None if config.twitch_waveform is None else (config.twitch_waveform, config.twitch_waveform_hz)


def simulate(config: SimulationConfig, seed: Seed) -> MuscleSequence:
    """Draw one sequence. The same config and seed give the same sequence on every machine and in every process."""
    rng = np.random.default_rng(seed)
    low, high = config.n_units_range
    n = int(rng.integers(low, high + 1))
    tissue_seed = int(rng.integers(2**63)) if config.varied else None
    still_mm = (0.0, 0.0) if config.tissue is None else outlines.still_layers_mm(tissue_seed, config)
    centres_mm, diameters_mm = tissue.draw_discs(rng, n, config, still_mm)
    rates_hz = rng.uniform(*config.firing_rate_hz, n)
    contraction_times_s = rng.uniform(*config.contraction_time_s, n)
    half_relaxation_ratios = rng.uniform(*config.half_relaxation_ratio, n)
    if config.peak_velocity_lognormal:
        median, sigma = config.peak_velocity
        peak_velocities = median * np.exp(sigma * rng.standard_normal(n))
    else:
        peak_velocities = rng.uniform(*config.peak_velocity, n)
    delay_angles_rad = rng.uniform(0, 2 * np.pi, n)
    synchronisation = float(rng.uniform(*config.synchronisation))
    firings_s, unit_of_firing = activity.draw_firings(rng, rates_hz, synchronisation, config)
    return MuscleSequence(
        config=config,
        centres_mm=centres_mm,
        diameters_mm=diameters_mm,
        delay_angles_rad=delay_angles_rad,
        firing_rates_hz=rates_hz,
        contraction_times_s=contraction_times_s,
        half_relaxation_ratios=half_relaxation_ratios,
        peak_velocities=peak_velocities,
        synchronisation=synchronisation,
        firings_s=firings_s,
        unit_of_firing=unit_of_firing,
        noise_seed=int(rng.integers(2**63)),
        tissue_seed=tissue_seed,
    )


def mean_power(velocity: np.ndarray) -> float:
    """Mean square of an array, accumulated in float64 by blocks."""
    flat = velocity.reshape(-1)
    return sum(float(np.dot(part, part)) for part in np.array_split(flat, max(1, flat.size // 65536))) / flat.size


def noise_sd(clean_power: float, snr_db: float) -> np.float32:
    """SD of the noise that gives `snr_db` to a sequence of this mean power."""
    return np.float32(np.sqrt(clean_power / 10.0 ** (snr_db / 10.0)))
