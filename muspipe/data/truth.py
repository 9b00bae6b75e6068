"""Ground truth of fixed size for detection: boxes, masks, class ids."""

from __future__ import annotations

import numpy as np

from muspipe.errors import InputError

BACKGROUND, MOTOR_UNIT = 0, 1
"""Class ids; rows of padding are background."""


def boxes_of_masks(masks: np.ndarray) -> np.ndarray:
    """Smallest boxes (y1, x1, y2, x2) [px] round bool masks (n, H, W): float32 (n, 4).

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
