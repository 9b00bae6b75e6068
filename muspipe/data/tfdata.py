"""The batches of loader.py as tf.data pipelines. Nothing else in the input needs TensorFlow.

Records come from Python, a few hundred kB each; rendering, noise and standardising run in TensorFlow's threads.
B examples a batch, H x W px, T frames, M = options.max_units, S = options.crop_px.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from muspipe.data.options import BatchOptions
from muspipe.data.records import RecordMaker
from muspipe.data.sources import crop_order, epoch_order


def detection_dataset(
    source, options: BatchOptions, first_epoch: int = 0, n_epochs: int | None = 1, first_batch: int = 0
) -> tf.data.Dataset:
    """Batches as in loader.detection_batches, for `n_epochs` epochs from `first_epoch` (None: without end).

    The first epoch begins with its batch `first_batch`; those before it are not made.
    """
    maker = RecordMaker(source, options)
    bank = _bank_tensor(maker)
    config, rows = source.config, options.max_units
    height_px, width_px = config.image_shape
    specs = {
        "maps": tf.TensorSpec((None, height_px, width_px), tf.float32),
        "signals": tf.TensorSpec((None, config.n_frames), tf.float32),
        "noise_offset": tf.TensorSpec((), tf.int64),
        "noise_sd": tf.TensorSpec((), tf.float32),
        "boxes": tf.TensorSpec((rows, 4), tf.float32),
        "masks": tf.TensorSpec((rows, height_px, width_px), tf.bool),
        "class_ids": tf.TensorSpec((rows,), tf.int32),
    }

    def order(epoch):
        return epoch_order(len(source), options.seed, int(epoch), options.shuffle)[:, None]

    def example(epoch, row):
        record = _call(maker.detection, specs, epoch, row[0])
        images = standardise(add_noise(render(record["maps"], record["signals"]), bank, record))
        return {"images": images[..., None]} | {name: record[name] for name in ("boxes", "masks", "class_ids")}

    return _epochs(order, 1, example, options, len(source), (first_epoch, first_batch), n_epochs)


def twitch_dataset(
    source, options: BatchOptions, first_epoch: int = 0, n_epochs: int | None = 1, first_batch: int = 0
) -> tf.data.Dataset:
    """Batches as in loader.twitch_batches; the epochs are chosen as in `detection_dataset`."""
    maker = RecordMaker(source, options)
    bank = _bank_tensor(maker)
    size, n_frames = options.crop_px, source.config.n_frames
    n_units = source.n_units
    specs = {
        "maps": tf.TensorSpec((None, size, size), tf.float32),
        "signals": tf.TensorSpec((None, n_frames), tf.float32),
        "noise_offset": tf.TensorSpec((), tf.int64),
        "noise_sd": tf.TensorSpec((), tf.float32),
        "sequence_mean": tf.TensorSpec((), tf.float32),
        "sequence_sd": tf.TensorSpec((), tf.float32),
        "inside": tf.TensorSpec((size, size), tf.float32),
        "mask": tf.TensorSpec((size, size), tf.bool),
        "train": tf.TensorSpec((n_frames,), tf.float32),
        "amplitude": tf.TensorSpec((), tf.float32),
    }
    if options.refit:
        specs["signal"] = tf.TensorSpec((n_frames,), tf.float32)

    def order(epoch):
        return crop_order(n_units, options.seed, int(epoch), options.shuffle, options.shuffle_block)

    def example(epoch, row):
        record = _call(maker.twitch, specs, epoch, row[0], row[1], row[2])
        crop = add_noise(render(record["maps"], record["signals"]), bank, record) - record["sequence_mean"]
        crop *= (record["inside"] / record["sequence_sd"])[..., None]
        return {
            "crops": crop[..., None],
            "masks": record["mask"],
            "trains": record["train"],
            "amplitudes": record["amplitude"],
            "scales": record["sequence_sd"],
        } | ({"signals": record["signal"]} if options.refit else {})

    return _epochs(order, 3, example, options, int(n_units.sum()), (first_epoch, first_batch), n_epochs)


def render(maps, signals):
    """Velocity images (H, W, T) from maps (C, H, W) and signals (C, T), float32."""
    height_px, width_px, n_frames = maps.shape[1], maps.shape[2], signals.shape[1]
    flat = tf.matmul(tf.reshape(maps, (-1, height_px * width_px)), signals, transpose_a=True)
    return tf.reshape(flat, (height_px, width_px, n_frames))


def add_noise(images, bank, record):
    """Add the record's cut of the noise bank (a float32 vector, or None: no noise) to its images."""
    if bank is None:
        return images
    cut = bank[record["noise_offset"] : record["noise_offset"] + tf.size(images, tf.int64)]
    return images + record["noise_sd"] * tf.reshape(cut, tf.shape(images))


def standardise(images):
    """Zero mean and unit SD over one whole sequence; a constant one becomes zero."""
    images -= tf.reduce_mean(images)
    return tf.math.divide_no_nan(images, tf.sqrt(tf.reduce_mean(tf.square(images))))


def _bank_tensor(maker):
    if maker.bank is None:
        return None
    with tf.device("CPU:0"):  # where tf.data runs
        return tf.constant(maker.bank.values)


def _call(method, specs, *arguments):
    """Record of `method(*arguments)`, a dictionary of NumPy arrays, as tensors of these specs."""

    def flat(*numbers):
        record = method(*(int(number) for number in numbers))
        return [np.asarray(record[name], spec.dtype.as_numpy_dtype) for name, spec in specs.items()]

    tensors = tf.numpy_function(flat, arguments, [spec.dtype for spec in specs.values()])
    return {name: tf.ensure_shape(x, spec.shape) for x, (name, spec) in zip(tensors, specs.items(), strict=True)}


def _epochs(order, n_columns, example, options, n_examples, first, n_epochs):
    """Epoch after epoch: order(epoch) gives rows (N, n_columns), example(epoch, row) the example of each.

    first: (epoch, batch) to begin with.
    """
    first_epoch, first_batch = first

    def of_epoch(epoch):
        rows = tf.ensure_shape(tf.numpy_function(order, [epoch], tf.int64), (None, n_columns))
        rows = rows[tf.where(epoch == first_epoch, first_batch * options.batch_size, 0) :]
        examples = tf.data.Dataset.from_tensor_slices(rows).map(
            lambda row: example(epoch, row), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        return examples.batch(options.batch_size, drop_remainder=options.drop_last)

    if n_epochs is None:
        epochs = tf.data.Dataset.counter(first_epoch)
        n_batches = tf.data.INFINITE_CARDINALITY
    else:
        epochs = tf.data.Dataset.range(first_epoch, first_epoch + n_epochs)
        n_batches = n_epochs * options.n_batches(n_examples) - first_batch
    batches = epochs.flat_map(of_epoch).apply(tf.data.experimental.assert_cardinality(n_batches))
    return batches.prefetch(tf.data.AUTOTUNE)
