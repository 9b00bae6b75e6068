"""What differs between the trainings of the two kinds of network, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muspipe.data import loader
from muspipe.data.sources import crop_order, epoch_order


@dataclass(frozen=True)
class Task:
    """A kind of network, and what an epoch of its examples is. source: see muspipe.data.sources; options:
    BatchOptions; rows: the examples by index."""

    name: str
    example: str
    """What an example is called."""
    online_sequences: int
    """Sequences of an online epoch."""
    examples_a_sequence: int
    """Examples of an online epoch for each of its sequences, on average."""
    order: Callable
    """(source, options, epoch) -> rows of the epoch."""
    records: Callable
    """(RecordMaker, epoch, rows) -> records of these rows."""
    pixels: str
    """What the images of a batch are called."""
    batches: Callable[..., Iterator]
    """(source, options, epoch) -> batches of a whole epoch, in NumPy."""
    measures: tuple[str, ...]
    """What may be measured of it while it trains, besides its losses: see muspipe.evaluation.watch."""


def _sequence_order(source, options, epoch):
    return epoch_order(len(source), options.seed, epoch, options.shuffle)


def _crop_order(source, options, epoch):
    return crop_order(source.n_units, options.seed, epoch, options.shuffle, options.shuffle_block)


SEG = Task(
    name="seg",
    example="sequence",
    online_sequences=256,
    examples_a_sequence=1,
    order=_sequence_order,
    records=loader.detection_records,
    pixels="images",
    batches=loader.detection_batches,
    measures=("recall", "precision", "pixel_recall", "pixel_precision"),
)
TWITCH = Task(
    name="twitch",
    example="crop",
    online_sequences=64,
    examples_a_sequence=16,  # one for each unit of a sequence; they have 17.5 on average
    order=_crop_order,
    records=loader.twitch_records,
    pixels="crops",
    batches=loader.twitch_batches,
    measures=("roa",),
)
TASKS = {task.name: task for task in (SEG, TWITCH)}
