"""Square crops centred on a motor unit's territory, zero-padded where they leave the image."""

from __future__ import annotations

import numpy as np


def crop_corner(mask: np.ndarray, size_px: int) -> tuple[int, int]:
    """(top, left) pixel, possibly negative, of the size_px crop whose centre is nearest the mask's centroid.

    mask: bool (H, W), not empty. Halves round up, towards larger y and x.
    """
    y, x = np.nonzero(mask)
    if len(y) == 0:
        raise ValueError("mask: expected at least one pixel, got an empty mask")
    return tuple(int(np.floor(pixels.mean() + 0.5 - size_px / 2 + 0.5)) for pixels in (y, x))


def crop(array: np.ndarray, corner: tuple[int, int], size_px: int, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """The size_px x size_px part of the array that begins at `corner` (top, left), zero outside the array; a copy.

    axes: which are (y, x), e.g. (0, 1) for images (H, W, T).
    """
    shape, source, target = list(array.shape), [slice(None)] * array.ndim, [slice(None)] * array.ndim
    for begin, axis in zip(corner, axes, strict=True):
        first, last = max(begin, 0), min(begin + size_px, array.shape[axis])
        shape[axis] = size_px
        source[axis] = slice(first, max(first, last))
        target[axis] = slice(first - begin, max(first, last) - begin)
    result = np.zeros(shape, array.dtype)
    if all(0 <= part.start < size_px for part in (target[axis] for axis in axes)):
        result[tuple(target)] = array[tuple(source)]
    return result
