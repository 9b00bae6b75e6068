"""What our own networks share, and what all presets share. A weight file keeps the whole preset, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras
import numpy as np

from muspipe.errors import InputError
from muspipe.runtime import compiled_for_any_size
from simulator.shared.settings import changed, check, setting


@dataclass(frozen=True)
class Grid:
    """Pixel size and frame rate that a network expects; other recordings are resampled."""

    pixel_mm: int | float = setting(0.625, "side of a pixel", unit="mm", above=0)
    frame_rate_hz: int | float = setting(400, "frame rate", unit="Hz", above=0)

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class ConvStage:
    """A Conv3D with batch normalisation and ReLU."""

    maps: int = setting(dataclasses.MISSING, "channels", least=1)
    kernel: tuple[int, int, int] = setting(dataclasses.MISSING, "y, x, t", least=1)
    stride: tuple[int, int, int] = setting((1, 1, 1), "y, x, t", least=1)

    def __post_init__(self):
        check(self)


class Preset:
    """Settings of a network. Subclasses are frozen dataclasses that stand beside their network and build it; they
    declare these fields and their own in the order in which they are stored."""

    task: str
    name: str
    input_shape: tuple[int, int, int, int]
    grid: Grid
    data: dict

    def __post_init__(self):
        check(self, f"preset {self.name}: ")

    def to_dict(self) -> dict:
        """Plain values for JSON; `muspipe.models.presets.read_preset` reads them."""
        return _plain(dataclasses.asdict(self))

    def changed(self, changes: dict) -> Preset:
        """The preset with changes {name: value}, "outer.inner" for inner values. InputError for an unknown
        name or a wrong value."""
        return changed(self, changes, f"preset {self.name}")

    def batch_options(self) -> dict:
        """Changes of BatchOptions that the network needs."""
        return dict(self.data)

    def build(self, seed: int = 0) -> keras.Model:
        """The network, not compiled. seed: of the initial weights and of all random choices in training."""
        raise NotImplementedError

    def build_for_inference(self) -> keras.Model:
        """The same network, for use instead of training."""
        return self.build()


class PresetNetwork(keras.Model):
    """preset: its Preset; layers_model: the layers as a functional model. Subclasses have `call`,
    `compute_loss(x=inputs, y_pred=outputs)`, and `preset_class`, with which they are made again from plain values.
    What they train on is their input `pixels`, and `truth_inputs(truth)`."""

    preset_class: type[Preset]
    pixels: str
    loss_names: tuple[str, ...] = ()
    freezable: tuple[str, ...] = ()

    def __init__(self, preset: Preset, layers_model: keras.Model, name: str):
        super().__init__(name=name, autocast=False)
        self.preset = preset
        self.layers_model = layers_model
        self.loss_trackers = {loss: keras.metrics.Mean(name=loss) for loss in self.loss_names}
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # slower on CPUs
        self._compiled = None
        self.built = True

    def outputs_of(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Outputs of a batch of any size, compiled for few of them: once under TensorFlow (`predict_on_batch` does it
        again when a second size comes), for multiples of 8 under others."""
        if keras.backend.backend() != "tensorflow":
            n = len(next(iter(inputs.values())))
            rest = [(0, -n % 8)]
            padded = {name: np.pad(array, rest + [(0, 0)] * (array.ndim - 1)) for name, array in inputs.items()}
            return np.asarray(self.predict_on_batch(padded))[:n]
        if self._compiled is None:
            self._compiled = compiled_for_any_size(lambda some: self(some, training=False), inputs)
        return self._compiled(inputs).numpy()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def compile(self, optimizer, **kwargs):
        kwargs.setdefault("jit_compile", False if keras.backend.backend() == "tensorflow" else "auto")
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)  # or TensorFlow traces the first step twice

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def get_config(self):
        return {"preset": self.preset.to_dict(), "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(cls.preset_class(**config["preset"]), name=config["name"])


def freeze(model: keras.Model, part: str | None) -> None:
    """Train all of a network but `part`, or all of it (None). Before `compile`. InputError if it has no such part.

    A network with `freezable` parts has `train_all_but(part)`."""
    if part is not None and part not in model.freezable:
        parts = ", ".join(model.freezable) or "none"
        raise InputError(
            f"freeze: preset {model.preset.name} has no part {part!r} that can be frozen (it has {parts}); take "
            "--schedule short"
        )
    if model.freezable:
        model.train_all_but(part)


def _plain(value):
    """Tuples as lists, at any depth."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value
