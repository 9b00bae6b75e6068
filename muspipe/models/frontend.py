"""Conv3D front end ("slow fusion"): a velocity sequence to a two-dimensional map of features.

(B, H, W, T, 1) -> (B, H', W', C). Each stage is Conv3D + batch normalisation + ReLU and, if asked for, a maximum over
blocks of time; the last one leaves a single time (Ali et al. 2020, III.B).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from muspipe.errors import InputError
from muspipe.models.base import ConvStage
from muspipe.models.convolution import Conv3D
from simulator.shared.settings import setting

FRONT_END = "frontend"
"""The prefix of the names of its layers."""


@dataclass(frozen=True)
class FrontEndStage(ConvStage):
    """A stage of the front end."""

    pool_time: int = setting(1, "frames in a block of time, of which the maximum is kept", least=1)


def conv_block(x, name: str, stage: ConvStage):
    """Conv3D + batch normalisation + ReLU."""
    # The normalisation makes the bias redundant, but the paper counts it among the weights, and it costs nothing.
    x = Conv3D(stage.maps, stage.kernel, strides=stage.stride, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def frontend(input_shape, stages: tuple[FrontEndStage, ...]) -> keras.Model:
    """The front end as a model. input_shape: (H, W, T, channels). Glorot ("Xavier") weights. Raises InputError if the
    stages do not reduce time to one."""
    x = sequence = keras.Input(tuple(input_shape), name="sequence")
    for i, stage in enumerate(stages, start=1):
        name = f"{FRONT_END}{i}"
        x = conv_block(x, name, stage)
        if stage.pool_time > 1:
            x = layers.MaxPooling3D((1, 1, stage.pool_time), name=f"{name}_pool")(x)
    height, width, n_times, channels = x.shape[1:]
    if n_times != 1:
        raise InputError(f"front end: expected stages that reduce {input_shape[2]} frames to 1, they leave {n_times}")
    x = layers.Reshape((height, width, channels), name=f"{FRONT_END}_map")(x)
    return keras.Model(sequence, x, name=FRONT_END)
