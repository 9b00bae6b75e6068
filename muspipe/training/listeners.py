"""What happens besides the steps: weights, history, picture, TensorBoard, progress, checkpoints."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from keras import ops

from muspipe.models import weight_files
from muspipe.training import checkpoints
from muspipe.training.devices import ScalarWriter
from muspipe.training.history import History
from muspipe.training.loop import Listener, RunState
from muspipe.training.run_folder import RunFolder
from muspipe.training.schedules import Schedule
from muspipe.training.session import TrainingError
from simulator.shared.files import atomic_path

DRAWING_SHARE = 0.02
"""Of the time of a run that may go into drawing loss.png."""

WRITING_SHARE = 0.05
"""Of the time of a run that may go into checkpoints."""


class Weights(Listener):
    """best.weights.h5, and those of phases and of the last stop. facts: plain values to keep in them besides phase,
    step, hours and losses."""

    def __init__(self, folder: RunFolder, model, schedule: Schedule, facts: dict):
        self.folder, self.model, self.schedule, self.facts = folder, model, schedule, facts

    def validated(self, state, best):
        if best:
            path = self.folder.best_of(state.best["phase"])
            self._save(state, path)
            same_file(path, self.folder.weights)

    def phase_ended(self, state, name):
        self._save(state, self.folder.end_of(name))

    def ended(self, state):
        self._save(state, self.folder.last)

    def _save(self, state, path):
        course = {"phase": self.schedule.at(max(0, state.step - 1))[0].name, "step": state.step}
        course |= {"hours": round(state.seconds / 3600, 3), "val": state.val, "val_step": state.val_step}
        try:
            weight_files.save(self.model, path, course | self.facts)
        except ValueError as error:
            raise TrainingError(f"{error}; the checkpoint before step {state.step} is whole") from error


def same_file(path: Path, name: Path) -> None:
    """Let a file be found by another name, too, in place of what was there: without a copy where the disk can."""
    with atomic_path(name) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)


class HistoryRows(Listener):
    """history.csv."""

    def __init__(self, history: History, model):
        self.history, self.model = history, model

    def row(self, state, losses):
        self.history.add({"step": state.step, "hours": state.seconds / 3600} | _scalars(state, losses, self.model))


def _scalars(state, losses, model):
    """{name: number} of a row: losses, those of the last validation, what else was measured, the rate of learning."""
    rate = float(ops.convert_to_numpy(model.optimizer.learning_rate))
    return losses | state.val | state.measured | {"learning_rate": rate}


class Picture(Listener):
    """loss.png: drawn at the end, and before as often as its share of the time allows."""

    def __init__(self, history: History, folder: RunFolder):
        self.history, self.path = history, folder.picture
        self.drawn, self.took_s = -math.inf, 0.0

    def row(self, state, losses):
        if time.monotonic() - self.drawn > self.took_s / DRAWING_SHARE:
            self._draw()

    def ended(self, state):
        self._draw()

    def _draw(self):
        began = time.monotonic()
        self.history.draw(self.path)
        self.drawn = time.monotonic()
        self.took_s = self.drawn - began


class TensorBoard(Listener):
    """The rows of the history as scalars for TensorBoard."""

    def __init__(self, writer: ScalarWriter, model):
        self.writer, self.model = writer, model

    def row(self, state, losses):
        scalars = _scalars(state, losses, self.model)
        self.writer.write(state.step, {name: value for name, value in scalars.items() if math.isfinite(value)})


class Progress(Listener):
    """Calls a function after every step with (step, of steps, losses, examples a second)."""

    def __init__(self, call: Callable, steps: int):
        self.call, self.steps = call, steps

    def stepped(self, state, losses, examples_a_second):
        self.call(state.step, self.steps, losses, examples_a_second)


class Checkpoints(Listener):
    """The folder of checkpoints: one every so many minutes, or as often as their share of the time allows; 0: after
    every step. data: checksum of the data set, if any."""

    def __init__(self, folder: RunFolder, model, minutes: float, data: str | None):
        self.folder, self.model, self.data = folder.checkpoints, model, data
        self.every_s, self.saved, self.took_s = 60 * minutes, time.monotonic(), 0.0

    def may_save(self, state: RunState, must: bool):
        began = time.monotonic()
        wait_s = max(self.every_s, self.took_s / WRITING_SHARE) if self.every_s else 0.0
        if must or began - self.saved >= wait_s:
            checkpoints.save(self.folder, state.step, self.model, dataclasses.asdict(state) | {"data": self.data})
            self.saved = time.monotonic()
            self.took_s = self.saved - began
