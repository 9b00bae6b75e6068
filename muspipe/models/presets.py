"""The networks' numbers, as data: PRESETS[task][name]. A preset is plain values, kept whole in every weight file.

`paper`: Ali et al. 2020 (III.B, III.C) as printed. `compact`: the same design, slimmed for ordinary laptops.
`centre`: a segmentation without anchors. `refit`: the compact twitch network, given the least-squares signal, which it
corrects.
"""

from __future__ import annotations

import copy

from muspipe.errors import InputError

TASKS = ("seg", "twitch")

_PAPER_FRONTEND = [
    {"maps": 8, "kernel": [7, 7, 7], "stride": [2, 2, 5], "pool_time": 1},
    {"maps": 16, "kernel": [3, 3, 7], "stride": [1, 1, 1], "pool_time": 5},
    {"maps": 32, "kernel": [3, 3, 5], "stride": [1, 1, 1], "pool_time": 4},
    {"maps": 64, "kernel": [3, 3, 5], "stride": [1, 1, 1], "pool_time": 4},
]
_COMPACT_FRONTEND = [
    {"maps": 8, "kernel": [5, 5, 7], "stride": [2, 2, 5], "pool_time": 1},
    {"maps": 16, "kernel": [3, 3, 5], "stride": [1, 1, 2], "pool_time": 4},
    {"maps": 32, "kernel": [3, 3, 3], "stride": [1, 1, 1], "pool_time": 5},
    {"maps": 96, "kernel": [3, 3, 2], "stride": [1, 1, 2], "pool_time": 1},
]
# 40 mm x 40 mm x 1 s of velocity
_SEQUENCE = [64, 64, 400, 1]
_GRID = {"pixel_mm": 0.625, "frame_rate_hz": 400}

