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


@pytest.mark.parametrize("which", ["possible", "positive"])
def test_fewer_of_an_image_estimate_the_loss_of_all(tiny_config, make_batch, which):
    """Six positives an image, of which one to six enter the loss of the masks, chosen anew in each step."""
    config = tiny_config(MASK_ROIS=which)
    batch = with_rois(make_batch(config, 2), config, 2, seed=1)
    found = {}
    for most in (None, 6, 1):
        config.MASK_ROIS_PER_IMAGE = most
        keras.utils.set_random_seed(0)
        model = MaskRCNN(config)
        outputs = [model.training_outputs(batch, keras.random.SeedGenerator(seed)) for seed in range(8)]
        rows = [int((np.array(out["mask_class_ids"]) > 0).sum()) for out in outputs]
        found[most] = rows, [float(model.losses_of(batch, out)["mrcnn_mask_loss"]) for out in outputs]
    assert found[None][0] == found[6][0] and min(found[6][0]) > 2 and set(found[1][0]) == {2}
    np.testing.assert_allclose(found[6][1], found[None][1], rtol=1e-5)
    assert np.ptp(found[1][1]) > 10 * np.ptp(found[None][1])
    assert np.mean(found[1][1]) == pytest.approx(np.mean(found[None][1]), abs=np.ptp(found[1][1]) / 2)


@pytest.mark.parametrize("most", [0, True, 2.5])
def test_no_number_of_rois_is_refused(tiny_config, most):
    with pytest.raises(ValueError, match=f"MASK_ROIS_PER_IMAGE: expected None or a whole number from 1 on, got {most}"):
        tiny_config(MASK_ROIS_PER_IMAGE=most)


def test_another_value_is_refused(tiny_config):
    with pytest.raises(ValueError, match="MASK_ROIS: expected one of .'possible', 'positive'., got 'all'"):
        tiny_config(MASK_ROIS="all")
