"""The five losses and the weight decay.

Each loss is a mean over the anchors or RoIs of the whole batch that count for it, and 0 if there are none.
"""

import numpy as np
from keras import ops

EPSILON = np.float32(1e-7)


def smooth_l1(true, pred):
    """Element-wise: quadratic below a difference of 1, linear above."""
    difference = ops.abs(true - pred)
    return ops.where(difference < 1.0, 0.5 * difference * difference, difference - 0.5)


def binary_cross_entropy(true, pred):
    """Element-wise; the prediction is clipped to [1e-7, 1 - 1e-7] and 1e-7 is added again inside both logarithms."""
    pred = ops.clip(pred, EPSILON, np.float32(1.0) - EPSILON)
    return -(true * ops.log(pred + EPSILON) + (1.0 - true) * ops.log(1.0 - pred + EPSILON))


def softmax_cross_entropy(class_ids, logits):
    """Element-wise: class_ids int (...), logits (..., classes)."""
    log_probabilities = ops.log_softmax(logits, axis=-1)
    index = ops.cast(class_ids, "int32")[..., None]
    return -ops.take_along_axis(log_probabilities, index, axis=-1)[..., 0]


def _mean(values, weights):
    """Weighted mean; 0 if the weights are."""
    total = ops.sum(weights)
    return ops.sum(values * weights) / ops.where(total == 0, 1.0, total)


def rpn_class_loss(match, logits):
    """match int (B, A): 1 positive, -1 negative, 0 left out; logits (B, A, 2)."""
    losses = softmax_cross_entropy(match == 1, logits)
    return _mean(losses, ops.cast(match != 0, "float32"))


def rpn_bbox_loss(match, target_deltas, deltas):
    """Over the positives.

    target_deltas (B, N, 4): row j is the target of an image's j-th positive anchor; deltas (B, A, 4).
    """
    positive = ops.cast(match == 1, "int32")
    rank = ops.cumsum(positive, axis=1) - 1
    positive = ops.logical_and(positive == 1, rank < target_deltas.shape[1])
    rank = ops.clip(rank, 0, target_deltas.shape[1] - 1)
    target = ops.take_along_axis(ops.cast(target_deltas, "float32"), rank[..., None], axis=1)
    weights = ops.zeros_like(deltas) + ops.cast(positive, "float32")[..., None]
    return _mean(smooth_l1(target, deltas), weights)


def mrcnn_class_loss(class_ids, logits, active_class_ids):
    """class_ids int (B, T), logits (B, T, classes). Zero-padded RoIs count as background.

    A RoI whose *predicted* class is not active does not count. active_class_ids (B, classes): those of the first image
    are used for the whole batch.
    """
    active = ops.cast(active_class_ids, "float32")[0]
    weights = ops.take(active, ops.argmax(logits, axis=-1), axis=0)
    return _mean(softmax_cross_entropy(class_ids, logits), ops.stop_gradient(weights))


def mrcnn_bbox_loss(class_ids, target_deltas, deltas):
    """Over the positives and their own class.

    class_ids int (B, P), target_deltas (B, P, 4), deltas (B, P, classes, 4).
    """
    own = ops.take_along_axis(deltas, ops.cast(class_ids, "int32")[..., None, None], axis=2)[:, :, 0]
    weights = ops.zeros_like(own) + ops.cast(class_ids > 0, "float32")[..., None]
    return _mean(smooth_l1(target_deltas, own), weights)


def mrcnn_mask_loss(class_ids, target_masks, masks):
    """Over the positives and their own class.

    class_ids int (B, P), target_masks (B, P, h, w), masks (B, P, h, w, classes).
    """
    index = ops.cast(class_ids, "int32")[..., None, None, None]
    own = ops.take_along_axis(masks, index, axis=-1)[..., 0]
    weights = ops.zeros_like(own) + ops.cast(class_ids > 0, "float32")[..., None, None]
    return _mean(binary_cross_entropy(target_masks, own), weights)


def weight_decay(variables, strength):
    """strength * the sum of the variables' mean squares; gamma and beta of normalisations are exempt."""
    terms = [ops.mean(ops.square(ops.cast(v, "float32"))) for v in variables if v.name not in ("gamma", "beta")]
    return strength * sum(terms, ops.zeros(()))
