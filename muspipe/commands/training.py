"""What `muspipe-train seg` and `muspipe-train twitch` share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from muspipe.errors import InputError
from muspipe.training.run_settings import TrainerOptions, TrainSettings
from simulator.shared import settings
from simulator.shared.settings import setting


@dataclass(frozen=True)
class Machine:
    """What is to be settled before Keras is loaded."""

    memory_gb: float | None = setting(
        None, "take at most this much of each GPU's memory", unit="GB", above=0, metavar="G"
    )

    def __post_init__(self):
        settings.check(self)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of both commands: all settings of a run, and what may differ each time."""
    parser.add_argument("--out", required=True, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out, with its own settings, and watched as before (--metrics-every, "
        "--tensorboard, --checkpoint-minutes) unless told otherwise; --steps MORE extends it",
    )
    source = parser.add_mutually_exclusive_group()
    settings.add_arguments(source, TrainSettings, ["data"])
    source.add_argument("--online", action="store_true", help="simulate fresh sequences for every batch")
    settings.add_arguments(parser, TrainSettings, settings.described(TrainSettings).keys() - {"data"})
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="options",
        help="change a setting of the preset, as gru=64 for twitch, or one of the above by its name, as val_every=50; "
        "may be repeated",
    )
    settings.add_arguments(parser, TrainerOptions)
    settings.add_arguments(parser, Machine)


def train(args: argparse.Namespace, task: str) -> int:
    """Exit code 0 also when time was up or the run was interrupted: `--resume` goes on."""
    chosen, options = _given(args, task), settings.given(args, TrainerOptions)
    TrainerOptions(**options)  # its complaints come before anything else
    machine = Machine(**settings.given(args, Machine))

    from muspipe.runtime import load_keras

    load_keras(machine.memory_gb)

    from muspipe.evaluation.watch import measure
    from muspipe.training.run_folder import RunFolder, new_run
    from muspipe.training.session import TrainingError
    from muspipe.training.trainer import Trainer

    folder = RunFolder(args.out)
    if args.resume:
        steps = chosen.pop("steps", None)
        _check_same(args.out, chosen, folder.read_plan().settings)
        if steps is not None:
            folder.extend(steps)
    else:
        if not args.online and args.data is None:
            raise InputError("expected --data DIR, a data set of `muspipe simulate`, or --online")
        new_run(args.out, TrainSettings(**chosen))
    trainer = None
    try:
        with _Bar(folder.read_plan().schedule.steps) as bar:
            options = TrainerOptions(**folder.watched(options))
            trainer = Trainer(args.out, options, progress=bar.update, measure=measure)
            summary = trainer.run()
    except Exception as error:
        begun = args.resume or isinstance(error, TrainingError) or (trainer is not None and trainer.state.step > 0)
        if not begun:
            folder.discard()
        raise
    _tell(summary, folder.weights)
    return 0


def _given(args, task):
    """{name: value} of the settings that were given."""
    values = {"task": task} | settings.given(args, TrainSettings)
    if args.online:
        values["data"] = None
    presets = settings.parse_assignments(args.options)
    for name, (hint, facts) in settings.described(TrainSettings).items():
        if name not in presets or name == "data" or not facts.argument:  # `data` is the preset's
            continue
        value = settings.checked(f"--set {name}", presets.pop(name), hint, facts)
        if values.setdefault(name, value) != value:
            raise InputError(f"--set {name}: --{name.replace('_', '-')} says {values[name]!r}, got {value!r}")
    return values | ({"options": presets} if presets else {})


def _check_same(out, given, of_run):
    """InputError if settings were given that the run to be resumed does not have."""
    pairs = {name: (getattr(of_run, name), value) for name, value in given.items() if name != "options"}
    pairs |= {f"set {name}": (of_run.options.get(name), value) for name, value in given.get("options", {}).items()}
    for name, (before, now) in pairs.items():
        if before != now:
            raise InputError(
                f"--resume: the run in {out} has {name.replace('_', '-')} {before!r}, got {now!r}; leave the option "
                "out, or start another run"
            )


def _tell(summary: dict, weights: Path):
    for path in summary["damaged_checkpoints"]:
        print(f"{path}: was damaged, the checkpoint before it was used")
    print(f"{summary['reason']} at step {summary['step']} of {summary['of']}, {summary['hours']:.2f} h in all")
    best = summary["best"]
    if best:
        print(f"phase {best['phase']}: lowest validation loss {best['val_loss']:.4g}, step {best['step']}: {weights}")
    print("peak memory " + ", ".join(f"{name} {gb:.2f} GB" for name, gb in summary["peak_memory_gb"].items()))


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
