"""RoIAlign of Matterport's design: crop-and-resize, one bilinear sample a bin, from the level that fits a box's size.

Boxes (N, 4)  (y1, x1, y2, x2), normalised; their corners fall on the first and last samples. Samples outside the map
are 0. Gradients go to the maps, not to the boxes. All maps are laid end to end as rows of one table, so that boxes of
all levels are read in one gather.
"""

import math

import numpy as np
from keras import ops

from mrcnn.boxes import divide

LEVELS = (2, 3, 4, 5)
SAMPLES_AT_ONCE = 1700  # of an image, by in_pieces: 8 boxes of 14 x 14, 34 of 7 x 7


def crop_and_resize(images, boxes, box_index, crop_shape):
    """(N, *crop_shape, C) from images (B, H, W, C); box i reads image box_index[i]."""
    _, height, width, channels = images.shape
    table = ops.reshape(images, (-1, channels))
    base = ops.cast(box_index, "int32") * (height * width)
    like = ops.zeros_like(base)
    return sample_boxes(table, boxes, crop_shape, base, like + height, like + width)


def roi_levels(boxes, image_shape):
    """Pyramid level 2..5 of each box (..., 4), int32; a box without area is of level 2."""
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    unit = np.float32(224.0) / np.sqrt(np.float32(image_shape[0] * image_shape[1]))
    log2 = ops.log(ops.sqrt(area) / unit) / np.float32(math.log(2.0))
    level = 4 + ops.cast(ops.round(ops.where(area > 0, log2, -2.0)), "int32")
    return ops.clip(level, LEVELS[0], LEVELS[-1])


def pyramid_roi_align(maps, boxes, image_shape, crop_shape, box_index=None):
    """Features (B, R, *crop_shape, C) of boxes (B, R, 4), or (N, *crop_shape, C) of (N, 4) in images box_index (N,).

    maps: P2..P5, (B, H, W, C) each; image_shape (H, W, ...) [px] of the network's image.
    """
    boxes = ops.cast(boxes, "float32")
    flat, per_image = boxes, None
    if box_index is None:
        per_image = boxes.shape[1]
        flat = ops.reshape(boxes, (-1, 4))
        ones = ops.ones_like(boxes[..., 0], "int32")
        box_index = ops.reshape(ops.cumsum(ones, axis=0) - 1, (-1,))
    sizes = np.array([m.shape[1:3] for m in maps], np.int32)
    channels = maps[0].shape[-1]
    n_images = ops.shape(maps[0])[0]
    rows = sizes[:, 0] * sizes[:, 1]
    table = ops.concatenate([ops.reshape(m, (-1, channels)) for m in maps], axis=0)
    level = roi_levels(flat, image_shape) - LEVELS[0]
    before = ops.take(np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int32), level, axis=0)
    height, width = (ops.take(sizes[:, i], level, axis=0) for i in (0, 1))
    base = before * ops.cast(n_images, "int32") + ops.cast(box_index, "int32") * height * width
    pooled = sample_boxes(table, flat, crop_shape, base, height, width)
    return pooled if per_image is None else ops.reshape(pooled, (-1, per_image, *crop_shape, channels))


def in_pieces(function, boxes, crop_shape):
    """function(boxes (B, R, 4)) -> (B, R, ...), called with a few boxes at a time to save memory."""
    n = max(1, SAMPLES_AT_ONCE // math.prod(crop_shape))
    parts = [function(boxes[:, i : i + n]) for i in range(0, boxes.shape[1], n)]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)


def sample_boxes(table, boxes, crop_shape, base, height, width, step=1):
    """(N, *crop_shape, ...) by bilinear interpolation in a table of rows.

    Box i reads a map of height[i] x width[i] whose cell (y, x) is row base[i] + (y * width[i] + x) * step of the table.
    """
    boxes = ops.stop_gradient(boxes)
    top, bottom, weight_y, valid_y = _lines(boxes[:, 0], boxes[:, 2], height, crop_shape[0])
    left, right, weight_x, valid_x = _lines(boxes[:, 1], boxes[:, 3], width, crop_shape[1])

    def read(y, x):
        index = base[:, None, None] + (y[:, :, None] * width[:, None, None] + x[:, None, :]) * step
        values = ops.take(table, index, axis=0)
        return values if "float" in _dtype_name(values) else ops.cast(values, "float32")

    top_left, top_right = read(top, left), read(top, right)
    bottom_left, bottom_right = read(bottom, left), read(bottom, right)
    extra = (1,) * (len(top_left.shape) - 3)
    dtype = top_left.dtype
    weight_x = ops.reshape(ops.cast(weight_x, dtype), (-1, 1, crop_shape[1], *extra))
    weight_y = ops.reshape(ops.cast(weight_y, dtype), (-1, crop_shape[0], 1, *extra))
    inside = ops.logical_and(valid_y[:, :, None], valid_x[:, None, :])
    inside = ops.reshape(ops.cast(inside, dtype), (-1, *crop_shape, *extra))
    upper = top_left + (top_right - top_left) * weight_x
    lower = bottom_left + (bottom_right - bottom_left) * weight_x
    return (upper + (lower - upper) * weight_y) * inside


def _dtype_name(x):
    """Name of the dtype of any backend's tensor."""
    return str(getattr(x.dtype, "name", x.dtype))


def _lines(first, last, size, count):
    """Sampling lines along one axis, (N, count): lower and upper neighbour, weight of the upper, inside the map or not.

    The order of the operations is the reference's, as it decides on which side of the map's edge a line falls.
    """
    reach = ops.cast(size - 1, "float32")
    if count > 1:
        scale = divide((last - first) * reach, np.float32(count - 1))
        at = (first * reach)[:, None] + np.arange(count, dtype=np.float32) * scale[:, None]
    else:
        at = (0.5 * (first + last) * reach)[:, None]
    reach = reach[:, None]
    valid = ops.logical_and(at >= 0, at <= reach)
    at = ops.where(valid, at, 0.0)
    low = ops.floor(at)
    return ops.cast(low, "int32"), ops.cast(ops.ceil(at), "int32"), at - low, valid
