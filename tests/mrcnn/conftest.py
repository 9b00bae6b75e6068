"""Fixtures: the reference's arrays, weights filled from their names as in the reference, small networks and batches."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PARITY = Path(__file__).parent / "parity"


def load(name):
    """{name: array} of one file in parity/."""
    with np.load(PARITY / f"{name}_cut.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="session")
def utils():
    return load("utils")


@pytest.fixture(scope="session")
def load_parity():
    return load


def filled(key, shape, multipliers):
    """Value float32 of the weight `key`, layer/name: random numbers seeded with the key."""
    layer, name = key.split("/")
    n = np.random.default_rng(zlib.crc32(key.encode("ascii"))).standard_normal(shape).astype(np.float32)
    if name == "kernel":
        return n * np.float32(np.sqrt(2 / np.prod(shape[:-1])) * multipliers.get(layer, 1))
    if name == "bias":
        return n * np.float32(0.01)
    if name == "gamma":
        return np.float32(0.5) + np.float32(0.05) * n
    if name == "moving_variance":
        return np.float32(1.0) + np.float32(0.05) * np.abs(n)
    return np.float32(0.05) * n


@pytest.fixture(scope="session")
def fill_weights():
    """fill_weights(model, arrays of a fixture) -> {key: variable}"""
    from mrcnn.model import leaf_layers

    def fill(model, arrays):
        multipliers = json.loads(str(arrays["fill_kernel_mult_json"]))
        variables = {f"{layer.name}/{v.name}": v for layer in leaf_layers(model) for v in layer.weights}
        for key, variable in variables.items():
            offset = arrays["class_bias_offset"] if key == "mrcnn_class_logits/bias" else 0
            variable.assign(filled(key, tuple(variable.shape), multipliers) + offset)
        return variables

    return fill


@pytest.fixture
def tiny_config():
    """tiny_config(**options): Config of a slim network for 64 x 64 pictures, quick to build and to train."""
    from mrcnn import Config

    def make(**options):
        small = {
            "RESNET_BLOCKS": (2, 1, 1, 1),
            "RESNET_FILTERS": (8, 16, 32, 64),
            "RPN_CHANNELS": 32,
            "MASK_CHANNELS": 32,
            "IMAGE_SHAPE": (64, 64, 3),
            "NUM_CLASSES": 2,
            "RPN_ANCHOR_SCALES": (8, 16, 32, 48, 64),
            "TOP_DOWN_PYRAMID_SIZE": 32,
            "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
            "TRAIN_ROIS_PER_IMAGE": 32,
            "POST_NMS_ROIS_TRAINING": 100,
            "POST_NMS_ROIS_INFERENCE": 50,
            "RPN_TRAIN_ANCHORS_PER_IMAGE": 64,
        }
        return Config(**small | options)

    return make


def _rpn_targets(anchors, boxes, n_targets):
    from mrcnn.boxes import box_refinement, compute_overlaps

    match, deltas = np.zeros(len(anchors), np.int8), np.zeros((n_targets, 4), np.float32)
    if len(boxes):
        overlaps = compute_overlaps(anchors, boxes)
        match[overlaps.max(1) < 0.3] = -1
        match[overlaps.argmax(0)] = 1
        positive = np.flatnonzero(match == 1)[:n_targets]
        refined = box_refinement(anchors[positive], boxes[overlaps.argmax(1)[positive]]) / np.array(
            [0.1, 0.1, 0.2, 0.2]
        )
        deltas[: len(positive)] = refined
    return match[:, None], deltas


@pytest.fixture
def make_batch():
    """make_batch(config, n_instances): training inputs of a model, images with bright rectangles."""
    from mrcnn.anchors import config_anchors

    def make(config, n_instances, seed=0, n_images=2):
        rng = np.random.default_rng(seed)
        side, n = config.IMAGE_SHAPE[0], config.MAX_GT_INSTANCES
        inputs = {
            "input_image": rng.normal(0, 20, (n_images, *config.input_shape)).astype(np.float32),
            "input_image_meta": np.ones((n_images, config.IMAGE_META_SIZE), np.float32),
            "input_gt_class_ids": np.zeros((n_images, n), np.int32),
            "input_gt_boxes": np.zeros((n_images, n, 4), np.int32),
            "input_gt_masks": np.zeros((n_images, *config.MINI_MASK_SHAPE, n), bool),
        }
        inputs["input_image_meta"][:, 7:11] = 0, 0, side, side
        targets = []
        for image in range(n_images):
            corner, size = rng.integers(0, side - 24, (n_instances, 2)), rng.integers(12, 24, (n_instances, 2))
            boxes = np.concatenate([corner, corner + size], 1)
            for y1, x1, y2, x2 in boxes * config.input_shape[0] // side:
                inputs["input_image"][image, y1:y2, x1:x2] += 100
            inputs["input_gt_class_ids"][image, :n_instances] = 1
            inputs["input_gt_boxes"][image, :n_instances] = boxes
            inputs["input_gt_masks"][image, :, :, :n_instances] = True
            targets.append(_rpn_targets(config_anchors(config), boxes, config.RPN_TRAIN_ANCHORS_PER_IMAGE))
        inputs["input_rpn_match"], inputs["input_rpn_bbox"] = (np.stack(x) for x in zip(*targets, strict=True))
        return inputs

    return make


@pytest.fixture(autouse=True)
def seeded():
    """The same initial weights in whatever order tests run."""
    import keras

    keras.utils.set_random_seed(0)
