"""What a scanner makes of tissue velocity: speckle, point spread, electronic noise and the estimate by autocorrelation.

Displacements between frames are far below a wavelength and the speckle stands still, so to first order the estimated
velocity is a fixed linear map of the true one over space. With scatterers a, echoes IQ = PSF * a and the window's sum
G, a velocity p becomes

    G * Re[conj(IQ) . (PSF * (a p))]  /  G * |IQ|^2

and sequences stay sums of maps times signals. The map is computed once for a pattern of speckle: velocity is taken to
be bilinear between the pixels, and the response to pixels that are far enough apart is computed at once (`_taps`).

The noise of the estimate follows likewise: electronic noise n(t) turns the phase by Im[conj(IQ) n] / |IQ|^2, and
velocity is the difference of two phases; scatterers that are renewed turn it for good, so that their part of the
velocity is white in time.

Axes: Z, X samples of the echoes in depth and width; H, W pixels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

from simulator.config import SimulationConfig
from simulator.muscle_config import EchoSettings
from simulator.noise import NoiseShape
from simulator.shared.threads import one_blas_thread
from simulator.streams import ECHO, PATTERN, stream

REACH_MM = 1.875, 3.125
"""A pixel's velocity is seen so far away, in depth and width: the window, the point spread and the pixel itself."""
_LARGEST_PHASE_SD = np.pi / np.sqrt(3)
"""Of a phase about which nothing is known."""
_ROWS = 40
"""Echo samples in depth that are filtered at a time."""


@dataclass(frozen=True)
class Scatterers:
    """What of `EchoSettings` was drawn, and the echoes of the tissue at rest."""

    settings: EchoSettings
    strength: np.ndarray
    """complex64 (Z, X)"""
    level: np.ndarray
    """float32 (Z, X), the RMS of the strength over random scatterers is sqrt(2) times this"""
    axial_sd_mm: float
    lateral_sd_mm: np.ndarray
    """(Z,) SD of the point spread across, at each depth"""
    noise_growth: np.ndarray
    """(Z,) power of the electronic noise at each depth over its mean"""
    window_mm: tuple[float, float]
    """Axial and lateral window of the velocity estimate."""
    renewal: float

    @functools.cached_property
    def echoes(self) -> np.ndarray:
        """complex64 (Z, X) of the tissue at rest."""
        return self.imaged(self.strength)

    def imaged(self, strength: np.ndarray) -> np.ndarray:
        """PSF * strength, complex64 (..., Z, X)."""
        return self.spread_in_depth(self.spread_across(strength))

    def spread_across(self, field: np.ndarray) -> np.ndarray:
        """The lateral part of the point spread; it depends on depth alone, so that it commutes with factors of
        depth."""
        step_mm = self.settings.grid_mm[1]
        reach = int(np.ceil(3 * self.lateral_sd_mm.max() / step_mm))
        offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * (offsets * step_mm / self.lateral_sd_mm[:, None]) ** 2)
        weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        padded = np.pad(field, [(0, 0)] * (field.ndim - 1) + [(reach, reach)])
        width = field.shape[-1]
        return sum(weights[:, k, None] * padded[..., k : k + width] for k in range(len(offsets)))

    def spread_in_depth(self, field: np.ndarray) -> np.ndarray:
        """The axial part of the point spread."""
        step_mm = self.settings.grid_mm[0]
        reach = int(np.ceil(3 * self.axial_sd_mm / step_mm))
        distance_mm = np.subtract.outer(np.arange(_ROWS), np.arange(-reach, _ROWS + reach)) * step_mm
        weights = np.exp(-0.5 * (distance_mm / self.axial_sd_mm) ** 2)
        weights[np.abs(distance_mm) > (reach + 0.5) * step_mm] = 0
        weights = (weights / weights[0].sum()).astype(np.float32)
        depth = field.shape[-2]
        padded = np.pad(field, [(0, 0)] * (field.ndim - 2) + [(reach, reach + -depth % _ROWS), (0, 0)])
        parts = [weights @ padded[..., k : k + _ROWS + 2 * reach, :] for k in range(0, depth, _ROWS)]
        return np.concatenate(parts, axis=-2)[..., :depth, :]


