"""One device or several: how a step runs. With several, each takes an equal share of the batch.

MirroredStrategy and TensorBoard are why this file may import TensorFlow; JAX needs no more than Keras.
"""

from __future__ import annotations

import contextlib

import keras
import numpy as np

from muspipe.errors import InputError


class OneDevice:
    """The steps of Keras itself."""

    count = 1

    def scope(self):
        """In which the model is built and compiled."""
        return contextlib.nullcontext()

    def train(self, model, inputs: dict[str, np.ndarray]) -> dict[str, float]:
        """One step; the losses by name."""
        logs = model.train_on_batch(inputs, return_dict=True)
        model.reset_metrics()
        return {name: float(value) for name, value in logs.items()}

    def validate(self, model, inputs: dict[str, np.ndarray]) -> dict[str, float]:
        """The losses by name, nothing is trained."""
        logs = model.test_on_batch(inputs, return_dict=True)
        model.reset_metrics()
        return {name: float(value) for name, value in logs.items()}


class JaxDevices(OneDevice):
    """keras.distribution.DataParallel: one program over all devices, the batch cut along its first axis. Sums and means
    run over the whole batch, so that the step is that of one device."""

    def __init__(self, count: int):
        devices = keras.distribution.list_devices()
        _check(count, len(devices), devices)
        self.count = count
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:count]))


class MirroredDevices(OneDevice):
    """tf.distribute.MirroredStrategy: a copy of the network on each device; gradients are averaged over the copies.

    Each copy normalises by its own share of the batch, losses and batch statistics alike: for these the step equals
    that of one device only as far as the shares are alike.
    """

    def __init__(self, count: int):
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        _check(count, len(devices), [device.name for device in devices])
        self.count, self._tf = count, tf
        self.strategy = tf.distribute.MirroredStrategy([device.name for device in devices[:count]])
        self._steps = {}

    def scope(self):
        return self.strategy.scope()

    def train(self, model, inputs):
        return self._run(model, inputs, training=True)

    def validate(self, model, inputs):
        return self._run(model, inputs, training=False)

    def _run(self, model, inputs, training):
        share = len(next(iter(inputs.values()))) // self.count

        def part(context):
            i = context.replica_id_in_sync_group
            return {name: self._tf.constant(array[i * share : (i + 1) * share]) for name, array in inputs.items()}

        parts = self.strategy.experimental_distribute_values_from_function(part)
        logs = self._compiled(model, training)(parts)
        values = {name: float(value) for name, value in logs.items()}
        model.reset_metrics()
        return values

    def _compiled(self, model, training):
        key = (id(model.optimizer), training)
        if key not in self._steps:
            self._steps = {k: step for k, step in self._steps.items() if k[0] == key[0]}
            self._steps[key] = self._make_step(model, training)
        return self._steps[key]

    def _make_step(self, model, training):
        tf = self._tf

        def one(inputs):
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x=inputs, y_pred=model(inputs, training=training), training=training)
            if training:
                variables = model.trainable_variables
                gradients = tape.gradient(loss, variables)
                # The optimizer would clip each copy's gradients, and then add them up: here the mean is clipped.
                mean = tf.distribute.get_replica_context().all_reduce("MEAN", gradients)
                mean, _ = tf.clip_by_global_norm(mean, model.optimizer.global_clipnorm)
                model.optimizer.apply([gradient / self.count for gradient in mean], variables)
            parts = {name: metric.result() for name, metric in getattr(model, "loss_trackers", {}).items()}
            return {"loss": loss, **parts}

        @tf.function
        def step(inputs):
            logs = self.strategy.run(one, args=(inputs,))
            return {name: self.strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

        return step


def make_devices(count: int):
    """The devices of a run. InputError if there are fewer than asked for."""
    if count < 1:
        raise InputError(f"devices: expected a number from 1, got {count}")
    if count == 1:
        return OneDevice()
    return JaxDevices(count) if keras.backend.backend() == "jax" else MirroredDevices(count)


class TensorBoard:
    """Writes scalars for TensorBoard; needs TensorFlow, whatever the backend. InputError without it."""

    def __init__(self, folder):
        try:
            import tensorflow as tf
        except ImportError:
            raise InputError("--tensorboard: TensorFlow writes the files, and it is not installed") from None
        self._tf, self._writer = tf, tf.summary.create_file_writer(str(folder))

    def write(self, step: int, values: dict[str, float]) -> None:
        """The values of a step, on the disk when this returns."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                self._tf.summary.scalar(name, value)
        self._writer.flush()


def _check(count, available, names):
    if available < count:
        raise InputError(f"devices: expected at most {available} ({', '.join(map(str, names))}), got {count}")
