"""Adam and SGD that keep the norm of all gradients of the last step, as it was before they were clipped."""

from __future__ import annotations

import keras
from keras import ops


class _Watched:
    """Before an optimizer among the bases of a class."""

    gradient_norm = None
    """A variable once the optimizer is built."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # with several devices each would write it
        self.gradient_norm = self.add_variable((), name="gradient_norm", aggregation="only_first_replica")

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        squares = [ops.sum(ops.square(grad)) for grad in grads if grad is not None]
        self.gradient_norm.assign(ops.sqrt(sum(squares)))


@keras.saving.register_keras_serializable(package="muspipe")
class Adam(_Watched, keras.optimizers.Adam):
    """Keras' Adam, watched."""


@keras.saving.register_keras_serializable(package="muspipe")
class SGD(_Watched, keras.optimizers.SGD):
    """Keras' SGD, watched."""
