"""Territories as shapes: from maps to masks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image


def connected_shape(above: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The connected part of `above` that shares most pixels with `near`, else the largest, holes filled: (H, W)."""
    labels, count = ndimage.label(above)
    if count == 0:
        return above
    sizes = np.bincount(labels[near], minlength=count + 1)[1:]
    if sizes.max(initial=0) == 0:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return ndimage.binary_fill_holes(labels == 1 + sizes.argmax())


def bright_shape(image: np.ndarray, level: float, peak_pixels: int) -> np.ndarray:
    """The shape at the top of a map: pixels above `level` of its peak (its `peak_pixels` brightest), largest part."""
    image = image - np.median(image)
    peak_pixels = min(peak_pixels, image.size)
    top = np.partition(image.ravel(), -peak_pixels)[-peak_pixels]
    above = image > level * top
    return connected_shape(above, above)


def plateau(image: np.ndarray, shape: np.ndarray) -> float:
    """Mean of the brighter half of the image within the shape; 0 for an empty shape."""
    inside = np.sort(image[shape])
    return float(inside[len(inside) // 2 :].mean()) if inside.size else 0.0


def threshold_shape(image: np.ndarray, near: np.ndarray, level: float) -> np.ndarray:
    """The shape about `near` in which `image` exceeds `level` of its plateau in `near`."""
    bright = plateau(image, near)
    return connected_shape(image > level * bright, near) if bright > 0 else np.zeros_like(near)


def solidity(shape: np.ndarray) -> float:
    """Pixels over pixels of the convex hull, 0-1; a disc has about 0.95, a crescent far less."""
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    if rows.size < 2 or columns.size < 2:  # a line is its own hull
        return 1.0
    part = shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float(part.sum() / max(convex_hull_image(part, offset_coordinates=False).sum(), part.sum()))


def dilate(shapes: np.ndarray) -> np.ndarray:
    """Each of the shapes (n, H, W) grown by one pixel on all four sides."""
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return ndimage.binary_dilation(shapes, cross)
