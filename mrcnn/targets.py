"""Training targets of the heads, in the graph, with fixed sizes.

T RoIs an image: first the positives (at most max_positive), then the negatives, then zero rows. Boxes (y1, x1, y2, x2),
normalised. No gradient runs back through the proposals, and ground-truth boxes are not added to them.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from mrcnn.boxes import box_refinement_graph, overlaps_graph
from mrcnn.roi_align import sample_boxes


class Targets(NamedTuple):
    """P = max_positive: only the first P of the T rows can be positive."""

    rois: object  # (B, T, 4)
    class_ids: object  # int32 (B, T), 0: background
    deltas: object  # (B, T, 4), divided by their standard deviations
    masks: object  # (B, P, h, w) of 0 and 1
    positive: object  # bool (B, P)


def negative_budget(n_positive, positive_ratio):
    """Number of negatives for n_positive, an int32 tensor; 0 if that is 0."""
    per_positive = np.float32(1.0 / positive_ratio)
    return ops.cast(per_positive * ops.cast(n_positive, "float32"), "int32") - n_positive


ROUND = 32
"""Positives of a batch are rounded up to a multiple of this: convolutions are made ready anew for each shape."""


def positive_rows(class_ids):
    """(rows, their class ids), int32 (N,) each, of the positives among the B * P rows of class_ids (B, P).

    The positives come again and again until there are N, as background after their first time, so that no loss counts
    them twice and the statistics of all rows are those of the positives, but for the last round. N is their number,
    rounded up to a multiple of ROUND, under TensorFlow; elsewhere, where shapes cannot depend on values, it is B * P.
    """
    class_ids = ops.reshape(class_ids, (-1,))
    order = ops.cast(ops.argsort(ops.cast(class_ids <= 0, "int32")), "int32")  # positives first
    n = ops.sum(ops.cast(class_ids > 0, "int32"))
    at_least_one = ops.maximum(n, 1)
    number = ops.cumsum(ops.ones_like(order)) - 1
    if keras.backend.backend() == "tensorflow":
        number = ops.arange((at_least_one + ROUND - 1) // ROUND * ROUND, dtype="int32")
    rows = ops.take(order, number % at_least_one, axis=0)
    return rows, ops.where(number < n, ops.take(class_ids, rows, axis=0), 0)


def detection_targets(
    proposals,
    gt_class_ids,
    gt_boxes,
    gt_masks,
    *,
    n_rois,
    positive_ratio,
    std_dev,
    mask_shape,
    mini_masks=True,
    seed=None,
):
    """Targets of proposals (B, R, 4).

    gt_class_ids int (B, G): 0 is padding, below 0 a crowd; gt_boxes (B, G, 4); gt_masks (B, h, w, G), cut to their
    boxes if mini_masks. seed: a keras.random.SeedGenerator that chooses positives and negatives; None takes the first
    in the given order.
    """
    proposals, gt_boxes = (ops.stop_gradient(ops.cast(x, "float32")) for x in (proposals, gt_boxes))
    gt_class_ids = ops.cast(gt_class_ids, "int32")
    real_proposal = ops.any(proposals != 0, axis=-1)
    real_gt = ops.any(gt_boxes != 0, axis=-1)
    instance, crowd = ops.logical_and(real_gt, gt_class_ids > 0), ops.logical_and(real_gt, gt_class_ids < 0)
    overlaps = overlaps_graph(proposals, gt_boxes)
    with_instance = ops.where(instance[:, None], overlaps, -1.0)
    best = ops.max(with_instance, axis=-1)
    in_crowd = ops.max(ops.where(crowd[:, None], overlaps, -1.0), axis=-1)
    positive = ops.logical_and(real_proposal, best >= 0.5)
    negative = ops.logical_and(ops.logical_and(real_proposal, best < 0.5), in_crowd < 0.001)

    max_positive = int(n_rois * positive_ratio)
    positive_index, n_positive = _pick(positive, max_positive, seed)
    negative_index, n_negative = _pick(negative, n_rois, seed)
    n_negative = ops.minimum(n_negative, negative_budget(n_positive, positive_ratio))
    row = ops.arange(n_rois, dtype="int32")[None]
    after = ops.clip(row - n_positive[:, None], 0, n_rois - 1)
    padded = ops.pad(positive_index, [(0, 0), (0, n_rois - max_positive)])
    index = ops.where(row < n_positive[:, None], padded, ops.take_along_axis(negative_index, after, axis=1))
    used = row < (n_positive + n_negative)[:, None]
    rois = ops.where(used[..., None], ops.take_along_axis(proposals, index[..., None], axis=1), 0.0)

    is_positive = row[:, :max_positive] < n_positive[:, None]
    gt_index = ops.take_along_axis(ops.cast(ops.argmax(with_instance, axis=-1), "int32"), positive_index, axis=1)
    class_ids = ops.where(is_positive, ops.take_along_axis(gt_class_ids, gt_index, axis=1), 0)
    own_boxes = ops.take_along_axis(gt_boxes, gt_index[..., None], axis=1)
    deltas = _safe_deltas(rois[:, :max_positive], own_boxes, is_positive) / np.asarray(std_dev, np.float32)
    masks = _mask_targets(rois[:, :max_positive], own_boxes, gt_index, gt_masks, mask_shape, mini_masks, is_positive)
    rest = [(0, 0), (0, n_rois - max_positive)]
    targets = rois, ops.pad(class_ids, rest), ops.pad(deltas, [*rest, (0, 0)]), masks
    return Targets(*(ops.stop_gradient(x) for x in targets), is_positive)


def _pick(flags, count, seed):
    """Indices (B, count) of true flags (B, N), in random or given order, and how many of them are true (B,)."""
    n = flags.shape[1]
    if seed is None:
        order = ops.zeros_like(flags, "float32") + np.arange(n, 0, -1, dtype=np.float32)
    else:
        order = keras.random.uniform(ops.shape(flags), minval=0.5, maxval=1.0, seed=seed)
    _, index = ops.top_k(ops.where(flags, order, 0.0), min(count, n))
    index = ops.pad(ops.cast(index, "int32"), [(0, 0), (0, max(count - n, 0))])
    return index, ops.minimum(ops.sum(ops.cast(flags, "int32"), axis=1), count)


def _safe_deltas(rois, own_boxes, is_positive):
    """Deltas of positive rows, 0 elsewhere, where nothing is divided by 0."""
    unit = np.array([0, 0, 1, 1], np.float32)
    rois, own_boxes = (ops.where(is_positive[..., None], x, unit) for x in (rois, own_boxes))
    return box_refinement_graph(rois, own_boxes)


def _mask_targets(rois, own_boxes, gt_index, gt_masks, mask_shape, mini_masks, is_positive):
    """(B, P, *mask_shape) of 0 and 1: the instance's mask resampled in the RoI; outside of a mini mask it is 0."""
    boxes = rois
    if mini_masks:
        origin, size = own_boxes[..., :2], own_boxes[..., 2:] - own_boxes[..., :2]
        size = ops.where(ops.logical_and(is_positive[..., None], size != 0), size, 1.0)
        boxes = ops.concatenate([(rois[..., :2] - origin) / size, (rois[..., 2:] - origin) / size], -1)
    height, width, n_gt = gt_masks.shape[1:]
    image = ops.cumsum(ops.ones_like(gt_index), axis=0) - 1
    base = ops.reshape(image * (height * width * n_gt) + gt_index, (-1,))
    like = ops.zeros_like(base)
    table = ops.reshape(gt_masks, (-1,))
    masks = sample_boxes(
        table, ops.reshape(boxes, (-1, 4)), tuple(mask_shape), base, like + height, like + width, step=n_gt
    )
    masks = ops.reshape(masks, (-1, rois.shape[1], *mask_shape))
    return ops.where(is_positive[..., None, None], ops.round(masks), 0.0)
