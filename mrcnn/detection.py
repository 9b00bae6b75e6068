"""Detections of an image from what the class head says of its proposals.

(B, D, 6)  (y1, x1, y2, x2, class id, score): boxes normalised, by falling score, zero-padded.
"""

import numpy as np
from keras import ops

from mrcnn.boxes import apply_box_deltas_graph, clip_boxes_graph, norm_boxes_graph
from mrcnn.nms import nms


def meta_windows(image_metas, image_shape):
    """Window (B, 4) of each image, normalised; see the layout of Config.IMAGE_META_SIZE."""
    return norm_boxes_graph(ops.cast(image_metas, "float32")[:, 7:11], image_shape)


def detect_boxes(rois, probabilities, deltas, windows, *, std_dev, min_confidence, nms_threshold, max_instances):
    """Detections (B, max_instances, 6).

    rois (B, R, 4), probabilities (B, R, classes), deltas (B, R, classes, 4), windows (B, 4).

    A proposal's class is the most probable of all, background included. The threshold of 0 switches its test off. NMS
    runs within each class; the limit per class is the limit of the image, so that one pass over all classes, best score
    first, is the same.
    """
    n_rois = rois.shape[1]
    class_ids = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
    scores = ops.max(probabilities, axis=-1)
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    boxes = apply_box_deltas_graph(rois, own * np.asarray(std_dev, np.float32))
    boxes = clip_boxes_graph(boxes, windows[:, None])
    valid = class_ids > 0
    if min_confidence:
        valid = ops.logical_and(valid, scores >= np.float32(min_confidence))
    count = min(max_instances, n_rois)
    kept, counts = nms(boxes, scores, nms_threshold, count, valid=valid, groups=class_ids)
    columns = [boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
    rows = ops.take_along_axis(ops.concatenate(columns, axis=-1), kept[..., None], axis=1)
    rows = ops.where(counts[..., None], rows, 0.0)
    return ops.pad(rows, [(0, 0), (0, max_instances - count), (0, 0)])
