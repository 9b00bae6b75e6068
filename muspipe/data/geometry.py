"""Flips, crops and boxes, of masks, maps and images alike.

What would be done to the images is done to the maps they are rendered from, at a hundredth of the cost.
"""

from __future__ import annotations

import numpy as np

from muspipe.errors import InputError

N_FLIPS = 4
"""The flips of Ali et al. 2020: 0 none, 1 top to bottom (y), 2 left to right (x), 3 both."""

BACKGROUND, MOTOR_UNIT = 0, 1
"""Class ids; rows of padding are background."""


def flip(array: np.ndarray, code: int, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """A view of the array flipped by `code`; axes: which ones are (y, x), e.g. (0, 1) for images
    (H, W, T)."""
    if code not in range(N_FLIPS):
        raise ValueError(f"flip: expected a code 0-{N_FLIPS - 1}, got {code!r}")
    chosen = [axis for bit, axis in zip((1, 2), axes, strict=True) if code & bit]
    return np.flip(array, chosen) if chosen else array


def crop_corner(mask: np.ndarray, size_px: int) -> tuple[int, int]:
    """(top, left) pixel, possibly negative, of the size_px crop whose centre is nearest to the mask's centroid.

    mask: bool (H, W), not empty. Halves round up, towards larger y and x.
    """
    y, x = np.nonzero(mask)
    if len(y) == 0:
        raise ValueError("mask: expected at least one pixel, got an empty mask")
    return tuple(int(np.floor(pixels.mean() + 0.5 - size_px / 2 + 0.5)) for pixels in (y, x))


def crop(array: np.ndarray, corner: tuple[int, int], size_px: int, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """The size_px x size_px part of the array that begins at `corner` (top, left), zero outside the array; a copy.

    axes: which ones are (y, x), e.g. (0, 1) for images (H, W, T).
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


def boxes_of_masks(masks: np.ndarray) -> np.ndarray:
    """Smallest boxes (y1, x1, y2, x2) [px] around bool masks (n, H, W): float32 (n, 4).

    y2 and x2 are one past the last pixel. The box of an empty mask is zero.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for begin, axis in ((0, 2), (1, 1)):  # rows: any over columns; columns: any over rows
        hit = masks.any(axis=axis)
        boxes[:, begin] = hit.argmax(axis=1)
        boxes[:, begin + 2] = hit.shape[1] - hit[:, ::-1].argmax(axis=1)
    boxes[~masks.any(axis=(1, 2))] = 0
    return boxes


def detection_truth(masks: np.ndarray, max_units: int) -> dict[str, np.ndarray]:
    """Truth of one sequence, padded to max_units rows (M): boxes float32 (M, 4) [px], masks bool (M, H, W),
    class_ids int32 (M,), MOTOR_UNIT or, for padding, BACKGROUND.

    Raises InputError when there are more units than rows.
    """
    n_units, height_px, width_px = masks.shape
    if n_units > max_units:
        raise InputError(f"max_units: expected at least {n_units}, the motor units of a sequence, got {max_units}")
    padded = np.zeros((max_units, height_px, width_px), bool)
    padded[:n_units] = masks
    class_ids = np.full(max_units, BACKGROUND, np.int32)
    class_ids[:n_units] = MOTOR_UNIT
    return {"boxes": boxes_of_masks(padded), "masks": padded, "class_ids": class_ids}
