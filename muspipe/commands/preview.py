"""`muspipe-train preview`: check a data set, draw one training batch, measure how fast batches come."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from muspipe.data.options import BatchOptions
from muspipe.errors import InputError
from muspipe.training.schedules import SCHEDULES
from simulator.shared import settings
from simulator.shared.files import atomic_path
from simulator.shared.settings import setting

OF_BATCH = ("snr_db", "seed")
"""BatchOptions that are arguments."""
SIZES = {task: schedules["paper"].batch_size for task, schedules in SCHEDULES.items()}
"""Batch sizes of Ali et al. 2020."""


@dataclass(frozen=True)
class PreviewOptions:
    """Arguments besides those of the batch."""

    task: str = setting("seg", "the network to train: seg (default) or twitch", choices=tuple(SCHEDULES))
    split: str = setting("train", "train (default), val or test")
    batch_size: int | None = setting(
        None,
        "examples a batch; default " + ", ".join(f"{size} for {task}" for task, size in SIZES.items()),
        least=1,
        most=10_000,
    )
    seconds: float = setting(5.0, "how long the input pipeline is timed", unit="s", above=0, most=3600, metavar="S")

    def __post_init__(self):
        settings.check(self)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("data", metavar="DATA", help="data set folder, made by `muspipe simulate`")
    parser.add_argument("--out", metavar="FILE.png", required=True, help="where to draw the batch")
    settings.add_arguments(parser, PreviewOptions)
    settings.add_arguments(parser, BatchOptions, OF_BATCH)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing picture")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    chosen = PreviewOptions(**settings.given(args, PreviewOptions))
    of_batch = settings.given(args, BatchOptions, OF_BATCH)
    path = Path(args.out)
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: expected a file ending in .png")
    if path.exists() and not args.overwrite:
        raise InputError(f"{path}: exists already; give --overwrite to replace it, or choose another name")

    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from muspipe.data import open_dataset
    from muspipe.figures.batches import draw_detection_batch, draw_twitch_batch
    from muspipe.training.tasks import TASKS

    task, draw = TASKS[chosen.task], {"seg": draw_detection_batch, "twitch": draw_twitch_batch}[chosen.task]
    source = open_dataset(args.data, chosen.split)
    options = BatchOptions(
        batch_size=chosen.batch_size or SIZES[chosen.task],
        max_units=max(30, int(source.n_units.max())),
        drop_last=False,
        **of_batch,
    )
    source.validate()
    print(f"{args.data}: {chosen.split} set, {len(source)} sequences, {source.n_units.sum()} motor units, undamaged")
    figure = draw(next(task.batches(source, options)), source.config)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=200)
    print(f"{path}: the first batch of epoch 0")
    loader, rate = _measure(source, options, task, chosen.seconds)
    print(f"input pipeline ({loader}): {rate:,.0f} {task.example}s/s in batches of {options.batch_size}")
    return 0


def _measure(source, options, task, seconds):
    """(loader's name, examples a second), the first batch left out; tf.data where TensorFlow is installed."""
    from muspipe.training.examples import Examples, FixedEpochs, TensorFlowExamples

    of_task = FixedEpochs(source).rows(task, options, 0)
    options = dataclasses.replace(options, batch_size=min(options.batch_size, len(of_task)), drop_last=True)
    try:
        name, examples = "tf.data", TensorFlowExamples(task, FixedEpochs(source), options)
    except ImportError:
        name, examples = "NumPy", Examples(task, FixedEpochs(source), options)
    batches = examples.stream(0, sys.maxsize, task.pixels, lambda truth, step: truth)
    next(batches)
    start, n_batches = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        n_batches += 1
    return name, n_batches * options.batch_size / (time.perf_counter() - start)
