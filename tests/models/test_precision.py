"""mixed_bfloat16: weights, normalisation and loss stay in float32, and gradients point where those of float32 do."""

import keras
import numpy as np
import pytest

from muspipe.models import weight_files

tf = pytest.importorskip("tensorflow")


def gradient(preset, batch, policy):
    """(weights by name, gradient of the loss as one vector, kinds of numbers of weights and loss)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = preset.build(seed=1)
        inputs, weights = model.batch_inputs(batch), weight_files.arrays_of(model)
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=inputs, y_pred=model(inputs, training=True))
        parts = tape.gradient(loss, model.trainable_variables)
    finally:
        keras.config.set_dtype_policy(before)
    kinds = {keras.backend.standardize_dtype(x.dtype) for x in (loss, *model.weights)}
    return weights, np.concatenate([np.ravel(part) for part in parts]), kinds


@pytest.mark.parametrize("correlation_weight", [0.0, 1.0])
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
    assert all((weights[name] == same[name]).all() for name in weights)
    assert kinds == {"float32"}
    cosine = exact @ rough / (np.linalg.norm(exact) * np.linalg.norm(rough))
    assert 0.99 < cosine < 1 - 1e-9  # and it is not the same computation
