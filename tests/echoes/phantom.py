"""Echoes of tissue that moves as the test says: speckle of known spread, its phase turned, noise of known power."""

import numpy as np
from scipy.ndimage import gaussian_filter

from muspipe.echoes.options import Scan

SCAN = Scan(centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=(0.1, 0.3))
SPREAD_MM = 0.15, 0.35
"""Standard deviations of the point spread in depth and in width."""


def speckle(rng, shape, scan=SCAN, tissue=1.0):
    """complex (H, W), mean power 1: scatterers times `tissue` (H, W), spread."""
    scatterers = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * tissue
    sigma = [spread / pixel for spread, pixel in zip(SPREAD_MM, scan.pixel_mm, strict=True)]
    echo = gaussian_filter(scatterers.real, sigma) + 1j * gaussian_filter(scatterers.imag, sigma)
    return echo / np.sqrt(np.mean(np.abs(echo) ** 2))


def noise(rng, shape, snr_db):
    """complex white noise for echoes of power 1."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * np.sqrt(0.5 * 10 ** (-snr_db / 10))


def positions_mm(velocity_mm_s, prf_hz):
    """Displacement towards the transducer (..., T + 1) of velocities (..., T) from frame to frame."""
    steps = np.cumsum(velocity_mm_s, axis=-1) / prf_hz
    return np.concatenate([np.zeros_like(steps[..., :1]), steps], axis=-1)


def phase(displacement_mm, scan=SCAN):
    """The turn of an echo, displaced towards the transducer."""
    return np.exp(4e-3j * np.pi * scan.centre_frequency_hz * displacement_mm / scan.speed_of_sound_m_s)


def moving_scatterers(rng, velocity_mm_s, scan=SCAN):
    """complex (H, W, T + 1) of velocities (H, W, T): every scatterer turns by its own phase, then all are spread."""
    shape = velocity_mm_s.shape[:2]
    scatterers = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    turned = scatterers[..., None] * phase(positions_mm(velocity_mm_s, scan.prf_hz), scan)
    sigma = [spread / pixel for spread, pixel in zip(SPREAD_MM, scan.pixel_mm, strict=True)]
    echo = gaussian_filter(turned.real, (*sigma, 0)) + 1j * gaussian_filter(turned.imag, (*sigma, 0))
    return (echo / np.sqrt(np.mean(np.abs(echo) ** 2))).astype(np.complex64)


def shifted_rf(rng, shape, displacement_mm, scan, mean_frequency_hz, width_hz=1e6):
    """real RF (H, W, T), mean power 1: a pulse of that mean frequency and width (SD), every line moved towards the
    transducer as a whole by displacement_mm (T,), exactly, by its spectrum."""
    depth_mm = 1e3 * scan.speed_of_sound_m_s / (2 * scan.sampling_rate_hz)
    frequency_hz = np.fft.rfftfreq(shape[0], 1 / scan.sampling_rate_hz)[:, None]
    lines = np.fft.rfft(rng.standard_normal(shape), axis=0)
    lines *= np.exp(-0.5 * ((frequency_hz - mean_frequency_hz) / width_hz) ** 2)
    cycles_mm = frequency_hz / scan.sampling_rate_hz / depth_mm
    moved = [
        np.fft.irfft(lines * np.exp(2j * np.pi * cycles_mm * shift_mm), shape[0], axis=0)
        for shift_mm in displacement_mm
    ]
    rf = np.stack(moved, axis=2)
    return (rf / rf.std()).astype(np.float32)
