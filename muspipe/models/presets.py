"""The networks by name: PRESETS[task][name].

`paper`: Ali et al. 2020 (III.B, III.C) as printed. `compact`: the same design, slimmed for ordinary laptops.
`centre`: a segmentation without anchors, whose territories are discs; `outline`: the same with territories of any
outline. `refit`: the compact twitch network, given the least-squares signal, which it corrects.
"""

from __future__ import annotations

import copy

from muspipe.errors import InputError
from muspipe.models.base import ConvStage, Grid, Preset
from muspipe.models.centre import CentreDetector, CentrePreset
from muspipe.models.frontend import FrontEndStage
from muspipe.models.segmentation import ANCHORS, Detection, SegmentationPreset
from muspipe.models.twitch import TwitchPreset

# 40 mm x 40 mm x 1 s of velocity
_SEQUENCE = {"input_shape": (64, 64, 400, 1), "grid": Grid(pixel_mm=0.625, frame_rate_hz=400)}
_CROP = {"input_shape": (16, 16, 400, 1), "grid": Grid(pixel_mm=0.625, frame_rate_hz=400)}
_PAPER_FRONTEND = (
    FrontEndStage(8, (7, 7, 7), (2, 2, 5), 1),
    FrontEndStage(16, (3, 3, 7), (1, 1, 1), 5),
    FrontEndStage(32, (3, 3, 5), (1, 1, 1), 4),
    FrontEndStage(64, (3, 3, 5), (1, 1, 1), 4),
)
_COMPACT_FRONTEND = (
    FrontEndStage(8, (5, 5, 7), (2, 2, 5), 1),
    FrontEndStage(16, (3, 3, 5), (1, 1, 2), 4),
    FrontEndStage(32, (3, 3, 3), (1, 1, 1), 5),
    FrontEndStage(96, (3, 3, 2), (1, 1, 2), 1),
)

_SEG_PAPER = SegmentationPreset(
    name="paper",
    **_SEQUENCE,
    frontend=_PAPER_FRONTEND,
    data={"max_units": 30},
    detection=Detection(min_score=0.7, mask_level=0.5),  # Matterport's
    # Matterport's defaults but for these. Strides are those of a 64 px image whose first stage is the front end; for
    # the scales see segmentation.ANCHORS (the paper does not say).
    mask_rcnn={
        "NAME": "paper",
        "BACKBONE": "resnet101",
        "IMAGE_SHAPE": [64, 64, 1],
        "FEATURE_MAP_SHAPE": [32, 32, 64],
        "BACKBONE_STRIDES": [2, 4, 8, 16, 32],
        "RPN_ANCHOR_SCALES": ANCHORS["matterport-ratio"],
        "NUM_CLASSES": 2,
        "IMAGES_PER_GPU": 8,
        # Batch statistics while training: without COCO weights there are none to keep. Those of the mask head are then
        # of positives, as in use; with stored statistics this changes no number.
        "TRAIN_BN": None,
        "MASK_ROIS": "positive",
    },
)
_SEG_COMPACT = SegmentationPreset(
    name="compact",
    **_SEQUENCE,
    frontend=_COMPACT_FRONTEND,
    data={"max_units": 30},
    # 0.5 makes territories too small: pixel recall 0.87, precision 0.99; 0.3 gives 0.93 and 0.96
    detection=Detection(min_score=0.7, mask_level=0.3),
    mask_rcnn={
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
)
_SEG_CENTRE = CentrePreset(
    name="centre",
    **_SEQUENCE,
    frontend=_COMPACT_FRONTEND,
    data={"max_units": 30},
    detection=Detection(min_score=0.4, mask_level=None),
    centre=CentreDetector(
        maps=64,
        dilations=(1, 2, 1, 4, 1, 1),
        radii_px=(2.4, 3.4, 4.8, 6.8),  # 2 to 8 px, a factor of 1.41 apart
        loss_weights={"peak_loss": 1.0, "offset_loss": 1.0, "radius_loss": 2.0},
    ),
)
# Territories of any outline, from 1.5 to 18 mm.
_SEG_OUTLINE = _SEG_CENTRE.changed(
    {
        "name": "outline",
        "data": {"max_units": 40},
        "detection.min_score": 0.5,
        "centre.radii_px": (2.0, 2.8, 4.0, 5.6, 8.0, 11.2),
        "centre.rays": 16,
    }
)
_TWITCH_PAPER = TwitchPreset(
    name="paper",
    **_CROP,
    convolutions=(ConvStage(16, (5, 5, 15), (2, 2, 1)), *4 * (ConvStage(16, (3, 3, 15), (1, 1, 1)),)),
    dense_before=(1024, 512, 256),
    gru=512,
    dense_after=(1024, 512),
    data={"crop_px": 16},
)
_TWITCH_COMPACT = TwitchPreset(
    name="compact",
    **_CROP,
    mask_channel=True,  # the crop alone does not show which of several overlapping units is meant
    convolutions=(
        ConvStage(8, (5, 5, 9), (2, 2, 1)),
        ConvStage(12, (3, 3, 9), (2, 2, 1)),
        ConvStage(16, (3, 3, 9), (1, 1, 1)),
    ),
    dense_before=(192, 96),
    gru=96,
    dense_after=(128, 64),
    data={"crop_px": 16},
)
# The network corrects the least-squares signals: for wrong territories, delays and noise.
_TWITCH_REFIT = _TWITCH_COMPACT.changed(
    {"name": "refit", "refit": True, "data": {"crop_px": 16, "refit": True, "territory_error": 1.0}}
)

PRESETS: dict[str, dict[str, Preset]] = {
    "seg": {preset.name: preset for preset in (_SEG_PAPER, _SEG_COMPACT, _SEG_CENTRE, _SEG_OUTLINE)},
    "twitch": {preset.name: preset for preset in (_TWITCH_PAPER, _TWITCH_COMPACT, _TWITCH_REFIT)},
}


def get_preset(task: str, name: str) -> Preset:
    """A copy of a preset, by name. InputError for an unknown task or name."""
    if task not in PRESETS:
        raise InputError(f"task: expected one of {', '.join(PRESETS)}, got {task!r}")
    if name not in PRESETS[task]:
        raise InputError(f"preset of {task}: expected one of {', '.join(PRESETS[task])}, got {name!r}")
    return copy.deepcopy(PRESETS[task][name])


def read_preset(values: dict) -> Preset:
    """A preset from its plain values (`to_dict`). Those of earlier versions are completed: a setting that they lack
    gets the value that was in effect then. InputError for values that are no preset."""
    kinds = {"seg": CentrePreset if CentrePreset.describes(values) else SegmentationPreset, "twitch": TwitchPreset}
    try:
        kind, name = kinds[values["task"]], values["name"]
        added = {"grid": Grid(), "data": {}}
        if values["task"] == "seg":
            added["detection"] = PRESETS["seg"][name].detection if name in PRESETS["seg"] else Detection()
        return kind(**(added | values))
    except (KeyError, TypeError) as error:
        raise InputError(f"preset: expected the values of a network of this version, got others ({error})") from error
