"""A bidirectional GRU in one loop over time: both directions in one product a step, all else outside the loop.

B examples, T times, U units; the first axis of 2 is the direction: forward, backward.
"""

from __future__ import annotations

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="muspipe")
class BothWays(layers.Bidirectional):
    """As Keras' Bidirectional of a GRU that returns sequences, weights and names included. Under TensorFlow on a CPU it
    is computed here: Keras' loop multiplies input and state of each direction alone, and adds up the gradients of all
    weights in every step. (On a GPU Keras calls cuDNN.)"""

    def call(self, sequences, initial_state=None, mask=None, training=None):
        plain = initial_state is None and mask is None
        if not plain or keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        cells = self.forward_layer.cell, self.backward_layer.cell
        names = ("kernel", "recurrent_kernel", "bias")
        weights = [ops.stack([ops.cast(getattr(cell, name), sequences.dtype) for cell in cells]) for name in names]
        return gru_both_ways(sequences, *weights)


def gru_both_ways(x, kernel, recurrent, bias):
    """(B, T, C) -> (B, T, 2 U), forward, then backward. kernel (2, C, 3 U), recurrent (2, U, 3 U), bias (2, 2, 3 U) as
    Keras' GRU has them: update, reset, candidate; of the input, then of the state."""
    _, n_times, channels = x.shape
    both = ops.stack([x, ops.flip(x, axis=1)])
    inputs = ops.matmul(ops.reshape(both, (2, -1, channels)), kernel) + bias[:, :1]
    inputs = ops.transpose(ops.reshape(inputs, (2, -1, n_times, kernel.shape[-1])), (2, 0, 1, 3))
    states = _recurrence(inputs, recurrent, bias[:, 1:])
    forward, backward = (ops.transpose(states[:, i], (1, 0, 2)) for i in (0, 1))
    return ops.concatenate([forward, ops.flip(backward, axis=1)], axis=-1)


@ops.custom_gradient
def _recurrence(inputs, recurrent, bias):
    """States (T, 2, B, U) from inputs (T, 2, B, 3 U), recurrent (2, U, 3 U), bias (2, 1, 3 U); the first state is 0."""
    start = ops.zeros_like(inputs[0, :, :, : recurrent.shape[1]])

    def forward(state, own):
        update, _, candidate, _ = _gates(own, ops.matmul(state, recurrent) + bias)
        after = update * state + (1 - update) * candidate
        return after, after

    _, states = ops.scan(forward, start, inputs)

    def gradient(upstream):
        """What is linear in the gradient of a state is taken out of the loop, the gates of all times are computed at
        once, and again: they are not kept."""
        before = ops.concatenate([ops.expand_dims(start, 0), states[:-1]], axis=0)
        update, reset, candidate, of_state = _gates(inputs, ops.matmul(before, recurrent) + bias)
        to_update = (before - candidate) * update * (1 - update)
        to_candidate = (1 - update) * (1 - candidate * candidate)
        to_reset = to_candidate * of_state * reset * (1 - reset)
        to_product = ops.concatenate([to_update, to_reset, to_candidate * reset], axis=-1)
        back = ops.swapaxes(recurrent, 1, 2)

        def backward(carried, at):
            own, update, to_product = at
            total = own + carried
            return total * update + ops.matmul(_thrice(total) * to_product, back), total

        _, totals = ops.scan(backward, ops.zeros_like(start), (upstream, update, to_product), reverse=True)
        d_inputs = _thrice(totals) * ops.concatenate([to_update, to_reset, to_candidate], axis=-1)
        d_products = _thrice(totals) * to_product
        rows = [ops.reshape(ops.swapaxes(x, 0, 1), (2, -1, x.shape[-1])) for x in (before, d_products)]
        d_recurrent = ops.matmul(ops.swapaxes(rows[0], 1, 2), rows[1])
        return d_inputs, d_recurrent, ops.sum(rows[1], axis=1, keepdims=True)

    return states, gradient


def _gates(of_input, of_state):
    """Update, reset, candidate, and the candidate's share of the state, (..., U), from (..., 3 U) each."""
    u, r, c = ops.split(of_input, 3, axis=-1)
    update, reset, share = ops.split(of_state, 3, axis=-1)
    reset = ops.sigmoid(r + reset)
    return ops.sigmoid(u + update), reset, ops.tanh(c + reset * share), share


def _thrice(x):
    return ops.concatenate([x, x, x], axis=-1)
