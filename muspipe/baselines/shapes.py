"""Territories as shapes: from maps to masks."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage


def connected_shape(above: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The connected part of `above` that shares most pixels with `near`, else the largest, holes filled: (H, W)."""
    labels, count = ndimage.label(above)
    if count == 0:
        return above
    sizes = np.bincount(labels[near], minlength=count + 1)[1:]
    if sizes.max(initial=0) == 0:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return filled(labels == 1 + sizes.argmax())


def filled(shape: np.ndarray) -> np.ndarray:
    """A shape (H, W) without holes. They can only be within its box, which is much smaller than the image."""
    whole = shape.copy()
    if shape.any():
        box = tuple(slice(at[0], at[-1] + 1) for at in (np.flatnonzero(shape.any(axis=axis)) for axis in (1, 0)))
        whole[box] = ndimage.binary_fill_holes(shape[box])
    return whole


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
    rows = np.flatnonzero(shape.any(axis=1))
    if rows.size == 0:
        return 1.0
    first = shape[rows].argmax(axis=1)
    last = shape.shape[1] - 1 - shape[rows, ::-1].argmax(axis=1)
    return float(shape.sum() / _lattice_points(_chain(rows, first, 1) + _chain(rows, last, -1)[::-1]))


def _chain(rows, columns, side):
    """Corners (row, column), from the first row to the last, of the convex hull on one side: 1 left, -1 right."""
    corners: list[tuple[int, int]] = []
    for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(corners) > 1:
            (y0, x0), (y1, x1) = corners[-2:]
            if side * ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) < 0:  # the last corner sticks out
                break
            corners.pop()
        corners.append((y, x))
    return corners


def _lattice_points(corners):
    """Pixels whose middle lies in or on a polygon with its corners at pixels' middles: Pick's theorem."""
    twice_area, on_border = 0, 0
    for (y0, x0), (y1, x1) in zip(corners, corners[1:] + corners[:1], strict=True):
        twice_area += x0 * y1 - x1 * y0
        on_border += math.gcd(y1 - y0, x1 - x0)
    return (abs(twice_area) + on_border) // 2 + 1


def dilate(shapes: np.ndarray) -> np.ndarray:
    """Each of the shapes (n, H, W) grown by one pixel on all four sides."""
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return ndimage.binary_dilation(shapes, cross)
