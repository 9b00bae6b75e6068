"""Targets, losses, gradients and four steps of SGD compared with the reference."""

import functools

import keras
import numpy as np
import pytest

import mrcnn
from mrcnn.stage_outputs import INPUT_NAMES

LOSSES = ("loss_rpn_class", "loss_rpn_bbox", "loss_mrcnn_class", "loss_mrcnn_bbox", "loss_mrcnn_mask")


@pytest.fixture(scope="module")
def arrays(load_parity):
    return load_parity("losses_resnet50_128")


def new_model(arrays, fill_weights):
    config = mrcnn.Config(
        BACKBONE="resnet50",
        IMAGE_SHAPE=(128, 128, 3),
        NUM_CLASSES=3,
        RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128),
        TRAIN_ROIS_PER_IMAGE=64,
        USE_RPN_ROIS=False,
    )
    model = mrcnn.MaskRCNN(config, mode="training")
    return model, fill_weights(model, arrays)


@pytest.fixture(scope="module")
def model(arrays, fill_weights):
    return new_model(arrays, fill_weights)[0]


def inputs_of(arrays, variant=""):
    inputs = {name: value for name, value in arrays.items() if name.startswith("in_")}
    inputs |= {n.removeprefix(variant): v for n, v in arrays.items() if variant and n.startswith(variant + "in_")}
    if variant == "nopos__":
        inputs["in_rpn_match"] = np.minimum(inputs["in_rpn_match"], 0)
        inputs["in_rpn_bbox"] = np.zeros_like(inputs["in_rpn_bbox"])
    if variant == "empty__":
        inputs |= {name: np.zeros_like(inputs[name]) for name in ("in_rpn_match", "in_gt_class_ids")}
    return inputs


@pytest.fixture(scope="module")
def losses_of(arrays, model):
    """losses_of(variant): the numbers of one batch, computed once."""
    return functools.cache(lambda variant: mrcnn.training_losses(model, inputs_of(arrays, variant)))


@pytest.mark.parametrize("variant", ["", "inactive__", "crowd__", "nopos__", "empty__"])
def test_losses_and_targets(arrays, losses_of, variant):
    got = losses_of(variant)
    for name in LOSSES:
        np.testing.assert_allclose(got[name], arrays[variant + name], rtol=1e-5, atol=1e-5, err_msg=name)
    for name, atol in (("t_rois", 1e-6), ("t_class_ids", 0), ("t_deltas", 1e-5), ("t_masks", 0)):
        expected = arrays[name if variant in ("inactive__", "nopos__") else variant + name]  # these two share targets
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=atol, err_msg=name)


def test_outputs_and_decay(arrays, losses_of):
    got = losses_of("")
    for name, atol in (
        ("rpn_class_logits", 1e-4),
        ("mrcnn_class_logits", 2e-4),
        ("mrcnn_class", 1e-4),
        ("mrcnn_bbox", 1e-4),
    ):
        np.testing.assert_allclose(got[f"out_{name}"], arrays[f"out_{name}"], rtol=0, atol=atol, err_msg=name)
    positive = np.flatnonzero(got["t_class_ids"][0])[: len(arrays["out_mrcnn_mask_pos"])]
    own = got["out_mrcnn_mask"][0][positive, :, :, got["t_class_ids"][0, positive]]
    np.testing.assert_allclose(own, arrays["out_mrcnn_mask_pos"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(got["loss_reg_all"], arrays["loss_reg_all_f64"], rtol=1e-5)
    np.testing.assert_allclose(got["loss_total"], arrays["loss_total"], rtol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_gradients_and_sgd(arrays, fill_weights):
    """Compiled by TensorFlow, whose graph optimiser must not move samples that lie on an edge."""
    import tensorflow as tf

    model, variables = new_model(arrays, fill_weights)
    inputs = {INPUT_NAMES[name]: tf.constant(value) for name, value in inputs_of(arrays).items()}

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            losses = model.losses_of(inputs, model.training_outputs(inputs, seed=None))
            total = sum(losses.values()) + model.weight_decay()
        return [total, *losses.values()], tape.gradient(total, model.trainable_variables)

    keys = {id(variable): key for key, variable in variables.items()}
    optimizer = keras.optimizers.SGD(0.001, 0.9, clipnorm=5.0)  # per weight, as the reference does
    for step, expected in enumerate(arrays["sgd_trajectory"]):
        row, grads = gradients()
        if step == 0:
            by_key = {
                keys[id(v)]: np.asarray(g, np.float64) for v, g in zip(model.trainable_variables, grads, strict=True)
            }
            assert set(by_key) == set(arrays["grad_names"])
            norms = [np.linalg.norm(by_key[key]) for key in arrays["grad_names"]]
            np.testing.assert_allclose(norms, arrays["grad_l2"], rtol=2e-3)
        rtol = [1e-5] * 6 if step == 0 else [3e-3] + [2e-2] * 5
        assert (np.abs(np.array(row) - expected) <= rtol * np.abs(expected)).all(), step
        optimizer.apply(grads, model.trainable_variables)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="takes its gradients with JAX")
def test_gradients_on_jax(arrays, fill_weights):
    """Compiled by XLA."""
    import jax

    model, variables = new_model(arrays, fill_weights)
    inputs = {INPUT_NAMES[name]: jax.numpy.asarray(value) for name, value in inputs_of(arrays).items()}

    def total(values):
        with keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, values, strict=True))):
            losses = model.losses_of(inputs, model.training_outputs(inputs, seed=None))
            return sum(losses.values()) + model.weight_decay()

    loss, grads = jax.jit(jax.value_and_grad(total))([v.value for v in model.trainable_variables])
    np.testing.assert_allclose(loss, arrays["loss_total"], rtol=1e-5)
    keys = {id(variable): key for key, variable in variables.items()}
    by_key = {keys[id(v)]: np.linalg.norm(g) for v, g in zip(model.trainable_variables, grads, strict=True)}
    np.testing.assert_allclose([by_key[key] for key in arrays["grad_names"]], arrays["grad_l2"], rtol=2e-3)
