"""MASK_ROIS "positive": the mask head on the positives alone, beside "possible", all rows that can be positive."""

import keras
import numpy as np
import pytest

from mrcnn import MaskRCNN
from mrcnn.model import leaf_layers


def with_rois(batch, config, n_instances, seed):
    """The batch with proposals of its own: three near each of at most two instances, and 30 anywhere, which the seed
    chooses."""
    near, rng = np.random.default_rng(0), np.random.default_rng(seed)
    side, rois = config.IMAGE_SHAPE[0], []
    for boxes in batch["input_gt_boxes"]:
        true = np.repeat(boxes[:2], 3, axis=0) + near.integers(-1, 2, (6, 4))
        true[3 * n_instances :] = 0  # rows that hold no proposal
        corner = rng.integers(0, side - 5, (30, 2))
        rois.append(np.concatenate([np.clip(true, 0, side), np.concatenate([corner, corner + 4], axis=1)]))
    return batch | {"input_rois": np.stack(rois).astype(np.float32)}


def stepping(config):
    """step(batch) -> (losses, {layer/weight: array} after one step of the steepest descent), always from the same
    weights and random state."""
    keras.utils.set_random_seed(0)
    model = MaskRCNN(config)
    model.compile(keras.optimizers.SGD(1e-2))
    before = [(variable, np.array(variable)) for variable in model.variables]

    def step(batch):
        for variable, value in before:
            variable.assign(value)
        losses = {name: float(value) for name, value in model.train_on_batch(batch, return_dict=True).items()}
        model.reset_metrics()
        return losses, {f"{layer.name}/{v.name}": np.array(v) for layer in leaf_layers(model) for v in layer.weights}

    return step


def test_losses_and_gradients_are_the_same_with_stored_statistics(tiny_config, make_batch):
    """A step of the steepest descent is the gradient. With instances, and without any."""
    configs = [tiny_config(MASK_ROIS=which) for which in ("possible", "positive")]
    steps = [stepping(config) for config in configs]
    for n_instances in (0, 2):
        batch = with_rois(make_batch(configs[0], n_instances), configs[0], n_instances, seed=1)
        (losses, weights), (own_losses, own_weights) = (step(batch) for step in steps)
        assert (losses["mrcnn_mask_loss"] > 0.1) == (n_instances > 0)
        for name, value in losses.items():
            assert own_losses[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name
        for name, value in weights.items():
            np.testing.assert_allclose(own_weights[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("which", ["possible", "positive"])
def test_statistics_of_the_batch_are_of_the_positives_alone(tiny_config, make_batch, which):
    """Other negatives change them only where negatives are among the rows."""
    config = tiny_config(MASK_ROIS=which, TRAIN_BN=None)
    step = stepping(config)
    batches = [with_rois(make_batch(config, 2), config, 2, seed) for seed in (1, 2)]
    means = [step(batch)[1]["mrcnn_mask_bn1/moving_mean"] for batch in batches]
    assert np.abs(means[0]).max() > 1e-3
    assert np.allclose(*means, rtol=1e-4, atol=1e-6) == (which == "positive")


def test_another_value_is_refused(tiny_config):
    with pytest.raises(ValueError, match="MASK_ROIS: expected one of .'possible', 'positive'., got 'all'"):
        tiny_config(MASK_ROIS="all")
