"""Anchors of the feature pyramid.

(A, 4)  (y1, x1, y2, x2), float64 [px]; order: level, then row, then column, then scale, then ratio.
"""

import numpy as np

from mrcnn.boxes import norm_boxes


def level_anchors(scales, ratios, feature_shape, feature_stride, anchor_stride):
    """Anchors of one level: centred on every anchor_stride-th cell, at index * feature_stride [px]."""
    scales, root = np.reshape(np.asarray(scales, np.float64), (-1, 1)), np.sqrt(np.asarray(ratios, np.float64))
    sizes = np.stack([scales / root, scales * root], -1).reshape(-1, 2)
    y = np.arange(0, feature_shape[0], anchor_stride) * feature_stride
    x = np.arange(0, feature_shape[1], anchor_stride) * feature_stride
    centers = np.stack(np.meshgrid(y, x, indexing="ij"), -1)[:, :, None]
    return np.concatenate([centers - 0.5 * sizes, centers + 0.5 * sizes], -1).reshape(-1, 4)


def pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride=1):
    """Anchors of all levels [px]; for each level one scale, or several."""
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return np.concatenate(
        [level_anchors(level_scales, ratios, shape, stride, anchor_stride) for level_scales, shape, stride in levels]
    )


def config_anchors(config):
    """The anchors of a Config [px]."""
    return pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        config.feature_shapes,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )


def normalized_anchors(config):
    """The anchors of a Config, float32, normalised."""
    return norm_boxes(config_anchors(config), config.IMAGE_SHAPE[:2])
