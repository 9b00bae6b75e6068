"""The norm of the gradients that an optimizer keeps."""

import keras
import numpy as np
import pytest

from muspipe.training import checkpoints
from muspipe.training.schedules import Phase, make_optimizer


def line(optimizer):
    """y = w x + b with w = 1, b = 0, by mean squared error."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizer=optimizer, loss="mse")
    return model


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_it_is_that_before_clipping(kind):
    """x = 1, y = 3: d loss / dw = d loss / db = 2 (1 - 3) = -4, norm 4 sqrt(2); clipped to 1."""
    model = line(make_optimizer(Phase("all", 10, 0.5, kind, clip_norm=1.0)))
    model.train_on_batch(np.ones((2, 1)), np.full((2, 1), 3.0))
    assert float(model.optimizer.gradient_norm) == pytest.approx(4 * 2**0.5, rel=1e-6)
    kernel = float(keras.ops.convert_to_numpy(model.layers[0].kernel)[0, 0])
    assert kernel == pytest.approx(1 + {"sgd": 0.5 / 2**0.5, "adam": 0.5}[kind], rel=1e-5)


def test_a_checkpoint_is_that_of_keras_own_optimizer():
    """So that runs begun before go on."""
    watched, own = (
        line(optimizer) for optimizer in (make_optimizer(Phase("all", 10, 0.5)), keras.optimizers.SGD(0.5, 0.9))
    )
    for model in (watched, own, watched):  # building again is nothing new
        model.optimizer.build(model.trainable_variables)
    kinds = [[(v.name.split("_")[-1], tuple(v.shape)) for v in checkpoints.variables_of(m)] for m in (watched, own)]
    assert kinds[0] == kinds[1] and len(kinds[0]) == 2 + 2 + 2  # weights, iterations and rate, momenta


def test_weights_without_a_gradient_count_for_nothing():
    made = [keras.Variable(np.ones(2, np.float32)) for _ in range(2)]
    optimizer = make_optimizer(Phase("all", 10, 0.5))
    optimizer.build(made)
    with pytest.warns(UserWarning, match="[Gg]radients"):
        optimizer.apply([keras.ops.convert_to_tensor([3.0, 4.0]), None])
    assert float(optimizer.gradient_norm) == pytest.approx(5)
