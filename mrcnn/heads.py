"""The two heads.

They see RoIs as rows, (N, pool, pool, C) with N = images * RoIs; layers carry the names of Matterport's wrappers.
"""

import keras
from keras import layers, ops

from mrcnn.resnet import conv_bn


def class_head(pool_size, channels, n_classes, fc_size, train_bn=False):
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


def mask_head(pool_size, channels, n_classes, train_bn=False, hidden=256):
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
