"""The class head and the mask head, and the detections made from what the class head says.

The heads see RoIs as rows (N, pool, pool, C), N = images * RoIs; layers carry the names of Matterport's wrappers.
Detections (B, D, 6) are  (y1, x1, y2, x2, class id, score): boxes normalised, highest score first, zero-padded.
"""

import keras
import numpy as np
from keras import layers, ops

from mrcnn.backbone import conv_bn
from mrcnn.boxes import apply_box_deltas_graph, clip_boxes_graph, norm_boxes_graph
from mrcnn.nms import nms


def class_head(pool_size, channels, n_classes, fc_size, train_bn):
    """Rows (N, pool, pool, channels) -> class logits (N, classes) and deltas (N, classes, 4)."""
    x = rows = keras.Input((pool_size, pool_size, channels), name="class_head_input")
    for i, kernel in ((1, pool_size), (2, 1)):
        names = f"mrcnn_class_conv{i}", f"mrcnn_class_bn{i}"
        x = conv_bn(x, fc_size, kernel, names, train_bn=train_bn, relu=f"mrcnn_class_relu{i}")
    shared = layers.Reshape((fc_size,), name="pool_squeeze")(x)
    logits = layers.Dense(n_classes, name="mrcnn_class_logits")(shared)
    deltas = layers.Dense(4 * n_classes, name="mrcnn_bbox_fc")(shared)
    deltas = layers.Reshape((n_classes, 4), name="mrcnn_bbox")(deltas)
    return keras.Model(rows, [logits, deltas], name="class_head")


def mask_head(pool_size, channels, n_classes, train_bn, hidden):
    """Rows (N, pool, pool, channels) -> masks (N, 2 pool, 2 pool, classes), 0..1."""
    x = rows = keras.Input((pool_size, pool_size, channels), name="mask_head_input")
    for i in (1, 2, 3, 4):
        names = f"mrcnn_mask_conv{i}", f"mrcnn_mask_bn{i}"
        x = conv_bn(x, hidden, 3, names, padding="same", train_bn=train_bn, relu=f"mrcnn_mask_relu{i}", folded=True)
    x = layers.Conv2DTranspose(hidden, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")(x)
    x = layers.Conv2D(n_classes, 1, activation="sigmoid", name="mrcnn_mask")(x)
    return keras.Model(rows, x, name="mask_head")


def apply_class_head(head, pooled):
    """pooled (B, R, pool, pool, C) -> logits (B, R, classes), probabilities, deltas (B, R, classes, 4), float32."""
    n_rois = pooled.shape[1]
    logits, deltas = head(ops.reshape(pooled, (-1, *pooled.shape[2:])))
    logits = ops.reshape(ops.cast(logits, "float32"), (-1, n_rois, logits.shape[-1]))
    deltas = ops.reshape(ops.cast(deltas, "float32"), (-1, n_rois, *deltas.shape[1:]))
    return logits, ops.softmax(logits, axis=-1), deltas


def apply_mask_head(head, pooled):
    """pooled (B, R, pool, pool, C) -> masks (B, R, h, w, classes), float32."""
    masks = head(ops.reshape(pooled, (-1, *pooled.shape[2:])))
    return ops.reshape(ops.cast(masks, "float32"), (-1, pooled.shape[1], *masks.shape[1:]))


def meta_windows(image_metas, image_shape):
    """Window (B, 4) of each image, normalised; see the layout of Config.IMAGE_META_SIZE."""
    return norm_boxes_graph(ops.cast(image_metas, "float32")[:, 7:11], image_shape)


def detect_boxes(rois, probabilities, deltas, windows, *, std_dev, min_confidence, nms_threshold, max_instances):
    """Detections (B, max_instances, 6).

    rois (B, R, 4), probabilities (B, R, classes), deltas (B, R, classes, 4), windows (B, 4).

    A proposal's class is the most probable one, background included; min_confidence 0 keeps all but background. NMS
    runs within each class. As the limit per class equals that of the image, one pass over all classes is enough.
    """
    class_ids = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
    scores = ops.max(probabilities, axis=-1)
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    boxes = apply_box_deltas_graph(rois, own * np.asarray(std_dev, np.float32))
    boxes = clip_boxes_graph(boxes, windows[:, None])
    valid = class_ids > 0
    if min_confidence:
        valid = ops.logical_and(valid, scores >= np.float32(min_confidence))
    kept, counts = nms(boxes, scores, nms_threshold, max_instances, valid=valid, groups=class_ids)
    columns = [boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
    rows = ops.take_along_axis(ops.concatenate(columns, axis=-1), kept[..., None], axis=1)
    return ops.where(counts[..., None], rows, 0.0)
