"""Territories of any shape, and the tissue that they drag along: what `TissueSettings` stands for.

An outline is a radius that depends on the angle: an ellipse times a few harmonics, as large in area as the disc of the
unit's diameter. Inside it, fibres are scattered; outside it, tissue is dragged along. Layers above and below the muscle
are still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from simulator.config import SimulationConfig
from simulator.muscle_config import TissueSettings
from simulator.streams import LAYERS, SHAPES, stream
from simulator.tissue import blur_matrix, lagrange_weights, offsets_mm

HARMONICS = np.arange(2, 6)
"""Of the angle. The first would shift the outline, higher ones are finer than a pixel."""
_MIN_RADIUS = 0.4
"""An outline comes no nearer to its centre than this share of the ellipse's radius."""


@dataclass(frozen=True)
class Tissue:
    """What was drawn of `TissueSettings` for a sequence of n units."""

    axis_ratios: np.ndarray
    """(n,) long over short axis"""
    axis_angles_rad: np.ndarray
    """(n,) of the long axis, from +x towards +y"""
    harmonics: np.ndarray
    """complex (n, 4), relative amplitudes and phases of `HARMONICS`"""
    gaps: float
    drag_share: float
    drag_sigma_mm: float
    amplitude_sd: float
    interaction: float


def still_layers_mm(tissue_seed: int, config: SimulationConfig) -> np.ndarray:
    """(2,) thickness [mm] of the still layers above and below the muscle; at most so that the largest territory has
    room between them."""
    room_mm = config.height_px * config.pixel_mm - config.diameter_mm[1]
    return np.minimum(stream(tissue_seed, LAYERS).uniform(*config.tissue.still_mm, 2), room_mm / 2)


def draw_tissue(tissue_seed: int, n_units: int, settings: TissueSettings) -> Tissue:
    """The tissue of a sequence, from its seed alone."""
    rng = stream(tissue_seed, SHAPES)
    irregularity = rng.uniform(*settings.irregularity)
    weights = 1.0 / HARMONICS
    weights *= irregularity * np.sqrt(2.0 / np.sum(weights**2))  # the SD of the sum over all angles
    # |a| of each harmonic is Rayleigh, so that their squares add to the wanted variance on average
    amplitudes = weights * rng.rayleigh(np.sqrt(0.5), (n_units, len(HARMONICS)))
    return Tissue(
        axis_ratios=rng.uniform(*settings.axis_ratio, n_units),
        axis_angles_rad=rng.uniform(0, np.pi, n_units),
        harmonics=amplitudes * np.exp(1j * rng.uniform(0, 2 * np.pi, amplitudes.shape)),
        gaps=float(rng.uniform(*settings.gaps)),
        drag_share=float(rng.uniform(*settings.drag_share)),
        drag_sigma_mm=float(rng.uniform(*settings.drag_sigma_mm)),
        amplitude_sd=float(rng.uniform(*settings.amplitude_sd)),
        interaction=float(rng.uniform(*settings.interaction)),
    )


def relative_radius(tissue: Tissue, angle_rad: np.ndarray) -> np.ndarray:
    """Radius of each outline at angles (n, ...) over the radius of the disc that is as large, (n, ...)."""
    area = np.mean(_radius(tissue, np.linspace(0, 2 * np.pi, 180, endpoint=False)[None]) ** 2, axis=1)
    scale = 1 / np.sqrt(area).reshape(-1, *(1,) * (angle_rad.ndim - 1))
    return _radius(tissue, angle_rad) * scale


def _radius(tissue, angle_rad):
    column = (slice(None), *(None,) * (angle_rad.ndim - 1))
    ratio, along = tissue.axis_ratios[column], angle_rad - tissue.axis_angles_rad[column]
    ellipse = 1 / np.sqrt(np.cos(along) ** 2 / ratio + np.sin(along) ** 2 * ratio)
    wave = sum(
        np.real(amplitude[column] * np.exp(1j * k * angle_rad))
        for k, amplitude in zip(HARMONICS, tissue.harmonics.T, strict=True)
    )
    return ellipse * np.maximum(1 + wave, _MIN_RADIUS)


