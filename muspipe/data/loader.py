"""Batches in NumPy, equal to those of tfdata.py: for backends other than TensorFlow, for figures and for tests.

B examples a batch, H x W px, T frames, M = options.max_units, S = options.crop_px.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from muspipe.data.options import BatchOptions
from muspipe.data.pixels import standardise
from muspipe.data.records import RecordMaker
from muspipe.data.sources import crop_order, epoch_order
from muspipe.data.stacks import truth_of


def detection_batches(source, options: BatchOptions, epoch: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """One epoch of sequences with their truth, in batches as `detection_batch` makes them."""
    maker = RecordMaker(source, options)
    for indices in _cut(epoch_order(len(source), options.seed, epoch, options.shuffle), options):
        yield detection_batch(maker, epoch, indices)


def detection_batch(maker: RecordMaker, epoch: int, indices) -> dict[str, np.ndarray]:
    """The batch of the sequences `indices` (B,), with the flips and noise they have in this epoch.

    images float32 (B, H, W, T, 1), standardised; boxes float32 (B, M, 4) (y1, x1, y2, x2) [px], y2 and x2 one past the
    last pixel; masks bool (B, M, H, W); class_ids int32 (B, M), 1 motor unit, 0 padding.
    """
    records = detection_records(maker, epoch, indices)
    return {"images": pixels(records, maker.bank)} | truth_of(records)


def detection_records(maker: RecordMaker, epoch: int, indices) -> list[dict]:
    """The records of such a batch."""
    return [maker.detection(epoch, int(index)) for index in indices]


def twitch_batches(source, options: BatchOptions, epoch: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """One epoch of crops, one around each motor unit of each sequence, in batches as `twitch_batch` makes them."""
    maker = RecordMaker(source, options)
    order = crop_order(source.n_units, options.seed, epoch, options.shuffle, options.shuffle_block)
    for rows in _cut(order, options):
        yield twitch_batch(maker, epoch, rows)


def twitch_batch(maker: RecordMaker, epoch: int, rows) -> dict[str, np.ndarray]:
    """The batch of the crops `rows` (B, 3), (sequence, unit, index), with the flips and noise of this epoch.

    crops float32 (B, S, S, T, 1), cut from the standardised sequence, 0 outside the image; masks bool (B, S, S), the
    unit's territory; trains float32 (B, T), its twitch train in standardised velocity; amplitudes float32 (B,), the
    train's largest magnitude; scales float32 (B,), the velocity that becomes 1 when standardised. With options.refit
    also signals float32 (B, T), the least-squares estimates of the trains.
    """
    records = twitch_records(maker, epoch, rows)
    return {"crops": pixels(records, maker.bank)} | truth_of(records)


def twitch_records(maker: RecordMaker, epoch: int, rows) -> list[dict]:
    """The records of such a batch."""
    return [maker.twitch(epoch, *map(int, row)) for row in rows]


def pixels(records: list[dict], bank) -> np.ndarray:
    """Images, or crops, of records: rendered, with noise, standardised, float32 (B, H, W, T, 1)."""
    n_frames = records[0]["signals"].shape[1]
    out = np.empty((len(records), *records[0]["maps"].shape[1:], n_frames, 1), np.float32)
    for record, images in zip(records, out[..., 0], strict=True):
        _render(record, images)
        _add_noise(record, bank, images)
        _standardise(record, images)
    return out


def _cut(order, options):
    for batch in range(options.n_batches(len(order))):
        yield order[batch * options.batch_size : (batch + 1) * options.batch_size]


def _render(record, out):
    """The pixels of a record without noise, into `out` (H, W, T)."""
    maps, signals = record["maps"], record["signals"]
    np.matmul(maps.reshape(len(maps), np.prod(maps.shape[1:])).T, signals, out=out.reshape(-1, signals.shape[1]))


def _add_noise(record, bank, out):
    if bank is None:
        return
    if record.get("noise_shaped"):
        out += _shaped_noise(record, bank, out.shape)
    else:
        bank.add(out, int(record["noise_offset"]), record["noise_sd"])


def _shaped_noise(record, bank, shape):
    """The record's cut of the bank, smoothed over rows and columns, differenced in time, uneven over the image."""
    rows, columns, start = record["noise_rows"], record["noise_columns"], int(record["noise_offset"])
    white_shape = rows.shape[1], columns.shape[1], shape[2] + 1
    white = bank.values[start : start + np.prod(white_shape)].reshape(white_shape[0], -1)
    noise = columns @ (rows @ white).reshape(shape[0], *white_shape[1:])
    noise = noise[:, :, 1:] - record["noise_lag"] * noise[:, :, :-1]
    noise *= record["noise_map"][:, :, None]
    return noise


def _standardise(record, out):
    """A sequence by its own moments; a crop by those of its sequence, which come with it."""
    if "inside" not in record:
        standardise(out)
        return
    out -= record["sequence_mean"]
    out *= (record["inside"] / record["sequence_sd"])[..., None]
