"""What our own networks share: made of a preset, given one dict of inputs with the truth in it, their own loss."""

from __future__ import annotations

import keras


class PresetNetwork(keras.Model):
    """preset: see muspipe.models.presets; layers_model: the layers as a functional model. Subclasses have `call`,
    `compute_loss(x=inputs, y_pred=outputs)` and are made again by their preset alone."""

    loss_names: tuple[str, ...] = ()

    def __init__(self, preset: dict, layers_model: keras.Model, name: str):
        super().__init__(name=name, autocast=False)
        self.preset = preset
        self.layers_model = layers_model
        self.loss_trackers = {loss: keras.metrics.Mean(name=loss) for loss in self.loss_names}
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # slower on CPUs
        self.built = True

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def compile(self, optimizer, **kwargs):
        kwargs.setdefault("jit_compile", False if keras.backend.backend() == "tensorflow" else "auto")
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)  # or TensorFlow traces the first step twice

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def get_config(self):
        return {"preset": self.preset, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
