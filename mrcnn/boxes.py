"""Arithmetic of boxes.

(..., 4)  (y1, x1, y2, x2). In pixels y2 and x2 are one past the last pixel; normalised, the far edge is inside the box:
normalised = (pixels - [0, 0, 1, 1]) / [h-1, w-1, h-1, w-1].
Deltas (..., 4)  (dy, dx, log dh, log dw), relative to the centre and size of the box they refine.
Functions whose names end in _graph use keras.ops and float32, the others NumPy.
"""

import numpy as np
from keras import ops

_SHIFT = np.array([0, 0, 1, 1])


def _extent(shape, dtype=np.float64):
    height, width = shape[:2]
    return np.array([height - 1, width - 1, height - 1, width - 1], dtype)


def norm_boxes(boxes, shape):
    """Pixels of an image of (height, width) -> normalised, float32."""
    return ((np.asarray(boxes) - _SHIFT) / _extent(shape)).astype(np.float32)


def denorm_boxes(boxes, shape):
    """Normalised -> pixels, int32; halves are rounded to even."""
    boxes = np.asarray(boxes)
    return np.rint(boxes * _extent(shape, boxes.dtype) + _SHIFT.astype(boxes.dtype)).astype(np.int32)


def norm_boxes_graph(boxes, shape):
    shift, extent = _SHIFT.astype(np.float32), _extent(shape, np.float32)
    return divide(ops.cast(boxes, "float32") - shift, extent)


def divide(x, constant):
    """x / constant, exact to the last bit in compiled graphs too.

    Graph optimisers replace division by a constant with multiplication by its reciprocal. The last bit may differ,
    which moves samples that lie on an edge to its other side. Here the divisor seems to depend on x.
    """
    return x / ops.minimum(ops.abs(x) + np.float32(1e30), constant)


def denorm_boxes_graph(boxes, shape):
    shift, extent = _SHIFT.astype(np.float32), _extent(shape, np.float32)
    return ops.cast(ops.round(boxes * extent + shift), "int32")


def _applied(boxes, deltas, exp, stack):
    height, width = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    center_y = boxes[..., 0] + 0.5 * height + deltas[..., 0] * height
    center_x = boxes[..., 1] + 0.5 * width + deltas[..., 1] * width
    height, width = height * exp(deltas[..., 2]), width * exp(deltas[..., 3])
    y1, x1 = center_y - 0.5 * height, center_x - 0.5 * width
    return stack([y1, x1, y1 + height, x1 + width], -1)


def apply_box_deltas(boxes, deltas):
    return _applied(np.asarray(boxes, np.float32), np.asarray(deltas), np.exp, np.stack)


def apply_box_deltas_graph(boxes, deltas):
    return _applied(boxes, deltas, ops.exp, ops.stack)


def clip_boxes_graph(boxes, window):
    """window (..., 4), of the same rank as boxes."""
    low, high = window[..., :2], window[..., 2:]
    corners = [ops.maximum(ops.minimum(boxes[..., i : i + 2], high), low) for i in (0, 2)]
    return ops.concatenate(corners, -1)


def _refinement(boxes, gt_boxes, log, stack):
    height, width = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    gt_height, gt_width = gt_boxes[..., 2] - gt_boxes[..., 0], gt_boxes[..., 3] - gt_boxes[..., 1]
    dy = (gt_boxes[..., 0] + 0.5 * gt_height - (boxes[..., 0] + 0.5 * height)) / height
    dx = (gt_boxes[..., 1] + 0.5 * gt_width - (boxes[..., 1] + 0.5 * width)) / width
    return stack([dy, dx, log(gt_height / height), log(gt_width / width)], -1)


def box_refinement(boxes, gt_boxes):
    """Deltas that take boxes to gt_boxes, not divided by any standard deviation."""
    return _refinement(np.asarray(boxes, np.float32), np.asarray(gt_boxes, np.float32), np.log, np.stack)


def box_refinement_graph(boxes, gt_boxes):
    return _refinement(boxes, gt_boxes, ops.log, ops.stack)


def _areas(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _intersections(a, b, maximum, minimum):
    height = minimum(a[..., 2], b[..., 2]) - maximum(a[..., 0], b[..., 0])
    width = minimum(a[..., 3], b[..., 3]) - maximum(a[..., 1], b[..., 1])
    return maximum(height, 0) * maximum(width, 0)


def compute_overlaps(boxes1, boxes2):
    """IoU (n1, n2) of (n1, 4) and (n2, 4); 0 where both have no area."""
    a, b = np.asarray(boxes1)[:, None], np.asarray(boxes2)[None]
    intersection = _intersections(a, b, np.maximum, np.minimum)
    union = _areas(a) + _areas(b) - intersection
    return np.divide(intersection, union, out=np.zeros(union.shape), where=union != 0)


def overlaps_graph(boxes1, boxes2):
    """IoU (..., n1, n2) of (..., n1, 4) and (..., n2, 4); 0 where both have no area."""
    a, b = boxes1[..., :, None, :], boxes2[..., None, :, :]
    intersection = _intersections(a, b, ops.maximum, ops.minimum)
    union = _areas(a) + _areas(b) - intersection
    empty = union == 0
    return ops.where(empty, 0.0, intersection / ops.where(empty, 1.0, union))
