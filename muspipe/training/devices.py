"""One device or several: how a step runs. With several, each takes an equal share of the batch.

Several are experimental: only a step on two virtual CPU devices is tested, under TensorFlow and, where it is installed,
JAX. MirroredStrategy and the files of TensorBoard are why this file may import TensorFlow; JAX needs only Keras.
"""

from __future__ import annotations

import contextlib

import keras

from muspipe.errors import InputError


class OneDevice:
    """The steps of Keras itself."""

    count = 1

    def scope(self):
        """In which the model is built and compiled."""
        return contextlib.nullcontext()

    def train(self, model, inputs: dict) -> dict[str, float]:
        """One step -> the losses by name and, if the optimizer keeps it, gradient_norm. inputs: arrays or tensors by
        name."""
        losses = self._losses(model, model.train_on_batch(inputs, return_dict=True))
        norm = getattr(model.optimizer, "gradient_norm", None)
        return losses if norm is None else losses | {"gradient_norm": float(keras.ops.convert_to_numpy(norm))}

    def validate(self, model, inputs: dict) -> dict[str, float]:
        """The losses by name; nothing is trained."""
        return self._losses(model, model.test_on_batch(inputs, return_dict=True))

    def _losses(self, model, logs):
        losses = {name: float(value) for name, value in logs.items()}
        model.reset_metrics()
        return losses


class JaxDevices(OneDevice):
    """Experimental. keras.distribution.DataParallel: one program over all devices, the batch cut along its first axis.
    Sums and means run over the whole batch, so that the step is that of one device."""

    def __init__(self, count: int):
        devices = keras.distribution.list_devices()
        _check(count, len(devices), devices)
        self.count = count
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:count]))


class MirroredDevices(OneDevice):
    """Experimental. tf.distribute.MirroredStrategy: a copy of the network on each device; gradients are averaged over
    the copies.

    Each copy normalises by its own share of the batch, losses and batch statistics alike: for these the step equals
    that of one device only as far as the shares are alike.
    """

    def __init__(self, count: int):
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        _check(count, len(devices), [device.name for device in devices])
        self.count, self._tf = count, tf
        self.strategy = tf.distribute.MirroredStrategy([device.name for device in devices[:count]])
        self._optimizer, self._steps = None, {}

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
            return {name: self._tf.convert_to_tensor(x[i * share : (i + 1) * share]) for name, x in inputs.items()}

        parts = self.strategy.experimental_distribute_values_from_function(part)
        return self._losses(model, self._compiled(model, training)(parts))

    def _compiled(self, model, training):
        if model.optimizer is not self._optimizer:  # a new phase
            self._optimizer, self._steps = model.optimizer, {}
        if training not in self._steps:
            self._steps[training] = self._make_step(model, training)
        return self._steps[training]

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


def make_devices(count: int) -> OneDevice:
    """The devices of a run. InputError if there are fewer than asked for."""
    if count == 1:
        return OneDevice()
    return JaxDevices(count) if keras.backend.backend() == "jax" else MirroredDevices(count)


class ScalarWriter:
    """Writes scalars for TensorBoard, by TensorFlow whatever the backend. InputError where they are not installed."""

    def __init__(self, folder):
        try:
            import tensorboard  # noqa: F401  (TensorFlow asks for it only when it writes)
            import tensorflow as tf
        except ImportError as error:
            raise InputError(
                f"--tensorboard: expected TensorFlow and the package tensorboard ({error}); pip install them"
            ) from None
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
