"""mixed_bfloat16: weights, normalisation and loss stay in float32, and gradients point where those of float32 do."""

import keras
import numpy as np
import pytest

from muspipe.models import weight_files

tf = pytest.importorskip("tensorflow")


def gradient(preset, batch, policy, **more):
    """(weights by name, gradient of the loss as one vector, kinds of numbers of weights and loss). more: inputs."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = preset.build(seed=1)
        inputs, weights = model.batch_inputs(batch) | more, weight_files.arrays_of(model)
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=inputs, y_pred=model(inputs, training=True))
        parts = tape.gradient(loss, model.trainable_variables)
    finally:
        keras.config.set_dtype_policy(before)
    numbers = [loss, *(weight for weight in model.weights if "seed_generator" not in weight.path)]
    kinds = {keras.backend.standardize_dtype(x.dtype) for x in numbers}
    return weights, np.concatenate([np.ravel(part) for part in parts]), kinds


@pytest.mark.parametrize("correlation_weight", [0.0, 1.0])
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_gradients_of_the_twitch_network_in_bfloat16(small_presets, batches, correlation_weight):
    preset = small_presets["twitch"].changed(
        {
            "convolutions": [
                {"maps": 4, "kernel": [5, 5, 5], "stride": [4, 4, 1]},
                {"maps": 4, "kernel": [3, 3, 15]},
            ],
            "correlation_weight": correlation_weight,
        }
    )
    weights, exact, _ = gradient(preset, batches["twitch"], "float32")
    same, rough, kinds = gradient(preset, batches["twitch"], "mixed_bfloat16")
    check(weights, exact, same, rough, kinds)


@pytest.mark.parametrize("mask_rois", ["possible", "positive"])
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_gradients_of_the_segmentation_in_bfloat16(small_presets, examples, mask_rois):
    """The RoIs are given, as those of the RPN would differ from one precision to the other."""
    wider = {"RESNET_FILTERS": [8, 8, 8, 8], "TOP_DOWN_PYRAMID_SIZE": 16, "MASK_CHANNELS": 16, "RPN_CHANNELS": 16}
    changes = {f"mask_rcnn.{name}": value for name, value in (wider | {"MASK_ROIS": mask_rois}).items()}
    preset = small_presets["seg"].changed(changes)
    rng = np.random.default_rng(0)
    rois = np.repeat(examples["seg"]["boxes"], 2, axis=1)
    rois = np.clip(rois + rng.integers(-1, 2, rois.shape) * rois.any(-1, keepdims=True), 0, 64).astype(np.float32)
    results = [
        gradient(preset, examples["seg"] | {"rng": np.random.default_rng(0)}, policy, input_rois=rois)
        for policy in ("float32", "mixed_bfloat16")
    ]
    check(*results[0][:2], *results[1])


def check(weights, exact, same, rough, kinds):
    """Weights and gradient in float32, and those in bfloat16 with the kinds of numbers there."""
    assert all((weights[name] == same[name]).all() for name in weights)
    assert kinds == {"float32"}
    cosine = exact @ rough / (np.linalg.norm(exact) * np.linalg.norm(rough))
    assert 0.99 < cosine < 1 - 1e-9, cosine  # and it is not the same computation
