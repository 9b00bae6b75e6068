"""The folder of a run and all the files in it; it explains itself, and the run can be taken up again from it.

config.json       settings, preset, schedule, versions: as they were when the run began; when it was extended; how it
                  is watched
history.csv, loss.png
best.weights.h5   what methods take of a run folder: the weights with the lowest validation loss of the last phase that
                  was validated. Phases differ in noise, so that their losses are not compared
best-PHASE.weights.h5, phase-PHASE.weights.h5
                  of each phase: those of its lowest validation loss, and those at its end
last.weights.h5   those at the last stop, whatever the reason
checkpoints/      all that is needed to go on
tensorboard/      where TensorBoard was asked for
summary.json      how it ended: steps, hours, losses, memory
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import muspipe
from muspipe.errors import InputError
from muspipe.models.base import Preset
from muspipe.models.presets import read_preset
from muspipe.training.run_settings import TrainSettings
from muspipe.training.schedules import Schedule
from muspipe.training.start import check_start, starting_preset
from simulator.shared.files import atomic_path

WATCHING = ("metrics_every", "tensorboard", "checkpoint_minutes")
"""Of TrainerOptions, those that a run keeps when it is taken up again."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do, whatever the preset and schedule of these names are now."""

    settings: TrainSettings
    preset: Preset
    schedule: Schedule
    versions: dict[str, str]
    """Of what decides about the numbers, when the run began."""
    start: dict | None = None
    """What it started from, as `starting_preset` tells; None: not known, the run is an older one."""


class RunFolder:
    """The paths of a run's files, and how those are written and read that no other module knows better."""

    def __init__(self, path):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.picture = self.path / "loss.png"
        self.weights = self.path / "best.weights.h5"
        self.last = self.path / "last.weights.h5"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.summary = self.path / "summary.json"

    def __str__(self):
        return str(self.path)

    def best_of(self, phase: str) -> Path:
        """The weights of a phase's lowest validation loss."""
        return self.path / f"best-{phase}.weights.h5"

    def end_of(self, phase: str) -> Path:
        """The weights at a phase's end."""
        return self.path / f"phase-{phase}.weights.h5"

    def read_plan(self) -> Plan:
        """The plan in config.json. InputError if there is none or it is damaged."""
        config = self._read(self.config)
        try:
            return Plan(
                TrainSettings(**config["settings"]),
                read_preset(config["preset"]),
                Schedule(**config["schedule"]),
                config["versions"],
                config.get("start"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.config}: damaged ({error})") from error

    def read_summary(self) -> dict:
        """summary.json. InputError if the run has not ended yet."""
        return self._read(self.summary)

    def write_summary(self, summary: dict) -> None:
        """Replace summary.json."""
        write_json(self.summary, summary)

    def extend(self, steps: int) -> None:
        """Give the last phase of the plan the steps that bring the run to `steps`; config.json keeps a record.
        InputError for fewer than it has, or if it stopped early."""
        schedule, config = self.read_plan().schedule, self._read(self.config)
        if steps < schedule.steps:
            raise InputError(
                f"--resume --steps: expected at least {schedule.steps}, the run's steps, got {steps}: leave --steps "
                "out to go on as planned, or give more to extend the run"
            )
        if steps == schedule.steps:
            return
        if self.summary.exists() and self.read_summary()["reason"] == "early stopping":
            raise InputError(
                f"--resume --steps: {self} stopped early, for want of a better loss and not of steps; start another "
                f"run with --weights {self}"
            )
        config["settings"]["steps"] = steps
        config["schedule"]["phases"][-1]["steps"] += steps - schedule.steps
        record = {"from_steps": schedule.steps, "to_steps": steps, "versions": versions()}
        config["extended"] = [*config.get("extended", []), record]
        write_json(self.config, config)

    def watched(self, options: dict) -> dict:
        """The options, {name: value} of TrainerOptions, with those of WATCHING that are not given as they were the last
        time; config.json keeps them for the next. InputError if they are damaged there."""
        config = self._read(self.config)
        before = config.get("watched", {})
        if not isinstance(before, dict) or not before.keys() <= set(WATCHING):
            known = ", ".join(WATCHING)
            raise InputError(f"{self.config}: damaged (watched: expected some of {known}, got {before!r})")
        now = before | {name: value for name, value in options.items() if name in WATCHING}
        if now != before:
            write_json(self.config, config | {"watched": now})
        return options | now

    def discard(self) -> None:
        """Take away what `new_run` made, of a run that could not begin."""
        for path in (self.config, self.history):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.tensorboard, ignore_errors=True)
        with contextlib.suppress(OSError):  # something else is in it
            self.path.rmdir()

    def _read(self, path):
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{self.path}: expected the folder of a run, but there is no {path.name}") from None
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: damaged ({error})") from error


def new_run(path, settings: TrainSettings, *, schedule: Schedule | None = None) -> RunFolder:
    """Make the folder of a run and its config.json. schedule: in place of the one that the settings name. InputError if
    the folder holds anything, or for settings that cannot be had."""
    folder = RunFolder(path)
    if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise InputError(f"{folder}: exists already; give --resume to go on with it, or choose another folder")
    schedule = settings.full_schedule(schedule)
    check_start(settings, schedule)
    preset, start = starting_preset(settings)
    config = {
        "settings": dataclasses.asdict(settings),
        "preset": preset.to_dict(),
        "schedule": dataclasses.asdict(schedule),
        "start": start,
        "versions": versions(),
    }
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.config, config)
    return folder


def versions() -> dict[str, str]:
    """Of what decides about the numbers."""
    import keras
    import numpy as np

    found = {"muspipe": muspipe.__version__, "keras": keras.__version__, "numpy": np.__version__}
    backend = keras.backend.backend()
    module = __import__(backend)
    return found | {"backend": backend, backend: module.__version__, "python": platform.python_version()}


def write_json(path: Path, values: dict) -> None:
    """Values as JSON, the file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
