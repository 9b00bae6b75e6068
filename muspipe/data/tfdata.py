"""The batches of loader.py as a tf.data pipeline, step after step. Nothing else in the input needs TensorFlow.

Records come from Python, a few hundred kB an example; their pixels, 6.6 MB a sequence, are made by TensorFlow where the
network runs and never pass through NumPy: by tf.data's threads on a CPU, by the accelerator where there is one.
B examples a batch, H x W px, T frames.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from muspipe.data.stacks import makings_of


def stream(
    make: Callable[[int], tuple[list[dict], dict]], bank, name: str, first: int, end: int, device: str | None = None
) -> Iterator[dict[str, tf.Tensor]]:
    """The batch of each step from `first` to `end`, made some steps ahead: its pixels, (B, H, W, T, 1), by this name,
    and what else there is.

    make: step -> (records of the batch, the rest as NumPy arrays); what it raises is raised here. bank: the records'
    NoiseBank, None without noise. device: that makes the pixels, as "GPU:0"; None: tf.data's threads.
    """
    if first >= end:
        return
    call, values = _Call(make, first), None if bank is None else _bank_values(bank, device)
    batches = tf.data.Dataset.range(first, end).map(call, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if device is None:

        def with_pixels(makings, rest):
            return pixels(makings, values), rest

        batches = batches.map(with_pixels, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)
    else:
        batches = batches.apply(tf.data.experimental.prefetch_to_device(f"/{device}", 2))
    try:
        for images, rest in batches:
            if device is not None:
                with tf.device(device):
                    images = _pixels_at_once(images, values)
            yield {name: images} | rest
    except tf.errors.OpError:
        if call.error is None:
            raise
        raise call.error from None


def accelerator() -> str | None:
    """The first GPU, None where there is none: the device that makes pixels fastest."""
    found = tf.config.list_logical_devices("GPU")
    return f"GPU:{found[0].name.rsplit(':', 1)[-1]}" if found else None


def pixels(makings: dict, bank_values) -> tf.Tensor:
    """Images, or crops, (B, H, W, T, 1) of stacked records (stacks.makings_of): rendered, with noise, standardised.

    bank_values: a float32 vector, or None: no noise.
    """

    def example(record):
        images = render(record["maps"], record["signals"])
        return standardise(add_noise(images, bank_values, record), record)[..., None]

    height_px, width_px, n_frames = *makings["maps"].shape[2:], makings["signals"].shape[2]
    spec = tf.TensorSpec((height_px, width_px, n_frames, 1), tf.float32)
    return tf.map_fn(example, makings, fn_output_signature=spec)


def render(maps, signals):
    """Velocity images (H, W, T) from maps (C, H, W) and signals (C, T), float32."""
    height_px, width_px, n_frames = maps.shape[1], maps.shape[2], signals.shape[1]
    flat = tf.matmul(tf.reshape(maps, (-1, height_px * width_px)), signals, transpose_a=True)
    return tf.reshape(flat, (height_px, width_px, n_frames))


def add_noise(images, bank_values, record):
    """Add the record's cut of the noise bank (a float32 vector, or None: no noise) to its images."""
    if bank_values is None:
        return images

    def white():
        cut = bank_values[record["noise_offset"] : record["noise_offset"] + tf.size(images, tf.int64)]
        return record["noise_sd"] * tf.reshape(cut, tf.shape(images))

    if "noise_shaped" not in record:
        return images + white()
    return images + tf.cond(record["noise_shaped"], lambda: _shaped_noise(record, bank_values, images.shape[2]), white)


def _shaped_noise(record, bank_values, n_frames):
    """As loader's: smoothed over rows and columns, differenced in time, uneven over the image."""
    rows, columns = record["noise_rows"], record["noise_columns"]
    height, width = rows.shape[1], columns.shape[1]
    cut = bank_values[record["noise_offset"] : record["noise_offset"] + height * width * (n_frames + 1)]
    noise = rows @ tf.reshape(cut, (height, -1))
    noise = columns @ tf.reshape(noise, (-1, width, n_frames + 1))
    noise = noise[:, :, 1:] - record["noise_lag"] * noise[:, :, :-1]
    return noise * record["noise_map"][:, :, None]


def standardise(images, record):
    """A sequence by its own moments, a constant one becomes zero; a crop by those of its sequence, which come with
    it."""
    if "inside" in record:
        return (images - record["sequence_mean"]) * (record["inside"] / record["sequence_sd"])[..., None]
    images -= tf.reduce_mean(images)
    power = 2 * tf.nn.l2_loss(images) / tf.cast(tf.size(images), tf.float32)  # the mean of squares, in one pass
    return images * tf.math.divide_no_nan(1.0, tf.sqrt(power))


_pixels_at_once = tf.function(pixels, reduce_retracing=True)
"""Traced once a process, however many streams there are."""


@functools.lru_cache(maxsize=4)
def _bank_values(bank, device):
    """Of a NoiseBank, where they are needed; kept, as each phase and each validation streams anew."""
    with tf.device(device or "CPU:0"):
        return tf.constant(bank.values)


class _Call:
    """make(step) as a function of TensorFlow; what it raised last is kept. The batch of step `first` tells what all
    batches hold; they differ in the number of components."""

    def __init__(self, make, first):
        self.make, self.error = make, None
        makings, rest = self._arrays(first)
        self._specs = [
            {name: tf.TensorSpec(self._shape(name, array), array.dtype) for name, array in arrays.items()}
            for arrays in (makings, rest)
        ]

    def __call__(self, step):
        flat_specs = [spec for specs in self._specs for spec in specs.values()]
        tensors = iter(tf.numpy_function(self._flat, [step], [spec.dtype for spec in flat_specs]))
        return tuple(
            {name: tf.ensure_shape(next(tensors), spec.shape) for name, spec in specs.items()} for specs in self._specs
        )

    def _flat(self, step):
        try:
            arrays = self._arrays(int(step))
        except Exception as error:
            self.error = error
            raise
        return [own[name] for own, specs in zip(arrays, self._specs, strict=True) for name in specs]

    def _arrays(self, step):
        records, rest = self.make(step)
        return makings_of(records), {name: np.asarray(array) for name, array in rest.items()}

    @staticmethod
    def _shape(name, array):
        return (len(array), None, *array.shape[2:]) if name in ("maps", "signals") else array.shape
