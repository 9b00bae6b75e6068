"""Twitch-train network: the crop around a territory to the velocity of its motor unit, time step by time step.

B crops of S x S px and T frames. Convolutions keep the time axis; what they see of a moment is flattened and goes
through dense layers, a bidirectional GRU over all of the sequence, and dense layers again (Ali et al. 2020, III.C).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from muspipe.models.base import PresetNetwork
from muspipe.models.frontend import conv_block


def twitch_layers(preset: dict) -> keras.Model:
    """The layers as a functional model: crops (B, S, S, T, 1) and, with the mask channel, masks (B, S, S), with
    the refit, signals (B, T) -> twitch trains (B, T)."""
    size, n_frames = preset["input_shape"][0], preset["input_shape"][2]
    x = crops = keras.Input(tuple(preset["input_shape"]), name="crops")
    inputs = {"crops": crops}
    own = preset.get("own_scale", False)
    if own:
        scale = ops.maximum(ops.std(crops, axis=(1, 2, 3, 4), keepdims=True), 1e-3)
        x = crops = crops / scale
        scale = scale[:, 0, 0, 0]
    if preset["mask_channel"]:
        inputs["masks"] = keras.Input((size, size), name="masks")
        mask = layers.Reshape((size, size, 1, 1), name="mask_reshape")(inputs["masks"])
        mask = layers.UpSampling3D((1, 1, n_frames), name="mask_over_time")(mask)
        x = layers.Concatenate(name="crop_and_mask")([crops, mask])
    for i, stage in enumerate(preset["convolutions"], start=1):
        x = conv_block(x, f"twitch{i}", stage["maps"], stage["kernel"], stage["stride"])
    x = layers.Permute((3, 1, 2, 4), name="time_first")(x)
    x = layers.Reshape((n_frames, -1), name="flatten")(x)
    if preset["refit"]:
        inputs["signals"] = keras.Input((n_frames,), name="signals")
        signal = inputs["signals"] / scale if own else inputs["signals"]
        signal = layers.Reshape((n_frames, 1), name="signal_reshape")(signal)
        x = layers.Concatenate(name="crop_and_signal")([x, signal])
    for i, units in enumerate(preset["dense_before"], start=1):
        x = layers.Dense(units, activation="relu", name=f"before{i}")(x)
    gru = layers.GRU(preset["gru"], return_sequences=True, name="gru")
    x = layers.Bidirectional(gru, name="both_ways")(x)
    for i, units in enumerate(preset["dense_after"], start=1):
        x = layers.Dense(units, activation="relu", name=f"after{i}")(x)
    # What is corrected begins uncorrected.
    start = {"kernel_initializer": "zeros"} if preset["refit"] else {}
    x = layers.Dense(1, dtype="float32", name="velocity", **start)(x)
    x = layers.Reshape((n_frames,), dtype="float32", name="train")(x)
    if own:
        x = x * scale
    if preset["refit"]:
        x = layers.Add(dtype="float32", name="corrected")([x, inputs["signals"]])
    return keras.Model(inputs, x, name="twitch_layers")


def input_names(preset: dict) -> tuple[str, ...]:
    """What a network of this preset sees: crops, and maybe masks and signals."""
    return ("crops",) + ("masks",) * preset["mask_channel"] + ("signals",) * preset["refit"]


def amplitude_normalised_mse(trains, predictions, amplitudes):
    """Mean squared error (); trains and predictions (B, T) are divided by the true amplitudes (B,), so that weak units
    count as much as strong ones."""
    return ops.mean(ops.square((predictions - trains) / amplitudes[:, None]))


def decorrelation(trains, predictions):
    """1 - Pearson's correlation of predictions with trains (B, T), mean over the batch ()."""
    a = trains - ops.mean(trains, axis=1, keepdims=True)
    b = predictions - ops.mean(predictions, axis=1, keepdims=True)
    norms = ops.sqrt(ops.sum(ops.square(a), axis=1) * ops.sum(ops.square(b), axis=1) + 1e-12)
    return 1 - ops.mean(ops.sum(a * b, axis=1) / norms)


@keras.saving.register_keras_serializable(package="muspipe")
class TwitchNetwork(PresetNetwork):
    """Takes a dict of crops (B, S, S, T, 1), standardised, and what else the preset asks for: masks (B, S, S) of the
    territories, and signals (B, T), least squares' idea of the trains -> twitch trains float32 (B, T), in standardised
    velocity. To train, the dict also holds trains (B, T) and amplitudes (B,)."""

    def __init__(self, preset: dict, name: str = "twitch"):
        super().__init__(preset, twitch_layers(preset), name)

    def call(self, inputs, training=False):
        return self.layers_model({name: inputs[name] for name in input_names(self.preset)}, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = amplitude_normalised_mse(x["trains"], y_pred, x["amplitudes"])
        weight = self.preset.get("correlation_weight", 0.0)
        return loss + weight * decorrelation(x["trains"], y_pred) if weight else loss

    def batch_inputs(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What the network trains on, from a batch of `twitch_batches`. rng is not needed."""
        names = (*input_names(self.preset), "trains", "amplitudes")
        return {name: np.asarray(batch[name], np.float32) for name in names}

    def freeze(self, part: str | None) -> None:
        """Nothing of this network is ever frozen."""
        if part is not None:
            raise ValueError(f"freeze: expected None, got {part!r}")

    def load_initial_weights(self, path) -> None:
        """Weights of another run of the same preset (muspipe.models.weights)."""
        from muspipe.models.weights import load_into

        load_into(self, path)
