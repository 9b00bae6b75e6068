"""The full echo model: beamformed IQ of a sequence, whose scatterers move. What speckle.py does to first order, this
does in full: every scatterer's echo turns its phase by the tissue's displacement along the beam,

    IQ(t) = PSF * [a exp(4j pi fc u(t) / c)] + noise(t),

u [mm] positive towards the transducer. Displacements are far below the axial resolution, so the envelopes stay where
they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from simulator.shared.errors import InputError
from simulator.shared.threads import one_blas_thread
from simulator.speckle import pixel_weights, samples_mm, scatterers_of

BLOCK_FRAMES = 32
"""Frames that are computed at a time."""


def iq_blocks(sequence, snr_db: float | None = None, seed: int | None = None) -> Iterator[np.ndarray]:
    """Blocks complex64 (Z, X, n) of the T + 1 frames of IQ from which T velocity images come.

    snr_db: mean power of the echoes over that of the electronic noise [dB]; None or inf: no noise, and no scatterer is
    renewed, as in `MuscleSequence.render`. seed: of the noise; None: the sequence's own. InputError for a scenario
    without echoes.
    """
    config = sequence.config
    if config.echo is None:
        raise InputError(f"IQ: expected a scenario with echoes (scenario echo), got {config.name}")
    noisy = snr_db is not None and np.isfinite(snr_db)
    rng = np.random.default_rng(sequence.noise_seed if seed is None else seed)
    scatterers = scatterers_of(sequence)
    shape = scatterers.strength.shape
    with one_blas_thread():
        turns, phases = _phases(sequence)
        noise_sd = _noise_sd(scatterers, snr_db) if noisy else None
    for start in range(0, config.n_frames + 1, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, config.n_frames + 1)
        with one_blas_thread():
            phase = (phases[:, start:stop].T @ turns).reshape(-1, *shape)
            if noisy:
                strength, scatterers = _renewed(scatterers, stop - start, rng)
            else:
                strength = scatterers.strength
            block = scatterers.imaged(strength * np.exp(1j * phase))
        if noisy:
            block += noise_sd * _complex_normal(rng, block.shape)
        yield np.moveaxis(block, 0, 2)


def iq(sequence, snr_db: float | None = None, seed: int | None = None) -> np.ndarray:
    """All blocks of `iq_blocks` in one: complex64 (Z, X, T + 1)."""
    return np.concatenate(list(iq_blocks(sequence, snr_db, seed)), axis=2)


def _phases(sequence):
    """(maps float32 (C, Z X) [rad/mm], displacements float32 (C, T + 1) [mm]) of the echoes' phases."""
    config = sequence.config
    maps, signals = sequence.moving_components
    rows, columns = (
        pixel_weights(samples, side, config.pixel_mm)
        for samples, side in zip(samples_mm(config), config.image_shape, strict=True)
    )
    radians_per_mm = 4 * np.pi * config.echo.centre_frequency_mhz * 1e3 / config.echo.speed_of_sound_m_s
    turns = radians_per_mm * (rows @ maps @ columns.T)
    moved_mm = np.cumsum(signals, axis=1, dtype=np.float64) / config.frame_rate_hz
    moved_mm = np.concatenate([np.zeros((len(moved_mm), 1)), moved_mm], axis=1)
    return turns.reshape(len(maps), len(rows) * len(columns)).astype(np.float32), moved_mm.astype(np.float32)


def _noise_sd(scatterers, snr_db):
    """(Z, 1) SD of real and imaginary part of the electronic noise at each depth."""
    power = 0.5 * np.mean(np.abs(scatterers.echoes) ** 2) * 10.0 ** (-snr_db / 10)
    return np.sqrt(power * scatterers.noise_growth)[:, None].astype(np.float32)


def _renewed(scatterers, n_frames, rng):
    """(strength (n, Z, X) of the scatterers in the next frames, the scatterers as they are then)."""
    share, strength, frames = scatterers.renewal, scatterers.strength, []
    for _ in range(n_frames):
        frames.append(strength)
        fresh = scatterers.level * _complex_normal(rng, strength.shape)
        strength = np.float32(np.sqrt(1 - share)) * strength + np.float32(np.sqrt(share)) * fresh
    return np.stack(frames), dataclasses.replace(scatterers, strength=strength)


def _complex_normal(rng, shape):
    """complex64 with mean square 2, as the scatterers have."""
    return rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
