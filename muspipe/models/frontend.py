"""Conv3D front end ("slow fusion"): a velocity sequence to a two-dimensional map of features.

(B, H, W, T, 1) -> (B, H', W', C). Each stage is Conv3D + batch normalisation + ReLU and, if asked for, a maximum over
blocks of time; the last one leaves one moment of time (Ali et al. 2020, III.B).
"""

from __future__ import annotations

import keras
from keras import layers

from muspipe.errors import InputError

FRONT_END = "frontend"
"""How the names of all its layers begin."""


def conv_block(x, name: str, maps: int, kernel, stride):
    """Conv3D + batch normalisation + ReLU."""
    # The normalisation has the bias; the paper's figures count it, and it costs nothing.
    x = layers.Conv3D(maps, kernel, strides=stride, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def frontend(input_shape, stages) -> keras.Model:
    """The front end as a model. input_shape: (H, W, T, channels); stages: dicts of maps, kernel (y, x, t), stride and
    pool_time. Glorot ("Xavier") weights. Raises InputError if the stages do not reduce time to one."""
    x = sequence = keras.Input(tuple(input_shape), name="sequence")
    for i, stage in enumerate(stages, start=1):
        name = f"{FRONT_END}{i}"
        x = conv_block(x, name, stage["maps"], stage["kernel"], stage["stride"])
        if stage["pool_time"] > 1:
            x = layers.MaxPooling3D((1, 1, stage["pool_time"]), name=f"{name}_pool")(x)
    height, width, n_times, channels = x.shape[1:]
    if n_times != 1:
        raise InputError(f"front end: expected stages that reduce {input_shape[2]} frames to 1, they leave {n_times}")
    x = layers.Reshape((height, width, channels), name=f"{FRONT_END}_map")(x)
    return keras.Model(sequence, x, name=FRONT_END)