def relative_distances(sequence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pixel from each centre: distance over the outline's radius (n, H, W), 1 on the outline; offsets dy and dx
    over the radius of the disc."""
    config = sequence.config
    radii_mm = sequence.diameters_mm[:, None, None] / 2
    dy = offsets_mm(np.arange(config.height_px), sequence.centres_mm[:, 0], config)[:, :, None] / radii_mm
    dx = offsets_mm(np.arange(config.width_px), sequence.centres_mm[:, 1], config)[:, None, :] / radii_mm
    angle = np.arctan2(dy, dx)
    return np.hypot(dy, dx) / relative_radius(sequence.tissue, angle), dy, dx


def muscle_share(sequence) -> np.ndarray:
    """(H, 1): 1 where muscle moves, 0 in the still layers above and below."""
    config = sequence.config
    settings = config.tissue
    top_mm, bottom_mm = still_layers_mm(sequence.tissue_seed, config)
    y_mm = (np.arange(config.height_px) + 0.5) * config.pixel_mm
    height_mm = config.height_px * config.pixel_mm
    from_top = ndtr((y_mm - top_mm) / settings.still_edge_mm) if top_mm > 0 else np.ones_like(y_mm)
    from_bottom = ndtr((height_mm - bottom_mm - y_mm) / settings.still_edge_mm) if bottom_mm > 0 else np.ones_like(y_mm)
    return (from_top * from_bottom).astype(np.float32)[:, None]


def territory_masks(sequence) -> np.ndarray:
    """Pixels whose middle lies within the outline and in the muscle: bool (n, H, W)."""
    return (relative_distances(sequence)[0] <= 1) & (muscle_share(sequence) >= 0.5)


def response_maps(sequence, delay_nodes_s: np.ndarray) -> np.ndarray:
    """The tissue's response, split over the delays (K,) as by `tissue.response_maps`: float32 (n, K, H, W)."""
    config, tissue = sequence.config, sequence.tissue
    distance, dy, dx = relative_distances(sequence)
    own = np.where(distance <= 1, _fall(distance, config) * _fibres(sequence, distance <= 1), 0).astype(np.float32)
    maps = own[:, None]
    if len(delay_nodes_s) > 1:
        angle = sequence.delay_angles_rad[:, None, None]
        across = np.clip(dy * np.sin(angle) + dx * np.cos(angle), -1, 1)  # delay of the pixel, in spans
        weights = lagrange_weights(across.astype(np.float32), delay_nodes_s / config.delay_span_s)
        maps = maps * weights
    if tissue.drag_share > 0:
        sigma_px = tissue.drag_sigma_mm / config.pixel_mm
        rows, columns = (blur_matrix(side, sigma_px) for side in config.image_shape)
        peak = own.max(axis=(1, 2)) / np.maximum((rows @ own @ columns.T).max(axis=(1, 2)), 1e-6)
        dragged = rows @ maps @ columns.T * peak[:, None, None, None]
        maps = (1 - tissue.drag_share) * maps + tissue.drag_share * dragged
    return (maps * muscle_share(sequence)).astype(np.float32)


def _fall(distance, config):
    """Fall of the response from the plateau to the outline."""
    if config.plateau_fraction >= 1:
        return np.ones_like(distance)
    fall = np.clip((distance - config.plateau_fraction) / (1 - config.plateau_fraction), 0, 1)
    return config.edge_level + (1 - config.edge_level) * 0.5 * (1 + np.cos(np.pi * fall))


def _fibres(sequence, inside):
    """1 where a unit has fibres, 0 in its gaps: (n, H, W). Gaps are where a smooth random field is low."""
    config, gaps = sequence.config, sequence.tissue.gaps
    if gaps == 0:
        return np.ones(inside.shape, np.float32)
    rng = stream(sequence.tissue_seed, SHAPES, 1)
    field = rng.standard_normal(inside.shape, dtype=np.float32)
    sigma_px = config.tissue.gap_size_mm / config.pixel_mm / np.sqrt(2)
    rows, columns = (blur_matrix(side, sigma_px) for side in config.image_shape)
    field = rows @ field @ columns.T
    fibres = np.ones(inside.shape, np.float32)
    for one, values, within in zip(fibres, field, inside, strict=True):
        if within.any():
            one[values < np.quantile(values[within], gaps)] = 0
    return fibres
