"""Proposals: the RPN's best anchors, refined, clipped to the image, thinned by NMS.

(B, R, 4)  (y1, x1, y2, x2), normalised, by falling probability, zero-padded.
"""

import numpy as np
from keras import ops

from mrcnn.boxes import apply_box_deltas_graph, clip_boxes_graph
from mrcnn.nms import nms_sorted


def propose(probabilities, deltas, anchors, count, nms_threshold, *, std_dev, pre_nms_limit):
    """probabilities (B, A, 2), deltas (B, A, 4), anchors (A, 4) or (B, A, 4) -> (B, count, 4), without a gradient."""
    scores, deltas = ops.stop_gradient(probabilities[..., 1]), ops.stop_gradient(deltas)
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
