"""What `muspipe-train seg` and `muspipe-train twitch` share."""

from __future__ import annotations

import argparse

GIVEN = (
    "preset",
    "schedule",
    "steps",
    "batch_size",
    "data",
    "scenario",
    "snr_db",
    "clean_share",
    "seed",
    "precision",
    "weights",
    "val_batches",
    "val_every",
    "patience",
    "n_units",
)
"""Arguments that are settings of the run; None: not given."""


def add_training_arguments(parser: argparse.ArgumentParser, task: str) -> None:
    """Arguments of both commands."""
    add = parser.add_argument
    add("--out", required=True, metavar="RUN", help="folder of the run")
    add("--resume", action="store_true", help="go on with the run in --out, with its own settings")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="DIR", help="data set made by `muspipe simulate`")
    source.add_argument("--online", action="store_true", help="simulate fresh sequences for every batch")
    add("--scenario", metavar="NAME", help="paper (default) or physiological; online also both")
    add("--preset", metavar="NAME", help=f"paper, compact (default), {'refit' if task == 'twitch' else 'centre'}")
    add("--schedule", metavar="NAME", help="paper (phases of the paper) or short (default: Adam, warm-up, cosine)")
    add(
        "--steps",
        type=int,
        metavar="N",
        help="of the whole schedule, whose phases are scaled in proportion: as many as your time has, at "
        "the bar's rate after the first minute",
    )
    add("--batch-size", type=int, metavar="N", help="default: the schedule's (8 for seg, 32 for twitch)")
    add("--snr-db", type=float, nargs="+", metavar="DB", help="noise: one SNR, or LOW HIGH; default: as the schedule")
    add("--clean-share", type=float, metavar="P", help="share of the examples without noise, with --snr-db")
    add("--n-units", type=int, nargs=2, metavar=("LOW", "HIGH"), help="motor units of online sequences; default 5 30")
    weights = "initial weights: of another run" + (", or mask_rcnn_coco.h5" if task == "seg" else "")
    add("--weights", metavar="FILE", help=weights)
    add("--seed", type=int, metavar="N", help="of weights, data, order and noise; default 0")
    add("--precision", metavar="NAME", help="float32 (default) or mixed_bfloat16")
    add("--val-batches", type=int, metavar="N", help="validation batches each time; default 10")
    add("--val-every", type=int, metavar="N", help="steps between validations; default 100")
    add(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N validations without a better loss; default: as the schedule",
    )
    add("--max-minutes", type=float, metavar="M", help="stop after this time with a checkpoint; --resume goes on")
    add("--devices", type=int, default=1, metavar="N", help="GPUs (or CPU devices) to share each batch; default 1")
    add("--memory-gb", type=float, metavar="G", help="take at most this much of each GPU's memory")
    add("--tensorboard", action="store_true", help="write scalars for TensorBoard, too")


def train(args: argparse.Namespace, task: str) -> int:
    """Exit code 0 also when time was up or the run was interrupted: `--resume` goes on."""
    from pathlib import Path

    from muspipe.runtime import load_keras

    load_keras(_positive(args.memory_gb, "memory-gb"))

    from muspipe.training.trainer import Trainer, discard, new_run, read_run

    if args.resume:
        _same(args, task, read_run(args.out)[0])
    else:
        new_run(args.out, _new_settings(args, task))
    trainer = None
    try:
        with _Bar(read_run(args.out)[2].steps) as bar:
            trainer = Trainer(
                args.out,
                devices=args.devices,
                max_minutes=args.max_minutes,
                progress=bar.update,
                tensorboard=args.tensorboard,
            )
            summary = trainer.run()
    except Exception:
        if not args.resume and (trainer is None or trainer.step == 0):
            discard(args.out)
        raise
    for path in summary["damaged_checkpoints"]:
        print(f"{path}: was damaged, the checkpoint before it was used")
    best = summary["best"]
    print(f"{summary['reason']} at step {summary['step']} of {summary['of']}, {summary['hours']:.2f} h in all")
    if best:
        print(
            f"lowest validation loss {best['val_loss']:.4g}, step {best['step']}: {Path(args.out) / 'best.weights.h5'}"
        )
    print("peak memory " + ", ".join(f"{name} {gb:.2f} GB" for name, gb in summary["peak_memory_gb"].items()))
    return 0


def _positive(value, name):
    if value is not None and not value > 0:
        from muspipe.errors import InputError  # here, as the package behind it imports NumPy

        raise InputError(f"--{name}: expected a number above 0, got {value}")
    return value


def _given(args):
    values = {name: getattr(args, name) for name in GIVEN if getattr(args, name) is not None}
    if "snr_db" in values:
        from muspipe.errors import InputError

        if len(values["snr_db"]) > 2:
            raise InputError(f"--snr-db: expected one SNR or LOW HIGH, got {len(values['snr_db'])} values")
        values["snr_db"] = tuple(values["snr_db"]) if len(values["snr_db"]) == 2 else values["snr_db"][0]
    if "n_units" in values:
        values["n_units"] = tuple(values["n_units"])
    return values


def _new_settings(args, task):
    from muspipe.errors import InputError
    from muspipe.training.settings import TrainSettings

    if not args.online and args.data is None:
        raise InputError("expected --data DIR, a data set of `muspipe simulate`, or --online")
    return TrainSettings(task=task, **_given(args))


def _same(args, task, settings):
    """The settings of the run that is resumed. InputError if others were given."""
    from muspipe.errors import InputError

    given = {"task": task, **_given(args), **({"data": None} if args.online else {})}
    for name, value in given.items():
        if getattr(settings, name) != value:
            raise InputError(
                f"--resume: the run in {args.out} has {name.replace('_', '-')} {getattr(settings, name)!r}, got "
                f"{value!r}; leave the option out, or start another run"
            )
    return settings


class _Bar:
    """Progress bar with loss and examples a second."""

    def __init__(self, steps):
        from tqdm import tqdm

        self.bar = tqdm(total=steps, unit="step", disable=None, smoothing=0.05)
        self.mean = self.rate = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def update(self, step, steps, losses, rate):
        """After each step."""
        self.mean = losses["loss"] if self.mean is None else 0.98 * self.mean + 0.02 * losses["loss"]
        self.rate = rate if self.rate is None else 0.95 * self.rate + 0.05 * rate
        if step > self.bar.n + 1:
            self.bar.initial = self.bar.last_print_n = self.bar.n = step - 1  # resumed: the rate is this process's
        self.bar.update(step - self.bar.n)
        self.bar.set_postfix_str(f"loss {self.mean:.4g}, {self.rate:.3g} examples/s", refresh=False)
