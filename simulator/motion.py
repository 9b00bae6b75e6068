"""Motion that is no motor unit's, as components like those of the units: what `MotionSettings` stands for."""

from __future__ import annotations

import numpy as np

from simulator.streams import MOTION, stream

_PULSE_HARMONICS = 6


def motion_components(sequence, maps: np.ndarray, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(maps (M, H, W), signals (M, T)), float32, of the whole muscle and maybe an artery. maps, signals: components of
    the units, which say how large the motion is."""
    settings, config = sequence.config.motion, sequence.config
    rng = stream(sequence.tissue_seed, MOTION)
    relative_rms = rng.uniform(*settings.relative_rms)
    order = int(rng.integers(settings.order[0], settings.order[1] + 1))
    pulsates = rng.random() < settings.pulse_chance
    time_s = np.arange(config.n_frames) / config.frame_rate_hz
    surfaces, orders = _surfaces(config.image_shape, order)
    waves = _waves(rng, len(surfaces), settings, time_s) * 0.7 ** orders[:, None]  # higher orders are weaker
    rms = np.sqrt(np.sum(np.mean(waves**2, axis=1)))  # the surfaces are orthonormal over the image
    waves *= relative_rms * _rms(maps, signals) / max(rms, 1e-12)
    if pulsates:
        disc, pulse = _pulse(rng, sequence, time_s)
        surfaces, waves = np.concatenate([surfaces, disc[None]]), np.concatenate([waves, pulse[None]])
    return surfaces.astype(np.float32), waves.astype(np.float32)


def _surfaces(image_shape, order):
    """Polynomials up to the order, orthonormal over the image (mean square 1): (M, H, W); the order of each (M,)."""
    y, x = (np.linspace(-1, 1, side) for side in image_shape)
    terms = [(total - j, j) for total in range(order + 1) for j in range(total + 1)]
    columns = np.stack([np.outer(y**i, x**j).ravel() for i, j in terms], axis=1)
    orthonormal, triangle = np.linalg.qr(columns)
    orthonormal *= np.sign(np.diag(triangle)) * np.sqrt(len(columns))
    return orthonormal.T.reshape(-1, *image_shape), np.array([i + j for i, j in terms])


def _waves(rng, n, settings, time_s):
    """Sums of sinusoids with random frequencies (uniform in their logarithm), phases and amplitudes: (n, T)."""
    low, high = np.log(settings.band_hz)
    shape = (n, settings.n_waves, 1)
    frequency_hz = np.exp(rng.uniform(low, high, shape))
    phase, amplitude = rng.uniform(0, 2 * np.pi, shape), rng.rayleigh(1.0, shape)
    return np.sum(amplitude * np.sin(2 * np.pi * frequency_hz * time_s + phase), axis=1)


def _pulse(rng, sequence, time_s):
    """A disc with a soft rim (H, W), and its velocity (T,): a heart's rate with harmonics that fall like 1/h."""
    settings, config = sequence.config.motion, sequence.config
    centre_mm = rng.random(2) * np.array(config.image_shape) * config.pixel_mm
    radius_mm = rng.uniform(*settings.pulse_diameter_mm) / 2
    rate_hz = rng.uniform(*settings.pulse_hz)
    peak = rng.uniform(*settings.pulse_velocity) * (np.median(sequence.peak_velocities) if sequence.n_units else 1.0)
    y_mm, x_mm = ((np.arange(side) + 0.5) * config.pixel_mm for side in config.image_shape)
    distance = np.hypot(y_mm[:, None] - centre_mm[0], x_mm[None] - centre_mm[1]) / radius_mm
    h = np.arange(1, _PULSE_HARMONICS + 1)[:, None]
    beats = time_s * rate_hz + rng.random()
    wave = np.sum(np.cos(2 * np.pi * h * beats) / h, axis=0)  # a quick rise once a beat
    return np.exp(-(distance**4)), peak * wave / np.abs(wave).max()


def _rms(maps, signals):
    """Root mean square over image and time of the velocity that the components render to."""
    flat = maps.reshape(len(maps), maps[0].size if len(maps) else 1).astype(np.float64)
    power = np.sum((flat @ flat.T) * (signals.astype(np.float64) @ signals.T.astype(np.float64)))
    return np.sqrt(power / (flat.shape[1] * signals.shape[1]))