@dataclass(frozen=True)
class Speckle:
    """A pattern of speckle, as it acts on velocity images (H, W)."""

    seen: csr_array
    """float32 (H W, H W): the estimated velocity of each pixel from the true one of all"""
    electronic: np.ndarray
    """float32 (H, W): variance of the phase noise at an echo SNR of 0 dB"""
    squared: np.ndarray
    """float32 (H, W): the same of noise times noise, of two frames"""
    renewed: np.ndarray
    """float32 (H, W): variance of the phase that renewed scatterers add from frame to frame"""
    sigma_px: tuple[float, float]
    """SD of the window, by which noise is alike in neighbours"""
    velocity_of_phase: float
    """mm/s that turn the phase by 1 rad from one frame to the next"""

    def image(self, maps: np.ndarray) -> np.ndarray:
        """Estimated maps float32 (C, H, W) of the true ones (C, H, W)."""
        flat = np.ascontiguousarray(maps.reshape(len(maps), self.seen.shape[1]).T, np.float32)
        return np.ascontiguousarray((self.seen @ flat).T).reshape(maps.shape)

    def noise(self, snr_db: float) -> NoiseShape:
        """Of velocity that is estimated from echoes of this SNR [dB]."""
        ratio = np.float32(10.0 ** (-snr_db / 10))
        electronic = self.electronic * ratio
        variance = 2 * electronic + self.squared * ratio**2 + self.renewed
        # w(t) - lag w(t - 1) with this variance, and the covariance -electronic with the frame before
        part = float(np.mean(electronic) / np.mean(variance))
        lag = (1 - np.sqrt(max(1 - 4 * part**2, 0))) / (2 * part) if part > 1e-6 else 0.0
        sd = np.minimum(np.sqrt(variance), _LARGEST_PHASE_SD) * self.velocity_of_phase
        return NoiseShape(sd.astype(np.float32), self.sigma_px, float(lag))


def speckle_of(sequence) -> Speckle:
    """The pattern of a MuscleSequence."""
    return _speckle(sequence.config.with_units(1), _pattern_seed(sequence))


def scatterers_of(sequence) -> Scatterers:
    """The scatterers of a MuscleSequence."""
    return draw_scatterers(sequence.config, _pattern_seed(sequence))


def _pattern_seed(sequence):
    patterns = sequence.config.echo.patterns
    return sequence.tissue_seed if patterns is None else int(stream(sequence.tissue_seed, PATTERN).integers(patterns))


def draw_scatterers(config: SimulationConfig, seed: int) -> Scatterers:
    """Scatterers over the image, and what of the scanner varies, from a seed."""
    settings, rng = config.echo, stream(seed, ECHO)
    z_mm, x_mm = samples_mm(config)
    shape = len(z_mm), len(x_mm)
    focus_mm, lateral_mm = rng.uniform(*settings.focus_mm), rng.uniform(*settings.lateral_sd_mm)
    axial_mm = rng.uniform(*settings.axial_sd_mm)
    attenuation = rng.uniform(*settings.attenuation_db_cm_mhz)
    window_mm = tuple(rng.uniform(*settings.window_mm, 2))
    renewal = rng.uniform(*settings.renewal)
    strength = rng.standard_normal((*shape, 2), dtype=np.float32) @ np.array([1, 1j], np.complex64)
    texture = gaussian_filter(rng.standard_normal(shape), [3.0 / step for step in settings.grid_mm])
    texture -= texture.mean()  # in a small image it is far larger than the SD
    level_db = settings.texture_db * texture / max(texture.std(), 1e-12)
    for _ in range(rng.integers(settings.fasciae[0], settings.fasciae[1] + 1)):
        depth_mm = rng.random() * z_mm[-1] + rng.normal(0, 0.1) * (x_mm - x_mm.mean())
        level_db += settings.fascia_db * np.exp(-0.5 * ((z_mm[:, None] - depth_mm) / 0.3) ** 2)
    level = (10.0 ** (level_db / 20)).astype(np.float32)
    growth = 10.0 ** (2 * attenuation * settings.centre_frequency_mhz * z_mm / 10 / 10)  # to the target and back
    width_mm = lateral_mm * np.sqrt(1 + ((z_mm - focus_mm) / settings.focal_length_mm) ** 2)
    growth /= growth.mean()
    return Scatterers(settings, strength * level, level, axial_mm, width_mm, growth, window_mm, renewal)


def samples_mm(config: SimulationConfig) -> tuple[np.ndarray, np.ndarray]:
    """Depth (Z,) and lateral position (X,) [mm] of the echo samples, which cover the image."""
    return tuple(
        (np.arange(round(side * config.pixel_mm / step)) + 0.5) * step
        for side, step in zip(config.image_shape, config.echo.grid_mm, strict=True)
    )


def pixel_weights(samples: np.ndarray, side_px: int, pixel_mm: float) -> np.ndarray:
    """float32 (S, side): linear interpolation from pixels to echo samples [mm] along one axis; beyond the middle of the
    outermost pixels as there."""
    place = np.clip(samples / pixel_mm - 0.5, 0, side_px - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(side_px)), 0).astype(np.float32)


