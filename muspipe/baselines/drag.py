"""Tissue that a contracting unit drags along: how much of it there is, and maps without it.

The muscle around a unit follows it, so that its map is its territory's own response plus a share of that, blurred over
millimetres. Such skirts cover one another, and no map is a small bright patch any more. The drag is one linear filter
of the image, and taking it off is another: 1 / (1 + strength x blur). Of some strengths and reaches that one is right
which leaves the maps most skewed: patches on zero.

Images have their first two axes (H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from muspipe.baselines.maps import skewed_maps


@dataclass(frozen=True)
class Drag:
    """A response, plus `strength` times that blurred by a Gaussian of SD `reach_mm`."""

    strength: float
    reach_mm: float

    def without(self, images: np.ndarray, pixel_mm: float) -> np.ndarray:
        """float32 (H, W, ...): images before the drag."""
        if self.strength == 0:
            return images
        frequencies = [np.arange(side) / (2 * side * pixel_mm) for side in images.shape[:2]]  # per mm
        radial = np.add.outer(frequencies[0] ** 2, frequencies[1] ** 2)
        blur = np.exp(-2 * (np.pi * self.reach_mm) ** 2 * radial)
        gain = (1 / (1 + self.strength * blur)).astype(np.float32).reshape(*blur.shape, *(1,) * (images.ndim - 2))
        return idctn(dctn(images, axes=(0, 1), norm="ortho") * gain, axes=(0, 1), norm="ortho")


NO_DRAG = Drag(0.0, 1.0)
DRAGS = (Drag(1.0, 2.0), Drag(2.0, 3.0), Drag(4.0, 4.0), Drag(8.0, 4.0))
"""What is tried. A territory of 6 mm whose response is 0.6 own and 0.4 blurred by 2 mm, scaled to the same peak, has
the first; 0.5 and 0.5 blurred by 5 mm, between the last two."""
LEAST_GAIN = 1.04
"""The square of the skewness must grow by this factor, or nothing is taken off: in 7 sequences each it grew by 5 to
20 % where tissue was dragged along 0.4 x 2 mm, by 3 % at most where none was (scenario physiological without noise)."""
STRIDE, ITERATIONS, TOLERANCE = 2, 30, 1e-2
"""Skewness is compared on every second pixel both ways, after a shorter search."""


def measure_drag(basis: np.ndarray, image_shape, pixel_mm: float) -> Drag:
    """The drag in the maps that the basis (P, K) spans."""
    images = basis.reshape(*image_shape, -1)
    skewness = {drag: _skewness(drag.without(images, pixel_mm)) for drag in (NO_DRAG, *DRAGS)}
    best = max(skewness, key=skewness.get)
    return best if skewness[best] > LEAST_GAIN * skewness[NO_DRAG] else NO_DRAG


def _skewness(images):
    """Mean square of the skewness of the most skewed maps that images (H, W, K) span."""
    basis = np.ascontiguousarray(images[::STRIDE, ::STRIDE].reshape(-1, images.shape[2]))
    maps = skewed_maps(basis, np.random.default_rng(0), ITERATIONS, TOLERANCE)
    return float(np.mean(np.mean(maps**3, axis=0) ** 2 / np.maximum(np.mean(maps**2, axis=0), 1e-12) ** 3))
