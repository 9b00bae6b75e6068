"""Where velocity is estimated: square pixels over the field of the echoes, each with a window of samples around it.

The sum over a window is taken where a pixel is, and nowhere else: two small matrix products smooth and resample at
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.echoes.options import VelocityOptions
from muspipe.errors import InputError
from muspipe.recordings.recording import MIN_SIDE_PX, RANGE_MM, check_number


@dataclass(frozen=True, eq=False)
class Windows:
    """Weights of the samples in the window of each pixel."""

    rows: np.ndarray
    """float32 (h, H): in depth"""
    steps: np.ndarray
    """float32 (h, H - 1): in depth, of what lies between two samples"""
    columns: np.ndarray
    """float32 (W, w): in width"""

    @classmethod
    def of(cls, frame_shape, pixel_mm, options: VelocityOptions) -> Windows:
        """frame_shape: samples in depth and width; pixel_mm: their distances."""
        (n_depth, n_width), (depth_mm, width_mm) = frame_shape, pixel_mm
        height, width = image_shape(frame_shape, pixel_mm, options.image_pixel_mm)
        axial = height, options.image_pixel_mm, options.axial_window_mm
        lateral = width, options.image_pixel_mm, options.lateral_window_mm
        return cls(
            weights(n_depth, depth_mm, *axial),
            weights(n_depth - 1, depth_mm, *axial),
            np.ascontiguousarray(weights(n_width, width_mm, *lateral).T),
        )

    def sums(self, products: np.ndarray) -> np.ndarray:
        """complex64 (n, h, w): sums of products (n, H, W), complex64, over the windows. Also of (n, H - 1, W)."""
        rows = self.rows if products.shape[1] == self.rows.shape[1] else self.steps
        return (rows @ products.view(np.float32)).view(np.complex64) @ self.columns

    def real_sums(self, values: np.ndarray) -> np.ndarray:
        """float32 (n, h, w): the same of real values (n, H, W), float32."""
        return self.rows @ values @ self.columns


def image_shape(frame_shape, pixel_mm, image_pixel_mm: float) -> tuple[int, int]:
    """(height, width) of the velocity images [px]: the field of the echoes, to the nearest whole pixel."""
    check_number(image_pixel_mm, "image_pixel_mm", "mm", RANGE_MM, "choose another (--image-pixel-mm)")
    field_mm = [n * distance_mm for n, distance_mm in zip(frame_shape, pixel_mm, strict=True)]
    shape = tuple(round(side_mm / image_pixel_mm) for side_mm in field_mm)
    if min(shape) < MIN_SIDE_PX:
        raise InputError(
            f"image_pixel_mm: expected images of at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px, got {shape[0]} x "
            f"{shape[1]} px of {image_pixel_mm:g} mm from {field_mm[0]:.3g} x {field_mm[1]:.3g} mm (depth x width): "
            "choose a smaller one (--image-pixel-mm), if the distances between samples are right (--pixel-mm)"
        )
    return shape


def weights(n_samples: int, distance_mm: float, n_pixels: int, pixel_mm: float, window_mm: float) -> np.ndarray:
    """float32 (n_pixels, n_samples): the share of each sample's cell that is in the window around each pixel, both
    rows of cells with the same middle. A window is never smaller than a cell."""
    samples_mm = (np.arange(n_samples) - (n_samples - 1) / 2) * distance_mm
    pixels_mm = (np.arange(n_pixels) - (n_pixels - 1) / 2) * pixel_mm
    reach_mm = max(window_mm, distance_mm) / 2
    low = np.maximum(pixels_mm[:, None] - reach_mm, samples_mm - distance_mm / 2)
    high = np.minimum(pixels_mm[:, None] + reach_mm, samples_mm + distance_mm / 2)
    return (np.maximum(high - low, 0) / distance_mm).astype(np.float32)
