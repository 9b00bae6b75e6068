"""Region proposal network: one small model, shared by all levels of the pyramid."""

import keras
from keras import layers, ops


def rpn_model(channels, anchors_per_cell, anchor_stride, hidden=512):
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