def window_weights(samples: np.ndarray, side_px: int, pixel_mm: float, window_mm: float) -> np.ndarray:
    """float32 (side, S): weights of the echo samples [mm] in the window of each pixel along one axis; their sum is
    1."""
    distance = samples - (np.arange(side_px)[:, None] + 0.5) * pixel_mm
    weights = np.exp(-0.5 * (distance * np.sqrt(12) / window_mm) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@functools.lru_cache(maxsize=256)
@one_blas_thread()
def _speckle(config: SimulationConfig, seed: int) -> Speckle:
    scatterers, settings = draw_scatterers(config, seed), config.echo
    height, width = config.image_shape
    z_mm, x_mm = samples_mm(config)
    sum_z = window_weights(z_mm, height, config.pixel_mm, scatterers.window_mm[0])
    sum_x = window_weights(x_mm, width, config.pixel_mm, scatterers.window_mm[1])
    power = np.abs(scatterers.echoes) ** 2
    summed = sum_z @ power @ sum_x.T
    mean_power = float(power.mean())
    noise_power = (mean_power * scatterers.noise_growth).astype(np.float32)[:, None]
    # As strong as the echoes that it replaces, and alike over a cell of the point spread.
    renewed = (scatterers.renewal * mean_power * _cells(scatterers)).astype(np.float32)[:, None]
    g_z, g_x = sum_z**2, (sum_x**2).T
    wavelength_mm = settings.speed_of_sound_m_s / 1e3 / settings.centre_frequency_mhz
    return Speckle(
        seen=_matrix(_taps(scatterers, summed, sum_z, sum_x, config), config.pixel_mm),
        electronic=0.5 * (g_z @ (power * noise_power) @ g_x) / summed**2,
        squared=0.5 * (g_z @ np.broadcast_to(noise_power**2, power.shape) @ g_x) / summed**2,
        renewed=0.5 * (g_z @ (power * renewed) @ g_x) / summed**2,
        sigma_px=tuple(w / np.sqrt(12) / config.pixel_mm for w in scatterers.window_mm),
        velocity_of_phase=wavelength_mm * config.frame_rate_hz / (4 * np.pi),
    )


def _cells(scatterers):
    """(Z,) echo samples that are alike within the window. Two Gaussian fields of point spread s are alike over sqrt(2
    pi) s along an axis; less, as far as the window, of SD w, is no wider than that."""
    cells = 1.0
    sds = scatterers.axial_sd_mm, scatterers.lateral_sd_mm
    for sd_mm, window_mm, step_mm in zip(sds, scatterers.window_mm, scatterers.settings.grid_mm, strict=True):
        wide = window_mm**2 / 6  # 2 w^2
        cells = cells * np.maximum(np.sqrt(2 * np.pi) * sd_mm / step_mm * np.sqrt(wide / (sd_mm**2 + wide)), 1)
    return np.broadcast_to(cells, scatterers.lateral_sd_mm.shape)


def reach_px(config: SimulationConfig) -> tuple[int, int]:
    """`REACH_MM` in whole pixels, in depth and width."""
    return tuple(int(np.ceil(reach / config.pixel_mm)) for reach in REACH_MM)


def _taps(scatterers, summed, sum_z, sum_x, config):
    """float32 (2 r + 1, 2 q + 1, H, W) for the reach (r, q): the weight of the pixel so far away in each pixel's
    velocity."""
    height, width = config.image_shape
    z_mm, x_mm = samples_mm(config)
    reach = reach_px(config)
    spans = [2 * side + 1 for side in reach]
    rows, columns = pixel_weights(z_mm, height, config.pixel_mm), pixel_weights(x_mm, width, config.pixel_mm)
    combs_z = np.stack([rows[:, k :: spans[0]].sum(axis=1) for k in range(spans[0])])
    combs_x = np.stack([columns[:, k :: spans[1]].sum(axis=1) for k in range(spans[1])])
    across = scatterers.spread_across(scatterers.strength * combs_x[:, None, :])
    echoes = np.conj(scatterers.echoes)
    taps = np.zeros((*spans, height, width), np.float32)
    i, j = np.arange(height), np.arange(width)
    # Combs in depth one by one: a batch of all would not fit into the cache.
    responses = []
    for comb in combs_z:
        moved = scatterers.spread_in_depth(across * comb[:, None])
        responses.append(sum_z @ np.real(echoes * moved) @ sum_x.T / summed)
    responses = np.array(responses)
    for dy in range(-reach[0], reach[0] + 1):
        for dx in range(-reach[1], reach[1] + 1):
            inside = ((i + dy >= 0) & (i + dy < height))[:, None] & ((j + dx >= 0) & (j + dx < width))
            response = responses[((i + dy) % spans[0])[:, None], (j + dx) % spans[1], i[:, None], j]
            taps[dy + reach[0], dx + reach[1]] = np.where(inside, response, 0)
    return taps


def _matrix(taps, pixel_mm):
    """Taps as a sparse matrix (H W, H W); those that are nothing, for pixels of that size, are left out."""
    rows, columns, height, width = taps.shape
    a, b, i, j = np.nonzero(np.abs(taps) > 1e-3 * min(pixel_mm / 0.625, 1) ** 2)
    source = (i + a - rows // 2) * width + j + b - columns // 2
    values, target = taps[a, b, i, j], i * width + j
    return csr_array((values, (target, source)), shape=(height * width, height * width), dtype=np.float32)
