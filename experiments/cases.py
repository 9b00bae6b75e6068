"""The cases of robustness.py: what a recording may be like, each a scenario with one thing changed, and what is aimed
at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from simulator import MuscleSequence, SimulationConfig, simulate

Distort = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Velocity (H, W, T) -> what a recording holds of it."""


@dataclass(frozen=True)
class Case:
    """A kind of recording."""

    title: str
    config: SimulationConfig
    snr_db: float
    distort: Distort | None = None
    target: tuple[float | None, float | None, float | None] = (None, None, None)
    """Recall, precision and RoA that are aimed at."""
    counts: tuple[int, ...] = (5, 15)
    """Numbers of motor units."""


def sequence_of(case: Case, n_units: int, seed: int, index: int) -> tuple[MuscleSequence, np.ndarray]:
    """(sequence, recorded velocity (H, W, T)) number `index` of a case."""
    streams = np.random.SeedSequence(seed, spawn_key=(n_units, index)).spawn(2)
    sequence = simulate(dataclasses.replace(case.config, n_units=n_units), streams[0])
    velocity = sequence.render(case.snr_db)
    return sequence, velocity if case.distort is None else case.distort(velocity, np.random.default_rng(streams[1]))


def _with(config, **parts):
    """Changes of fields, and of the fields of tissue, motion and echo: {"tissue": {...}}."""
    changes = {
        name: dataclasses.replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in parts.items()
    }
    return dataclasses.replace(config, **changes)


PAPER = SimulationConfig.scenario("paper")
PHYSIOLOGICAL = SimulationConfig.scenario("physiological")
ECHO = SimulationConfig.scenario("echo")
DISCS = {"axis_ratio": (1, 1), "irregularity": (0, 0), "gaps": (0, 0)}
ALIKE = {"amplitude_sd": (0, 0), "interaction": (0, 0)}
COMPACT = _with(
    ECHO, motion=None, tissue={**DISCS, **ALIKE, "drag_share": (0, 0), "still_mm": (0, 0)}, diameter_mm=(2.5, 10)
)


def _dragged(share, sigma_mm):
    return _with(COMPACT, tissue={"drag_share": (share, share), "drag_sigma_mm": (sigma_mm, sigma_mm)})


def _shaped(**tissue):
    """Scenario physiological with territories that are no discs."""
    still = {**DISCS, **ALIKE, "drag_share": (0, 0), "still_mm": (0, 0)}
    return _with(PHYSIOLOGICAL, tissue=dataclasses.replace(ECHO.tissue, **{**still, **tissue}))


MOVING = _with(COMPACT, motion=dataclasses.replace(ECHO.motion, relative_rms=(5, 5), order=(2, 2), pulse_chance=1.0))


def blurred(sigma_px: float, snr_db: float) -> Distort:
    """Noise that is blurred over the image, as strong as white noise of this SNR."""

    def distort(velocity, rng):
        noise = gaussian_filter(rng.standard_normal(velocity.shape, dtype=np.float32), (sigma_px, sigma_px, 0))
        power = np.mean(velocity**2) or 1.0  # noise alone: any
        return velocity + noise * np.sqrt(power / 10 ** (snr_db / 10)) / noise.std()

    return distort


def burst(velocity, rng):
    """Five frames of an artefact, 20 times as strong as the rest."""
    start = rng.integers(20, velocity.shape[2] - 25)
    velocity = velocity.copy()
    pattern = gaussian_filter(rng.standard_normal((*velocity.shape[:2], 5)), (4, 4, 1))
    velocity[:, :, start : start + 5] += 20 * velocity.std() * pattern / pattern.std()
    return velocity


def dead(velocity, rng):
    """A tenth of the pixels is 0."""
    velocity = velocity.copy()
    velocity[rng.random(velocity.shape[:2]) < 0.1] = 0
    return velocity


def white(velocity, rng):
    """Noise alone, the same everywhere."""
    return rng.standard_normal(velocity.shape, dtype=np.float32)


CASES = {
    "paper": Case("paper, 10 dB", PAPER, 10, target=(0.99, 0.99, 0.98)),
    "physiological": Case("physiological, 10 dB", PHYSIOLOGICAL, 10, target=(0.985, 0.985, 0.975)),
    "echo-30": Case("echo 30 dB, compact", COMPACT, 30, target=(0.97, 0.98, 0.95)),
    "echo-15": Case("echo 15 dB, compact", COMPACT, 15, target=(0.97, 0.98, 0.95)),
    "dragged-2": Case("echo 25 dB, dragged 0.4 x 2 mm", _dragged(0.4, 2), 25, target=(0.92, 0.95, 0.92)),
    "dragged-5": Case("echo 25 dB, dragged 0.5 x 5 mm", _dragged(0.5, 5), 25, target=(0.85, 0.92, 0.90)),
    "moving": Case("echo 25 dB, motion 5 x, pulse", MOVING, 25, target=(0.93, 0.96, 0.93)),
    "blur-1": Case("noise blurred 1 px, 20 dB", PHYSIOLOGICAL, np.inf, blurred(1, 20), (0.97, 0.97, 0.97)),
    "blur-2": Case("noise blurred 2 px, 20 dB", PHYSIOLOGICAL, np.inf, blurred(2, 20), (0.97, 0.97, 0.97)),
    "ellipses": Case("ellipses 2:1, 20 dB", _shaped(axis_ratio=(2, 2)), 20, target=(0.96, 0.96, 0.97)),
    "irregular": Case("irregular outlines, 20 dB", _shaped(irregularity=(0.15, 0.15)), 20, target=(0.96, 0.96, 0.97)),
    "halved": Case(
        "diameters halved, 20 dB", _with(PHYSIOLOGICAL, diameter_mm=(1.25, 5)), 20, target=(0.90, 0.95, None)
    ),
    "doubled": Case(
        "diameters doubled, 20 dB", _with(PHYSIOLOGICAL, diameter_mm=(5, 20)), 20, target=(0.85, 0.92, None)
    ),
    "slow": Case(
        "5 firings a second, 20 dB", _with(PHYSIOLOGICAL, firing_rate_hz=(5, 5)), 20, target=(None, None, 0.95)
    ),
    "fast": Case(
        "30 firings a second, 20 dB", _with(PHYSIOLOGICAL, firing_rate_hz=(30, 30)), 20, target=(None, None, 0.85)
    ),
    "burst": Case("artefact of 5 frames, 20 dB", PHYSIOLOGICAL, 20, burst, (0.95, 0.97, None)),
    "dead": Case("a tenth of the pixels dead, 20 dB", PHYSIOLOGICAL, 20, dead, (0.95, 0.97, None)),
    "all": Case("scenario echo, 25 dB: all together", ECHO, 25, target=(0.80, 0.90, 0.88)),
    "noise": Case("white noise alone", PHYSIOLOGICAL, np.inf, white, counts=(0,)),
    "noise-blurred": Case("noise alone, blurred 1 px", PHYSIOLOGICAL, np.inf, blurred(1, 0), counts=(0,)),
    "noise-echo": Case("noise alone, of echoes", _with(COMPACT), 25, counts=(0,)),
}
