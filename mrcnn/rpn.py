"""Region proposal network, one small model shared by all levels of the pyramid, and the proposals made from it.

Boxes (..., 4)  (y1, x1, y2, x2), normalised.
"""

import keras
import numpy as np
from keras import layers, ops

from mrcnn.boxes import apply_box_deltas_graph, clip_boxes_graph
from mrcnn.nms import nms_sorted


def rpn_model(channels, anchors_per_cell, anchor_stride, hidden):
    """Map (B, H, W, channels) -> logits (B, A, 2) as (background, foreground) and deltas (B, A, 4).

    A cell's anchors follow each other, the ratio varying fastest.
    """
    x = keras.Input((None, None, channels), name="input_rpn_feature_map")
    options = {"strides": anchor_stride, "padding": "same", "activation": "relu"}
    shared = layers.Conv2D(hidden, 3, **options, name="rpn_conv_shared")(x)
    logits = layers.Conv2D(2 * anchors_per_cell, 1, name="rpn_class_raw")(shared)
    deltas = layers.Conv2D(4 * anchors_per_cell, 1, name="rpn_bbox_pred")(shared)
    outputs = [
        layers.Reshape((-1, 2), name="rpn_class_rows")(logits),
        layers.Reshape((-1, 4), name="rpn_bbox_rows")(deltas),
    ]
    return keras.Model(x, outputs, name="rpn_model")


def apply_rpn(model, maps, n_anchors):
    """Logits (B, A, 2), probabilities (B, A, 2) and deltas (B, A, 4) over all levels, float32."""
    by_level = [model(m) for m in maps]
    logits, deltas = (ops.cast(ops.concatenate([level[i] for level in by_level], axis=1), "float32") for i in (0, 1))
    logits, deltas = ops.reshape(logits, (-1, n_anchors, 2)), ops.reshape(deltas, (-1, n_anchors, 4))
    return logits, ops.softmax(logits, axis=-1), deltas


def propose(probabilities, deltas, anchors, count, nms_threshold, *, std_dev, pre_nms_limit):
    """Proposals (B, count, 4): the best anchors, refined, clipped to the image, thinned by NMS; no gradient.

    probabilities (B, A, 2), deltas (B, A, 4), anchors (A, 4) or (B, A, 4). Highest probability first, zero-padded.
    """
    scores, deltas = probabilities[..., 1], ops.stop_gradient(deltas)
    anchors = ops.convert_to_tensor(anchors, "float32")
    limit = min(pre_nms_limit, scores.shape[1])
    _, best = ops.top_k(scores, limit)  # equal scores: the lower index first
    deltas = ops.take_along_axis(deltas, best[..., None], axis=1) * np.asarray(std_dev, np.float32)
    if len(anchors.shape) == 2:
        anchors = ops.take(anchors, best, axis=0)
    else:
        anchors = ops.take_along_axis(anchors, best[..., None], axis=1)
    window = np.array([[[0, 0, 1, 1]]], np.float32)
    boxes = clip_boxes_graph(apply_box_deltas_graph(anchors, deltas), window)
    kept, counts = nms_sorted(boxes, nms_threshold, count)
    boxes = ops.take_along_axis(boxes, kept[..., None], axis=1)
    return ops.where(counts[..., None], boxes, 0.0)
