"""A Conv3D whose gradients are convolutions of the forward kind, which is what a CPU computes fastest.

TensorFlow's gradient towards a long kernel takes several times as long as the convolution itself on a CPU, and two
fifths of a step of the paper's twitch network. It is a convolution, too: of the input by the gradient of the output,
with the batch in place of the channels.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

PAYS_FROM = 100
"""Cells of a kernel: with 3 x 3 x 15 a step is 1.5 times as fast so, with 3 x 3 x 7 and less it is slower."""


@keras.saving.register_keras_serializable(package="muspipe")
class Conv3D(layers.Conv3D):
    """As Keras', weights and names included; only the gradient is computed in another way where that is faster: under
    TensorFlow on a CPU, for long kernels of odd sides without strides."""

    def convolution_op(self, inputs, kernel):
        plain = set(self.strides) == {1} and self.padding == "same" and all(side % 2 for side in self.kernel_size)
        long = math.prod(self.kernel_size) >= PAYS_FROM
        on_cpu = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
        if plain and long and on_cpu:
            return convolve(inputs, ops.copy(kernel))  # no variable
        return super().convolution_op(inputs, kernel)


@ops.custom_gradient
def convolve(x, kernel):
    """(B, H, W, T, C) by a kernel (h, w, t, C, C') of odd sides -> (B, H, W, T, C'), zero beyond the edges."""

    def gradient(upstream):
        turned = ops.swapaxes(ops.flip(kernel, axis=(0, 1, 2)), 3, 4)
        edges = [(side // 2, side // 2) for side in kernel.shape[:3]]
        padded = ops.pad(x, [(0, 0), *edges, (0, 0)])
        by_channel = ops.transpose(padded, (4, 1, 2, 3, 0))  # the batch is what is summed over
        of_kernel = ops.conv(by_channel, ops.transpose(upstream, (1, 2, 3, 0, 4)), padding="valid")
        return ops.conv(upstream, turned, padding="same"), ops.transpose(of_kernel, (1, 2, 3, 0, 4))

    return ops.conv(x, kernel, padding="same"), gradient
