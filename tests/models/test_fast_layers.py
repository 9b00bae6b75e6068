"""Layers that are computed in another way than Keras' own: equal outputs, gradients and weights."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from muspipe.models.convolution import Conv3D, convolve
from muspipe.models.recurrence import BothWays, gru_both_ways

tf = pytest.importorskip("tensorflow")


def gradients(function, arrays):
    """(value, gradients of a scalar made of it) as NumPy arrays."""
    variables = [tf.Variable(array) for array in arrays]
    with tf.GradientTape() as tape:
        value = function(*(tf.convert_to_tensor(v) for v in variables))
        scalar = tf.reduce_sum(tf.sin(value))
    return np.asarray(value), [np.asarray(g) for g in tape.gradient(scalar, variables)]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_convolution_and_its_gradients_are_those_of_keras():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 5, 9, 3), (3, 1, 5, 3, 4))]
    value, own = gradients(convolve, arrays)
    expected, theirs = gradients(lambda x, kernel: ops.conv(x, kernel, padding="same"), arrays)
    np.testing.assert_allclose(value, expected, atol=1e-5)
    for a, b in zip(own, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def both(layer, other, x):
    """Outputs, and gradients of all weights and of x, of two layers with equal weights."""
    layer(x), other(x)
    assert [w.path.split("/", 1)[1] for w in layer.weights] == [w.path.split("/", 1)[1] for w in other.weights]
    other.set_weights(layer.get_weights())
    found = []
    for one in (layer, other):
        given = tf.Variable(x)
        with tf.GradientTape() as tape:
            out = one(given)
            scalar = tf.reduce_sum(tf.sin(3 * out))
        found.append([np.asarray(out), *map(np.asarray, tape.gradient(scalar, [given, *one.trainable_variables]))])
    return found


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda kind: kind(4, (3, 3, 15), padding="same"), (2, 4, 4, 20, 3)),
        (lambda kind: kind(4, (3, 3, 15), strides=(2, 2, 1), padding="same"), (2, 4, 4, 20, 3)),
        (lambda kind: kind(4, (3, 3, 16), padding="same"), (2, 4, 4, 20, 3)),
    ],
)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_layers_of_convolution(make, shape):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for a, b in zip(*both(make(Conv3D), make(layers.Conv3D), x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_gru_both_ways_is_keras_own():
    x = np.random.default_rng(2).standard_normal((3, 30, 5)).astype(np.float32)

    def make(kind):
        gru = layers.GRU(4, return_sequences=True, bias_initializer="glorot_uniform", name="gru")
        return kind(gru, name="both_ways")

    found = both(make(BothWays), make(layers.Bidirectional), x)
    assert len(found[0]) == 2 + 6
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())
    assert not np.allclose(found[0][0][:, :, :4], found[0][0][:, :, 4:])


def test_gru_keeps_half_precision():
    x = ops.cast(np.ones((1, 6, 2)), "bfloat16")
    weights = [ops.cast(np.full(s, 0.1), "bfloat16") for s in ((2, 2, 9), (2, 3, 9), (2, 2, 9))]
    assert keras.backend.standardize_dtype(gru_both_ways(x, *weights).dtype) == "bfloat16"
