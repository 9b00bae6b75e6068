"""Arithmetic of masks, in NumPy: bounding boxes, mini-masks, resizing, pasting into a picture, IoU.

Masks are bool (H, W, N), one instance along the last axis. Boxes (N, 4)  (y1, x1, y2, x2) [px], y2 and x2 one past the
last pixel. A mini-mask is a mask cut to its box and resized to a small fixed size.
"""

import functools

import numpy as np

from mrcnn import checks


def extract_bboxes(masks):
    """Boxes int32 (N, 4) around masks (H, W, N); zeros for an empty mask."""
    masks = _checked(masks).astype(bool, copy=False)
    y1, y2 = _first_and_end(masks.any(axis=1))
    x1, x2 = _first_and_end(masks.any(axis=0))
    return np.stack([y1, x1, y2, x2], axis=-1).astype(np.int32)


def _first_and_end(used):
    """Per column of bool (n, N): index of the first true value and one past the last; 0, 0 if there is none."""
    some = used.any(axis=0) if len(used) else np.zeros(used.shape[1:], bool)
    if not some.any():
        return np.zeros((2, len(some)), int)
    return np.where(some, [used.argmax(axis=0), len(used) - used[::-1].argmax(axis=0)], 0)


def resize(image, shape):
    """Bilinear resize of (h, w) or (h, w, C) to shape (height, width), without smoothing; float, float32 stays float32.

    Output pixel i of m samples the input of n pixels at (i + 0.5) * n / m - 0.5. Outside the picture is 0, but the
    result is clipped to the input's range, so that a mask of ones does not fade at its border.
    """
    image = np.asarray(image)
    if not image.size or min(shape) < 1:
        raise ValueError(f"resize: expected a picture and a size of at least one pixel, got {image.shape} to {shape}")
    kind = np.float32 if image.dtype == np.float32 else np.float64
    values = image.astype(np.float64)
    if image.shape[:2] != tuple(shape):
        low, high = values.min(), values.max()
        values = _resize_axis(_resize_axis(values, 1, shape[1]), 0, shape[0])
        values = np.clip(values, low, high)
    return values.astype(kind, copy=False)


def _resize_axis(values, axis, m):
    n = values.shape[axis]
    if n == m:
        return values
    shape = -1, *[1] * (values.ndim - axis - 1)
    lower, upper = (values.take(index, axis=axis) * weight.reshape(shape) for index, weight in _neighbours(n, m))
    return lower + upper


@functools.lru_cache(maxsize=1024)
def _neighbours(n, m):
    """(index, weight) of the lower and of the upper neighbour, each (m,), of m samples of n pixels."""
    position = (np.arange(m) + 0.5) * n / m - 0.5
    low = np.floor(position).astype(int)
    fraction = position - low
    return tuple(
        (np.clip(index, 0, n - 1), np.where((index >= 0) & (index < n), weight, 0))
        for index, weight in ((low, 1 - fraction), (low + 1, fraction))
    )


def minimize_mask(boxes, masks, mini_shape):
    """Mini-masks bool (h, w, N) of masks (H, W, N) in their boxes (N, 4)."""
    boxes, masks = _pair(boxes, _checked(masks), masks.shape[:2])
    minis = np.zeros((*mini_shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        minis[:, :, i] = np.rint(resize(masks[y1:y2, x1:x2, i].astype(bool), mini_shape))
    return minis


def expand_mask(boxes, minis, image_shape):
    """Masks bool (H, W, N) of an image of image_shape, from mini-masks (h, w, N) and their boxes (N, 4)."""
    boxes, minis = _pair(boxes, _checked(minis), image_shape)
    masks = np.zeros((*image_shape[:2], len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = np.rint(resize(minis[:, :, i].astype(bool), (y2 - y1, x2 - x1)))
    return masks


def unmold_mask(mask, box, image_shape, threshold=0.5):
    """bool (H, W) of an image: the network's mask float (h, w) resized to its box, where it reaches the threshold."""
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f"mask: expected (height, width), got {mask.shape}")
    ((y1, x1, y2, x2),), _ = _pair(np.asarray(box)[None], mask[..., None], image_shape)
    full = np.zeros(image_shape[:2], bool)
    full[y1:y2, x1:x2] = resize(mask, (y2 - y1, x2 - x1)) >= threshold
    return full


def resize_mask(masks, scale, padding, crop=None):
    """Masks (H, W, N) resized as `molding.resize_image` did their image: nearest neighbour, cropped, zero-padded.

    Sides become round(side * scale); corner pixels stay corner pixels. crop: (y, x, height, width).
    """
    masks = _checked(masks)
    rows, columns = (_nearest(n, max(1, round(n * scale))) for n in masks.shape[:2])
    masks = masks[rows][:, columns]
    if crop is not None:
        y, x, height, width = crop
        masks = masks[y : y + height, x : x + width]
    return np.pad(masks, padding)


def _nearest(n, m):
    """Index into n pixels for each of m."""
    step = (n - 1) / (m - 1) if m > 1 else 0.0
    return np.minimum(np.floor(np.arange(m) * step + 0.5).astype(int), n - 1)


def compute_overlaps_masks(masks1, masks2):
    """IoU float32 (n1, n2) of masks (H, W, n1) and (H, W, n2), each true above 0.5; 0 where both are empty."""
    masks1, masks2 = _checked(masks1), _checked(masks2)
    if masks1.shape[:2] != masks2.shape[:2]:
        raise ValueError(f"masks: expected both of one height and width, got {masks1.shape} and {masks2.shape}")
    flat1, flat2 = ((m > 0.5).astype(np.float32).reshape(m.shape[0] * m.shape[1], m.shape[2]) for m in (masks1, masks2))
    intersections = flat1.T @ flat2
    unions = flat1.sum(axis=0)[:, None] + flat2.sum(axis=0)[None] - intersections
    return np.divide(intersections, unions, out=np.zeros_like(unions), where=unions > 0)


def _checked(masks):
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise ValueError(f"masks: expected (height, width, instances), got shape {masks.shape}")
    return masks


def _pair(boxes, masks, image_shape):
    """Boxes as int (N, 4), inside the image and not empty, and as many masks."""
    boxes = np.asarray(boxes)
    if boxes.shape != (masks.shape[-1], 4):
        raise ValueError(f"boxes: expected shape ({masks.shape[-1]}, 4), one for each mask, got {boxes.shape}")
    boxes = boxes.astype(int)
    checks.check_boxes("boxes", boxes, image_shape[:2])
    empty = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if empty.any():
        raise ValueError(f"boxes: expected an area above 0, got {boxes[empty][0].tolist()}")
    return boxes, masks