PRESETS = {
    "seg": {
        "paper": {
            "task": "seg",
            "name": "paper",
            "input_shape": _SEQUENCE,
            "grid": _GRID,
            "frontend": _PAPER_FRONTEND,
            "data": {"max_units": 30},
            "detection": {"min_score": 0.7, "mask_level": 0.5},  # Matterport's
            # Matterport's defaults but for these. Strides are those of a 64 px image whose first stage is the front
            # end; the scales follow from them by Matterport's ratio of 8 (the paper does not say).
            "mask_rcnn": {
                "NAME": "paper",
                "BACKBONE": "resnet101",
                "IMAGE_SHAPE": [64, 64, 1],
                "FEATURE_MAP_SHAPE": [32, 32, 64],
                "BACKBONE_STRIDES": [2, 4, 8, 16, 32],
                "RPN_ANCHOR_SCALES": [16, 32, 64, 128, 256],
                "NUM_CLASSES": 2,
                "IMAGES_PER_GPU": 8,
                # Batch statistics while training: without COCO weights there are none to keep.
                "TRAIN_BN": None,
            },
        },
        "compact": {
            "task": "seg",
            "name": "compact",
            "input_shape": _SEQUENCE,
            "grid": _GRID,
            "frontend": _COMPACT_FRONTEND,
            "data": {"max_units": 30},
            # 0.5 makes territories too small: pixel recall 0.87, precision 0.99; 0.3 gives 0.93 and 0.96
            "detection": {"min_score": 0.7, "mask_level": 0.3},
            "mask_rcnn": {
                "NAME": "compact",
                "IMAGE_SHAPE": [64, 64, 1],
                "FEATURE_MAP_SHAPE": [32, 32, 96],
                "BACKBONE_STRIDES": [2, 4, 8, 16, 32],
                "RESNET_BLOCKS": [3, 2, 1, 1],
                "RESNET_FILTERS": [24, 32, 48, 64],
                "TOP_DOWN_PYRAMID_SIZE": 64,
                "RPN_CHANNELS": 128,
                # Territories have diameters of 4 to 16 px and are round: squares of several sizes at every cell, of
                # which those at stride 2 matter.
                "RPN_ANCHOR_SCALES": [
                    [4, 6, 8, 11, 15],
                    [5, 8, 11, 15, 20],
                    [8, 11, 15, 20, 28],
                    [11, 16, 22, 32, 44],
                    [16, 22, 32, 44, 64],
                ],
                "RPN_ANCHOR_RATIOS": [1],
                "RPN_NMS_THRESHOLD": 0.8,
                "PRE_NMS_LIMIT": 1000,
                "POST_NMS_ROIS_TRAINING": 300,
                "POST_NMS_ROIS_INFERENCE": 200,
                "MAX_GT_INSTANCES": 30,
                "TRAIN_ROIS_PER_IMAGE": 64,
                "POOL_SIZE": 7,
                "MASK_POOL_SIZE": 7,
                "MASK_SHAPE": [14, 14],
                "MASK_CHANNELS": 64,
                "MINI_MASK_SHAPE": [28, 28],
                "FPN_CLASSIF_FC_LAYERS_SIZE": 256,
                # Units overlap: perfect boxes through NMS at IoU 0.3 keep 84 % of 25 units, at 0.6 about 97 %.
                "DETECTION_NMS_THRESHOLD": 0.6,
                "NUM_CLASSES": 2,
                "IMAGES_PER_GPU": 8,
                "TRAIN_BN": None,
            },
        },
        "centre": {
            "task": "seg",
            "name": "centre",
            "input_shape": _SEQUENCE,
            "grid": _GRID,
            "frontend": _COMPACT_FRONTEND,
            "data": {"max_units": 30},
            "detection": {"min_score": 0.4, "mask_level": None},
            "centre": {
                "maps": 64,
                "dilations": [1, 2, 1, 4, 1, 1],  # of residual blocks
                # Radii of 2 to 8 px, a factor of 1.41 apart.
                "radii_px": [2.4, 3.4, 4.8, 6.8],
                "spread": 0.2,  # SD of a peak, as a share of the radius
                "radius_spread": 0.25,  # the same over classes, of the logarithm of the radius
                "near": 0.5,  # cells that are this much of a peak learn its geometry
                "loss_weights": {"peak_loss": 1.0, "offset_loss": 1.0, "radius_loss": 2.0},
                "lowest_score": 0.05,
                "candidates": 200,
                "same_iou": 0.7,
            },
        },
    },
    "twitch": {
        "paper": {
            "task": "twitch",
            "name": "paper",
            "input_shape": [16, 16, 400, 1],
            "grid": _GRID,
            "mask_channel": False,
            "refit": False,
            "own_scale": False,  # of each crop; the paper standardises sequences
            "correlation_weight": 0.0,  # of 1 - correlation, a term of the loss
            "convolutions": [
                {"maps": 16, "kernel": [5, 5, 15], "stride": [2, 2, 1]},
                *({"maps": 16, "kernel": [3, 3, 15], "stride": [1, 1, 1]} for _ in range(4)),
            ],
            "dense_before": [1024, 512, 256],
            "gru": 512,
            "dense_after": [1024, 512],
            "data": {"crop_px": 16},
        },
        "compact": {
            "task": "twitch",
            "name": "compact",
            "input_shape": [16, 16, 400, 1],
            "grid": _GRID,
            # Which of several overlapping units is meant cannot be seen from the crop alone.
            "mask_channel": True,
            "refit": False,
            "own_scale": False,
            "correlation_weight": 0.0,
            "convolutions": [
                {"maps": 8, "kernel": [5, 5, 9], "stride": [2, 2, 1]},
                {"maps": 12, "kernel": [3, 3, 9], "stride": [2, 2, 1]},
                {"maps": 16, "kernel": [3, 3, 9], "stride": [1, 1, 1]},
            ],
            "dense_before": [192, 96],
            "gru": 96,
            "dense_after": [128, 64],
            "data": {"crop_px": 16},
        },
    },
}

PRESETS["twitch"]["refit"] = {
    **PRESETS["twitch"]["compact"],
    "name": "refit",
    # The network corrects what least squares makes of all units' territories: their errors, delays and the noise.
    "refit": True,
    "data": {"crop_px": 16, "refit": True, "territory_error": 1.0},
}


def detection_of(preset: dict) -> dict:
    """min_score, below which detections are dropped, and mask_level, where a mask begins, of a segmentation preset; of
    one that came with weights older than these settings, those that its name has now."""
    return preset.get("detection") or get_preset("seg", preset["name"])["detection"]


def get_preset(task: str, name: str) -> dict:
    """A copy of a preset. Raises InputError for an unknown task or name."""
    if task not in PRESETS:
        raise InputError(f"task: expected one of {', '.join(PRESETS)}, got {task!r}")
    if name not in PRESETS[task]:
        raise InputError(f"preset of {task}: expected one of {', '.join(PRESETS[task])}, got {name!r}")
    return copy.deepcopy(PRESETS[task][name])
