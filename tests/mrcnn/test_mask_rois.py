"""MASK_ROIS "positive": the mask head on the positives alone, beside "possible", all rows that can be positive."""

import keras
import numpy as np
import pytest

from mrcnn import MaskRCNN
from mrcnn.model import leaf_layers


def with_rois(batch, config, n_instances, seed):
    """The batch with proposals of its own: three near each instance, and 30 anywhere, which the seed chooses."""
    near, rng = np.random.default_rng(0), np.random.default_rng(seed)
    side, rois = config.IMAGE_SHAPE[0], []
    for boxes in batch["input_gt_boxes"]:
        true = np.repeat(boxes[:n_instances], 3, axis=0) + near.integers(-1, 2, (3 * n_instances, 4))
        corner = rng.integers(0, side - 5, (30, 2))
        rois.append(np.concatenate([np.clip(true, 0, side), np.concatenate([corner, corner + 4], axis=1)]))
    return batch | {"input_rois": np.stack(rois).astype(np.float32)}


def after_a_step(config, batch):
    """(losses, {layer/weight: array} after one step of the steepest descent)"""
    keras.utils.set_random_seed(0)
    model = MaskRCNN(config)
    model.compile(keras.optimizers.SGD(1e-2))
    losses = {name: float(value) for name, value in model.train_on_batch(batch, return_dict=True).items()}
    return losses, {f"{layer.name}/{v.name}": np.array(v) for layer in leaf_layers(model) for v in layer.weights}


@pytest.mark.parametrize("n_instances", [0, 2])
def test_losses_and_gradients_are_the_same_with_stored_statistics(tiny_config, make_batch, n_instances):
    """A step of the steepest descent is the gradient."""
    found = {}
    for which in ("possible", "positive"):
        config = tiny_config(MASK_ROIS=which)
        batch = with_rois(make_batch(config, n_instances), config, n_instances, seed=1)
        found[which] = after_a_step(config, batch)
    (losses, weights), (own_losses, own_weights) = found["possible"], found["positive"]
    assert (losses["mrcnn_mask_loss"] > 0.1) == (n_instances > 0)
    for name, value in losses.items():
        assert own_losses[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name
    for name, value in weights.items():
        np.testing.assert_allclose(own_weights[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("which", ["possible", "positive"])
def test_statistics_of_the_batch_are_of_the_positives_alone(tiny_config, make_batch, which):
    """Other negatives change them only where negatives are among the rows."""
    config = tiny_config(MASK_ROIS=which, TRAIN_BN=None)
    means = []
    for seed in (1, 2):
        batch = with_rois(make_batch(config, 2), config, 2, seed)
        means.append(after_a_step(config, batch)[1]["mrcnn_mask_bn1/moving_mean"])
    assert np.abs(means[0]).max() > 1e-3
    assert np.allclose(*means, rtol=1e-4, atol=1e-6) == (which == "positive")


def test_another_value_is_refused(tiny_config):
    with pytest.raises(ValueError, match="MASK_ROIS: expected one of .'possible', 'positive'., got 'all'"):
        tiny_config(MASK_ROIS="all")
