"""`muspipe-train preview`: check a data set, draw one training batch, measure how fast batches come."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_BATCH = {"seg": 8, "twitch": 32}
"""Batch sizes of Ali et al. 2020."""
MEASURED_S = 5.0
"""How long the input pipeline is timed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("data", metavar="DATA", help="data set folder, made by `muspipe simulate`")
    parser.add_argument("--task", choices=tuple(DEFAULT_BATCH), default="seg", help="the network to train; default seg")
    parser.add_argument("--out", metavar="FILE.png", required=True, help="where to draw the batch")
    parser.add_argument("--split", default="train", help="train (default), val or test")
    parser.add_argument("--batch-size", type=int, metavar="N", help="default 8 for seg, 32 for twitch")
    parser.add_argument(
        "--snr-db", type=float, nargs="+", metavar="DB", help="white noise: one SNR, or LOW HIGH to draw from"
    )
    parser.add_argument("--seed", type=int, default=0, help="of order, flips and noise; default 0")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing picture")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from muspipe.data import BatchOptions, open_dataset
    from muspipe.data.loader import detection_batches, twitch_batches
    from muspipe.errors import InputError
    from muspipe.figures.batches import draw_detection_batch, draw_twitch_batch
    from simulator.shared.files import atomic_path

    path = Path(args.out)
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: expected a file ending in .png")
    if path.exists() and not args.overwrite:
        raise InputError(f"{path}: exists already; give --overwrite to replace it, or choose another name")
    source = open_dataset(args.data, args.split)
    options = BatchOptions(
        batch_size=DEFAULT_BATCH[args.task] if args.batch_size is None else args.batch_size,
        seed=args.seed,
        snr_db=_snr(args.snr_db),
        max_units=max(30, int(source.n_units.max())),
        drop_last=False,
    )
    source.validate()
    print(f"{args.data}: {args.split} set, {len(source)} sequences, {source.n_units.sum()} motor units, undamaged")
    batches, draw = (
        (detection_batches, draw_detection_batch) if args.task == "seg" else (twitch_batches, draw_twitch_batch)
    )
    figure = draw(next(batches(source, options)), source.config)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=200)
    print(f"{path}: the first batch of epoch 0")
    loader, rate = _measure(source, options, args.task)
    kind = "sequences" if args.task == "seg" else "crops"
    print(f"input pipeline ({loader}): {rate:,.0f} {kind}/s in batches of {options.batch_size}")
    return 0


def _snr(values):
    from muspipe.errors import InputError

    if values is None or len(values) == 1:
        return values[0] if values else None
    if len(values) > 2:
        raise InputError(f"--snr-db: expected one SNR or LOW HIGH, got {len(values)} values")
    return tuple(values)


def _measure(source, options, task):
    """(loader's name, examples a second), the first batch left out; tf.data where TensorFlow is installed."""
    import itertools
    import time

    from muspipe.data import loader

    try:
        from muspipe.data import tfdata
    except ImportError:
        name, make = "NumPy", loader.detection_batches if task == "seg" else loader.twitch_batches
        batches = itertools.chain.from_iterable(make(source, options, epoch) for epoch in itertools.count())
    else:
        name, make = "tf.data", tfdata.detection_dataset if task == "seg" else tfdata.twitch_dataset
        batches = iter(make(source, options, n_epochs=None))
    next(batches)
    start, n_examples = time.perf_counter(), 0
    for batch in batches:
        n_examples += len(next(iter(batch.values())))
        if time.perf_counter() - start > MEASURED_S:
            break
    return name, n_examples / (time.perf_counter() - start)
