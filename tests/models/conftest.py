"""Tiny presets of both networks, and batches for them."""

import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from muspipe.data import BatchOptions
from muspipe.data.loader import detection_batches, twitch_batches
from muspipe.data.sources import OnlineSource
from muspipe.models import get_preset
from muspipe.models.base import ConvStage
from simulator import SimulationConfig


@pytest.fixture(scope="session")
def small_presets():
    seg, twitch = get_preset("seg", "compact"), get_preset("twitch", "compact")
    stages = zip(seg.frontend, (2, 3, 4, 8), strict=True)
    tiny = {
        "FEATURE_MAP_SHAPE": [32, 32, 8],
        "RESNET_BLOCKS": [1, 1, 1, 1],
        "RESNET_FILTERS": [2, 2, 2, 2],
        "TOP_DOWN_PYRAMID_SIZE": 8,
        "RPN_CHANNELS": 8,
        "MASK_CHANNELS": 4,
        "FPN_CLASSIF_FC_LAYERS_SIZE": 8,
        "POST_NMS_ROIS_TRAINING": 50,
        "TRAIN_ROIS_PER_IMAGE": 12,
    }
    layers = {"frontend": [replace(stage, maps=maps, kernel=(3, 3, 3)) for stage, maps in stages]}
    seg = seg.changed(layers | {f"mask_rcnn.{name}": value for name, value in tiny.items()})
    layers = {"convolutions": [ConvStage(2, (5, 5, 3), (4, 4, 1))], "dense_before": [8], "gru": 4, "dense_after": [4]}
    return {"seg": seg, "twitch": twitch.changed(layers)}


@pytest.fixture
def batches(examples):
    """With a fresh stream of random numbers, that of the targets."""
    return {task: batch | {"rng": np.random.default_rng(0)} for task, batch in examples.items()}


@pytest.fixture(scope="session")
def examples():
    source = OnlineSource(SimulationConfig.scenario("paper"), 3, 8)
    options = BatchOptions(batch_size=2, snr_db=20.0)
    return {"seg": next(detection_batches(source, options)), "twitch": next(twitch_batches(source, options))}
