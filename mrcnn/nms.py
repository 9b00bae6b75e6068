"""Exact greedy non-maximum suppression in the graph, with static shapes.

Boxes (B, N, 4)  (y1, x1, y2, x2). A box is dropped if its IoU with a kept box of higher score is *above* the threshold.
Of equal scores the lower index comes first. A box without area has IoU 0 with every box: it never suppresses and is
never suppressed.

Boxes are taken by falling score, in tiles. A tile is first compared with all boxes kept so far. Which of the rest are
kept is the fixed point of: keep[i] = free[i] and no kept j before i overlaps i. The greedy result is its only fixed
point, and n rounds settle at least the first n boxes. The loop ends as soon as every image has max_output boxes.
"""

import numpy as np
from keras import ops

TILE = 256


def nms(boxes, scores, iou_threshold, max_output, *, valid=None, groups=None, tile=TILE):
    """Indices of the kept boxes by falling score, int32 (B, max_output), zero-padded, and which of them are real, bool.

    scores (B, N); valid bool (B, N): the others are left out; groups int (B, N): boxes suppress each other only within
    a group.
    """
    scores = ops.cast(scores, "float32")
    valid = ops.ones_like(scores, "bool") if valid is None else valid
    scores = ops.where(valid, scores, -np.inf)
    _, order = ops.top_k(scores, scores.shape[1])
    groups = None if groups is None else _take(groups, order)
    kept, counts = nms_sorted(
        _take(boxes, order), iou_threshold, max_output, valid=_take(valid, order), groups=groups, tile=tile
    )
    return ops.where(counts, _take(order, kept), 0), counts


def nms_sorted(boxes, iou_threshold, max_output, *, valid=None, groups=None, tile=TILE):
    """As nms, for boxes already sorted by falling score."""
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    n = boxes.shape[1]
    tile = min(tile, n)
    rest = -n % tile
    valid = ops.ones_like(boxes[..., 0], "bool") if valid is None else valid
    groups = ops.zeros_like(boxes[..., 0], "int32") if groups is None else ops.cast(groups, "int32")
    tiles = [
        _tiles(ops.pad(ops.convert_to_tensor(x), [(0, 0), (0, rest)] + [(0, 0)] * (len(x.shape) - 2)), tile)
        for x in (_upright(boxes), ops.cast(valid, "int32"), groups)
    ]
    n_tiles = (n + rest) // tile
    kept = _EmptyKept(boxes, max_output)

    def unfinished(i, boxes, groups, index, count):
        return ops.logical_and(i < n_tiles, ops.any(count < max_output))

    def work_off(i, kept_boxes, kept_groups, index, count):
        new_boxes, free, new_groups = (ops.take(x, i, axis=0) for x in tiles)
        free = ops.cast(free, "bool")
        hit = _hits(new_boxes, kept_boxes, new_groups, kept_groups, iou_threshold)
        free = ops.logical_and(free, ops.logical_not(ops.any(hit, -1)))
        keep = _settle(free, _hits(new_boxes, new_boxes, new_groups, new_groups, iou_threshold))
        rank = count[:, None] + ops.cumsum(ops.cast(keep, "int32"), axis=1) - 1
        slot = ops.where(ops.logical_and(keep, rank < max_output), rank, max_output)
        where = ops.reshape(slot + kept.first, (-1, 1))
        new_index = ops.zeros_like(new_groups) + i * tile + ops.arange(tile, dtype="int32")
        count = ops.minimum(count + ops.sum(ops.cast(keep, "int32"), axis=1), max_output)
        return (
            i + 1,
            kept.put(kept_boxes, where, new_boxes),
            kept.put(kept_groups, where, new_groups),
            kept.put(index, where, new_index),
            count,
        )

    *_, index, count = ops.while_loop(unfinished, work_off, (ops.zeros((), "int32"), *kept.arrays))
    index = ops.reshape(index, (-1, max_output + 1))[:, :max_output]
    counts = ops.arange(max_output, dtype="int32") < count[:, None]
    return ops.where(counts, index, 0), counts


class _EmptyKept:
    """Room for max_output kept boxes an image, and a spare slot for those not kept, which is never read as a box."""

    def __init__(self, boxes, max_output):
        self.n = max_output + 1
        per_image = ops.zeros_like(boxes[:, 0, 0], "int32")
        index = ops.zeros_like(per_image[:, None] + ops.zeros((1, self.n), "int32"))
        zero_boxes = ops.zeros_like(index[..., None] + ops.zeros((1, 1, 4), "int32"), "float32")
        self.first = (ops.cumsum(ops.ones_like(per_image))[:, None] - 1) * self.n
        self.arrays = (zero_boxes, index, ops.reshape(index, (-1,)), per_image)

    def put(self, array, where, new):
        """Write rows of `new` (B, tile, ...) to the slots `where`, and empty the spare slot again."""
        flat = (-1, 4) if len(new.shape) == 3 else (-1,)
        done = ops.scatter_update(ops.reshape(array, flat), where, ops.reshape(new, flat))
        if len(array.shape) == 1:
            return done
        done = ops.reshape(done, (-1, self.n, *array.shape[2:]))
        real = (np.arange(self.n) < self.n - 1).reshape((1, self.n) + (1,) * (len(done.shape) - 2))
        return done * ops.cast(real, done.dtype)


def _settle(free, hits):
    """keep bool (B, T) from free bool (B, T) and hits bool (B, T, T), of which only those by earlier boxes count."""
    tile = hits.shape[-1]
    earlier = np.tri(tile, tile, -1, dtype=bool)
    hits = ops.logical_and(hits, earlier)

    def fall(keep):
        return ops.logical_and(free, ops.logical_not(ops.any(ops.logical_and(hits, keep[:, None]), -1)))

    def unsettled(keep, before):
        return ops.any(ops.not_equal(keep, before))

    keep, _ = ops.while_loop(unsettled, lambda keep, before: (fall(keep), keep), (fall(free), free))
    return keep


def _hits(a, b, a_groups, b_groups, iou_threshold):
    """bool (B, Na, Nb): IoU above the threshold and the same group."""
    a, b = a[:, :, None], b[:, None]
    height = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    width = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    intersection = ops.maximum(height, 0.0) * ops.maximum(width, 0.0)
    area_a, area_b = ((x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1]) for x in (a, b))
    real = ops.logical_and(area_a > 0, area_b > 0)
    iou = intersection / ops.where(real, area_a + area_b - intersection, 1.0)
    hit = ops.logical_and(real, iou > iou_threshold)
    return ops.logical_and(hit, a_groups[:, :, None] == b_groups[:, None])


def _upright(boxes):
    """Boxes with swapped corners put right."""
    first, second = boxes[..., :2], boxes[..., 2:]
    return ops.concatenate([ops.minimum(first, second), ops.maximum(first, second)], -1)


def _tiles(x, tile):
    """(B, n * tile, ...) -> (n, B, tile, ...)"""
    x = ops.reshape(x, (-1, x.shape[1] // tile, tile, *x.shape[2:]))
    return ops.swapaxes(x, 0, 1)


def _take(x, index):
    """(B, N) or (B, N, 4) at index (B, M) -> (B, M) or (B, M, 4)"""
    return ops.take_along_axis(x, index if len(x.shape) == 2 else index[..., None], axis=1)
