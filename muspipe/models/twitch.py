"""Twitch-train network: the crop around a territory to the velocity of its motor unit, frame by frame.

B crops of S x S px and T frames. Convolutions keep the time axis; what they see at each frame is flattened and goes
through dense layers, a bidirectional GRU over the whole sequence, and dense layers again (Ali et al. 2020, III.C).
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass

import keras
import numpy as np
from keras import layers, ops

from muspipe.models.base import ConvStage, Grid, Preset, PresetNetwork
from muspipe.models.frontend import conv_block
from muspipe.models.recurrence import BothWays
from muspipe.models.weight_files import load_into
from simulator.shared.settings import setting


@dataclass(frozen=True, kw_only=True)
class TwitchPreset(Preset):
    """Settings of a twitch-train network."""

    task: str = setting("twitch", "kind of network", choices=("twitch",))
    name: str = setting(MISSING, "name")
    input_shape: tuple[int, int, int, int] = setting(MISSING, "S, S [px], T [frames], 1", least=1)
    grid: Grid = setting(MISSING, "pixel and frame rate")
    mask_channel: bool = setting(False, "whether the territory is a second channel of the crop")
    refit: bool = setting(False, "whether the network corrects the least-squares signal, which it is given")
    own_scale: bool = setting(False, "whether each crop is scaled to its own SD; the paper standardises sequences")
    correlation_weight: float = setting(0.0, "weight of 1 - correlation, a term of the loss", least=0)
    convolutions: tuple[ConvStage, ...] = setting(MISSING, "Conv3D stages")
    dense_before: tuple[int, ...] = setting(MISSING, "units of the dense layers before the GRU", least=1)
    gru: int = setting(MISSING, "units of the GRU, each way", least=1)
    dense_after: tuple[int, ...] = setting(MISSING, "units of the dense layers after the GRU", least=1)
    data: dict = setting(MISSING, "changes of BatchOptions")

    def input_names(self) -> tuple[str, ...]:
        """What the network sees: crops, and maybe masks and signals."""
        return ("crops",) + ("masks",) * self.mask_channel + ("signals",) * self.refit

    def batch_options(self) -> dict:
        return {**super().batch_options(), "crop_px": self.input_shape[0], "refit": self.refit}

    def build(self, seed: int = 0) -> TwitchNetwork:
        keras.utils.set_random_seed(seed)
        return TwitchNetwork(self)


def twitch_layers(preset: TwitchPreset) -> keras.Model:
    """The layers as a functional model: crops (B, S, S, T, 1), with a mask channel also masks (B, S, S), with refit
    also signals (B, T) -> twitch trains (B, T)."""
    size, n_frames = preset.input_shape[0], preset.input_shape[2]
    x = crops = keras.Input(preset.input_shape, name="crops")
    inputs = {"crops": crops}
    own = preset.own_scale
    if own:
        scale = ops.maximum(ops.std(crops, axis=(1, 2, 3, 4), keepdims=True), 1e-3)
        x = crops = crops / scale
        scale = scale[:, 0, 0, 0]
    if preset.mask_channel:
        inputs["masks"] = keras.Input((size, size), name="masks")
        mask = layers.Reshape((size, size, 1, 1), name="mask_reshape")(inputs["masks"])
        mask = layers.UpSampling3D((1, 1, n_frames), name="mask_over_time")(mask)
        x = layers.Concatenate(name="crop_and_mask")([crops, mask])
    for i, stage in enumerate(preset.convolutions, start=1):
        x = conv_block(x, f"twitch{i}", stage)
    x = layers.Permute((3, 1, 2, 4), name="time_first")(x)
    x = layers.Reshape((n_frames, -1), name="flatten")(x)
    if preset.refit:
        inputs["signals"] = keras.Input((n_frames,), name="signals")
        signal = inputs["signals"] / scale if own else inputs["signals"]
        signal = layers.Reshape((n_frames, 1), name="signal_reshape")(signal)
        x = layers.Concatenate(name="crop_and_signal")([x, signal])
    for i, units in enumerate(preset.dense_before, start=1):
        x = layers.Dense(units, activation="relu", name=f"before{i}")(x)
    gru = layers.GRU(preset.gru, return_sequences=True, name="gru")
    x = BothWays(gru, name="both_ways")(x)
    for i, units in enumerate(preset.dense_after, start=1):
        x = layers.Dense(units, activation="relu", name=f"after{i}")(x)
    # A network that corrects a signal starts by leaving it unchanged.
    start = {"kernel_initializer": "zeros"} if preset.refit else {}
    x = layers.Dense(1, dtype="float32", name="velocity", **start)(x)
    x = layers.Reshape((n_frames,), dtype="float32", name="train")(x)
    if own:
        x = x * scale
    if preset.refit:
        x = layers.Add(dtype="float32", name="corrected")([x, inputs["signals"]])
    return keras.Model(inputs, x, name="twitch_layers")


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
    """Takes a dict of crops (B, S, S, T, 1), standardised, and what the preset adds: masks (B, S, S) of the
    territories, and signals (B, T), the least-squares signals -> twitch trains float32 (B, T), in standardised
    velocity. To train, the dict also holds trains (B, T) and amplitudes (B,)."""

    preset_class = TwitchPreset
    pixels = "crops"

    def __init__(self, preset: TwitchPreset, name: str = "twitch"):
        super().__init__(preset, twitch_layers(preset), name)

    def call(self, inputs, training=False):
        return self.layers_model({name: inputs[name] for name in self.preset.input_names()}, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = amplitude_normalised_mse(x["trains"], y_pred, x["amplitudes"])
        weight = self.preset.correlation_weight
        return loss + weight * decorrelation(x["trains"], y_pred) if weight else loss

    def batch_inputs(self, batch: dict) -> dict:
        """What the network trains on, from a batch of `twitch_batches`."""
        return {self.pixels: batch["crops"]} | self.truth_inputs(batch)

    def truth_inputs(self, truth: dict) -> dict[str, np.ndarray]:
        """The same without the crops, from a batch's truth."""
        names = {*self.preset.input_names(), "trains", "amplitudes"} - {self.pixels}
        return {name: np.asarray(truth[name], np.float32) for name in names}

    def load_initial_weights(self, path) -> None:
        """All weights, from a weight file of the same preset. InputError if they do not fit."""
        load_into(self, path)
