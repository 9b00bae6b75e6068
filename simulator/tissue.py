"""Where motor units lie: disc-shaped territories, and how the tissue inside them responds.

Pixel (row i, column j) covers [i, i+1) x [j, j+1) pixels; its centre is at (i + 0.5, j + 0.5) * pixel_mm.
Positions are (y, x) [mm] from the image's top left corner.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import gaussian_filter1d

from simulator.config import SimulationConfig


def draw_discs(rng: np.random.Generator, n_units: int, config: SimulationConfig, still_mm=(0.0, 0.0)):
    """Random discs, inside the image as the config's territory_placement says: centres_mm (n, 2), diameters_mm (n,).
    still_mm: thickness of layers at the top and the bottom of the image that are no muscle."""
    diameters_mm = rng.uniform(*config.diameter_mm, n_units)
    margin_mm = diameters_mm[:, None] / 2 if config.territory_placement == "inside" else 0.0
    sides_mm = np.array(config.image_shape) * config.pixel_mm - (sum(still_mm), 0.0)
    room_mm = sides_mm - 2 * margin_mm
    centres_mm = margin_mm + rng.random((n_units, 2)) * room_mm
    centres_mm[:, 0] += still_mm[0]
    return centres_mm, diameters_mm


def territory_masks(centres_mm, diameters_mm, config: SimulationConfig) -> np.ndarray:
    """Pixels whose centre lies in the disc: bool (n, H, W)."""
    dy = offsets_mm(np.arange(config.height_px), centres_mm[:, 0], config)[:, :, None]
    dx = offsets_mm(np.arange(config.width_px), centres_mm[:, 1], config)[:, None, :]
    return dy**2 + dx**2 <= (diameters_mm[:, None, None] / 2) ** 2


def offsets_mm(pixels, centres_mm, config):
    """Offsets [mm] of pixels, (n, S) or (S,), from the centre of each unit along one axis: (n, S)."""
    return (pixels + 0.5) * config.pixel_mm - centres_mm[:, None]


def response_maps(centres_mm, diameters_mm, delay_angles_rad, delay_nodes_s, config: SimulationConfig) -> np.ndarray:
    """The tissue's response, split over the delays `delay_nodes_s` (K,): float32 (n, K, H, W).

    A pixel whose onset is delayed by d moves with the twitch train s(t - d). Between the nodes d_k, s(t - d) is
    interpolated from the s(t - d_k) after Lagrange: pixel signals are then sums of K node signals, and a sequence is
    still one matrix product. Five Chebyshev nodes over +-5 ms are exact to about 1e-4 of the peak. One node at 0 is the
    separable case. Only a window around each disc is computed.
    """
    if not len(diameters_mm):
        return np.zeros((0, len(delay_nodes_s), *config.image_shape), np.float32)
    radii_mm = diameters_mm[:, None, None] / 2
    y_px, x_px = _windows(centres_mm, diameters_mm, config)
    dy = offsets_mm(y_px, centres_mm[:, 0], config)[:, :, None]
    dx = offsets_mm(x_px, centres_mm[:, 1], config)[:, None, :]
    profile = (dy**2 + dx**2 <= radii_mm**2).astype(np.float32)
    dy, dx = (dy / radii_mm).astype(np.float32), (dx / radii_mm).astype(np.float32)  # in radii from here on
    if config.plateau_fraction < 1:
        fall = (np.sqrt(dy**2 + dx**2) - config.plateau_fraction) / (1 - config.plateau_fraction)
        fall = np.clip(fall, 0, 1)
        profile *= config.edge_level + (1 - config.edge_level) * 0.5 * (1 + np.cos(np.float32(np.pi) * fall))
    windows = np.repeat(profile[:, None], len(delay_nodes_s), axis=1)
    if len(delay_nodes_s) > 1:
        angle = delay_angles_rad.astype(np.float32)[:, None, None]
        across = dy * np.sin(angle) + dx * np.cos(angle)  # delay of the pixel, in spans
        windows = lagrange_weights(across, delay_nodes_s / config.delay_span_s, windows)
    if config.blur_sigma_px > 0:
        windows = blur_matrix(y_px.shape[1], config.blur_sigma_px) @ windows
        windows = windows @ blur_matrix(x_px.shape[1], config.blur_sigma_px).T
    maps = np.zeros((*windows.shape[:2], *config.image_shape), np.float32)
    for image, window, y, x in zip(maps, windows, y_px, x_px, strict=True):
        top, left = max(0, -y[0]), max(0, -x[0])  # what of the window is outside the image
        bottom, right = len(y) - max(0, y[-1] + 1 - config.height_px), len(x) - max(0, x[-1] + 1 - config.width_px)
        image[:, y[top] : y[bottom - 1] + 1, x[left] : x[right - 1] + 1] = window[:, top:bottom, left:right]
    return maps


def lagrange_weights(across: np.ndarray, nodes: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """float32 (n, K, H, W): the weight of each node (K,) in what is interpolated at `across` (n, H, W), in the same
    unit; multiplied into `times` if that is given."""
    nodes = nodes.astype(np.float32)
    weights = np.ones((len(across), len(nodes), *across.shape[1:]), np.float32) if times is None else times
    for k, node in enumerate(nodes):
        for other in np.delete(nodes, k):
            weights[:, k] *= (across - other) / (node - other)
    return weights


def _windows(centres_mm, diameters_mm, config):
    """Rows (n, S) and columns (n, S) of windows that hold each disc and its blur: inside the image, unless its edge may
    cut the disc, when they reach beyond it, as the tissue does."""
    margin_px = int(_BLUR_TRUNCATE * config.blur_sigma_px + 0.5) + 1
    side_px = int(np.ceil(diameters_mm.max() / config.pixel_mm)) + 2 * margin_px
    begin_px = np.floor((centres_mm - diameters_mm[:, None] / 2) / config.pixel_mm).astype(int) - margin_px
    if config.territory_placement == "cut":
        return tuple(begin_px[:, axis, None] + np.arange(side_px) for axis in (0, 1))
    windows = []
    for axis, length_px in enumerate(config.image_shape):
        side = min(side_px, length_px)
        windows.append(np.clip(begin_px[:, axis], 0, length_px - side)[:, None] + np.arange(side))
    return windows


_BLUR_TRUNCATE = 4.0
"""The kernel of the blur ends at this many SDs."""


@functools.lru_cache(maxsize=256)
def blur_matrix(side_px: int, sigma_px: float) -> np.ndarray:
    """Gaussian blur along one axis, as a (side, side) matrix. What leaves the window is lost."""
    return gaussian_filter1d(
        np.eye(side_px, dtype=np.float32), sigma_px, axis=0, mode="constant", truncate=_BLUR_TRUNCATE
    )


def delay_nodes_s(config: SimulationConfig) -> np.ndarray:
    """Delays [s] at which the twitch trains are evaluated: 0 alone, or Chebyshev nodes over +-span."""
    if config.delay_span_s == 0:
        return np.zeros(1)
    n = config.delay_nodes
    return config.delay_span_s * np.cos(np.pi * (np.arange(n) + 0.5) / n)
