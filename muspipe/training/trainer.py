"""A run: from settings to trained weights in a folder that explains itself, resumable after any end.

config.json       settings, preset, schedule, versions
history.csv, loss.png
best.weights.h5   the weights with the lowest validation loss
checkpoints/      all that is needed to go on
summary.json      how it ended: steps, hours, losses, memory
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np

from muspipe.data.options import BatchOptions
from muspipe.data.sources import open_dataset
from muspipe.errors import InputError
from muspipe.models import read_preset, weights
from muspipe.models.base import freeze
from muspipe.runtime import peak_memory_gb
from muspipe.training import checkpoints
from muspipe.training.devices import TensorBoard, make_devices
from muspipe.training.examples import ONLINE_SEQUENCES as SEQUENCES
from muspipe.training.examples import Examples, FixedEpochs, OnlineEpochs, TensorFlowExamples, input_rng
from muspipe.training.history import History
from muspipe.training.schedules import Schedule, make_optimizer
from muspipe.training.settings import TrainSettings, versions
from simulator.shared.files import atomic_path

CHECKPOINT_S = 300.0
"""Seconds between checkpoints."""
DRAWING_SHARE = 0.02
"""Of the time of a run that may go into drawing loss.png."""


class TrainingError(InputError):
    """The training itself went wrong: losses that are not finite."""


def new_run(folder, settings: TrainSettings) -> None:
    """Make the folder of a run and its config.json. InputError if it holds anything."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists already; give --resume to go on with it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "settings": settings.to_dict(),
        "preset": settings.preset_values().to_dict(),
        "schedule": settings.full_schedule().to_dict(),
        "versions": versions(),
    }
    _write_json(folder / "config.json", config)


def discard(folder) -> None:
    """Take away what `new_run` made, of a run that could not begin."""
    folder = Path(folder)
    for name in ("config.json", "history.csv"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    with contextlib.suppress(OSError):  # something else is in it
        folder.rmdir()


def read_settings(folder) -> TrainSettings:
    """Of the run in a folder. InputError if there is none."""
    return read_run(folder)[0]


def read_run(folder) -> tuple[TrainSettings, dict, Schedule]:
    """(settings, preset, schedule) of the run in a folder, as they were when it began, whatever the preset and schedule
    of that name are now. InputError if there is none."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        settings, preset = TrainSettings.from_dict(config["settings"]), read_preset(config["preset"])
        return settings, preset, Schedule.from_dict(config["schedule"])
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: expected the folder of a run, but there is no config.json") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: damaged ({error})") from error


class Trainer:
    """The run in a folder. devices: how many; max_minutes: of this process; progress: called after every step with
    (step, of steps, losses, examples a second)."""

    def __init__(self, folder, *, devices=1, max_minutes=None, progress=None, tensorboard=False):
        self.folder = Path(folder)
        self._entered = time.monotonic()
        self.settings, self.preset, self.schedule = read_run(folder)
        self.devices = make_devices(devices)
        if self.schedule.batch_size % self.devices.count:
            raise InputError(
                f"batch_size: expected a multiple of {self.devices.count} devices, got {self.schedule.batch_size}"
            )
        self.max_minutes, self.progress = max_minutes, progress or (lambda *_: None)
        self.row_every = 10 if self.schedule.steps <= 1000 else 100
        self.state = {"seconds": 0.0, "best": None, "since_best": 0, "sums": {}, "count": 0, "val": {}}
        self.step = 0
        self.damaged: list[str] = []
        self._stop = threading.Event()
        self._drawn, self._drawing_s = -math.inf, 0.0
        self._tensorboard = TensorBoard(self.folder / "tensorboard") if tensorboard else None

    def run(self) -> dict:
        """Train until the end of the schedule, early stopping, max_minutes or a signal. -> summary, also written."""
        self._train_source, self._val_source = self._sources()
        self._build()
        self.history = History(self.folder / "history.csv", self.model.loss_names)
        found = checkpoints.latest(self.folder / "checkpoints")
        # a checkpoint at a phase's end still has that phase's optimizer
        phase = self._begin_phase(0 if found is None else max(0, found[0] - 1))
        if found is None:
            if self.settings.weights:
                self._initial_weights()
        else:
            self.step, state, arrays, self.damaged = found
            self._same_data(state)
            checkpoints.restore(self.model, arrays)
            checkpoints.set_aside(self.damaged)
            self.state |= state
        checkpoints.check_space(self.folder, self.model)
        self.history.start(self.step)
        self._started, self._seconds_before = time.monotonic(), self.state["seconds"]
        reason = "early stopping" if self._patience_is_over() else "finished"
        with self._signals():
            while self.step < self.schedule.steps and reason == "finished":
                reason = self._run_phase(phase)
                if reason == "finished" and self.step < self.schedule.steps:
                    phase = self._begin_phase(self.step)
        return self._finish(reason)

    def _sources(self):
        settings = self.settings
        if settings.data is None:
            configs = settings.simulations()
            train = OnlineEpochs(configs, settings.seed, SEQUENCES[settings.task], "train")
            return train, OnlineEpochs(configs, settings.seed, SEQUENCES[settings.task], "val")
        train, val = open_dataset(settings.data, "train"), open_dataset(settings.data, "val")
        for dataset in (train, val):
            dataset.validate()
            if settings.scenario != dataset.config.name:
                raise InputError(
                    f"{settings.data}: expected scenario {settings.scenario!r}, got {dataset.config.name!r}; "
                    "say which with --scenario"
                )
        return FixedEpochs(train), FixedEpochs(val)

    def _same_data(self, state):
        """InputError if a checkpoint with this state has seen other data than there are now."""
        before, now = state.get("data"), self._fingerprint()
        if before is not None and before != now:
            raise InputError(
                f"{self.settings.data}: is not the data set that {self.folder} has been trained on; put that one back, "
                "or start another run"
            )

    def _fingerprint(self):
        if self.settings.data is None:
            return None
        text = json.dumps(self._train_source.dataset.manifest, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _build(self):
        import keras

        keras.config.set_dtype_policy(self.settings.precision)
        with self.devices.scope():
            self.model = self.preset.build(seed=self.settings.seed)

    def _initial_weights(self):
        self.model.load_initial_weights(self.settings.weights)

    def _begin_phase(self, step):
        """Freeze, compile and choose the noise of the phase that a step is in; -> (phase, its first step, its end)."""
        import keras

        index, start = self.schedule.at(step)
        phase = self.schedule.phases[index]
        with self.devices.scope():
            freeze(self.model, phase.frozen)
            self.model.compile(optimizer=make_optimizer(phase))
        snr_db = phase.snr_db if self.settings.snr_db is None else self.settings.snr_db
        options = BatchOptions(
            batch_size=self.schedule.batch_size,
            seed=self.settings.seed,
            snr_db=snr_db,
            clean_share=self.settings.clean_share if snr_db is not None else 0.0,
            **self.model.preset.batch_options(),
        )
        through_tensorflow = self.settings.data is not None and keras.backend.backend() == "tensorflow"
        kind = TensorFlowExamples if through_tensorflow else Examples
        self._examples = kind(self.settings.task, self._train_source, options)
        validation = Examples(self.settings.task, self._val_source, options)
        n_val = min(self.settings.val_batches, validation.batches_an_epoch)
        self._validation = [self._inputs(validation.batch(i), i) for i in range(n_val)]
        return phase, start, start + phase.steps

    def _inputs(self, batch, step):
        return self.model.batch_inputs(batch | {"rng": input_rng(self.settings.seed, step)})

    def _run_phase(self, phase):
        """Steps to the phase's end, or until there is a reason to stop: its name."""
        last_saved = began = time.monotonic()
        for inputs in self._examples.stream(self._inputs, self.step, phase[2]):
            losses = self.devices.train(self.model, inputs)
            rate = self.schedule.batch_size / max(time.monotonic() - began, 1e-9)  # waiting for the input included
            self.step += 1
            self._check_finite(losses)
            self._count(losses)
            if self.step % self.settings.val_every == 0 or self.step == self.schedule.steps:
                self._validate()
            if self.step % self.row_every == 0 or self.step == self.schedule.steps:
                self._write_row()
            self.progress(self.step, self.schedule.steps, losses, rate)
            reason = self._reason_to_stop()
            if reason or self.step == phase[2] or time.monotonic() - last_saved > CHECKPOINT_S:
                self._checkpoint()
                last_saved = time.monotonic()
            if reason:
                return reason
            began = time.monotonic()
        return "finished"

    def _reason_to_stop(self):
        if self._stop.is_set():
            return "interrupted"
        if self.max_minutes is not None and time.monotonic() - self._entered > 60 * self.max_minutes:
            return "time is up"
        return "early stopping" if self._patience_is_over() else None

    def _patience_is_over(self):
        patience = self.schedule.patience
        return patience is not None and self.state["since_best"] >= patience

    def _check_finite(self, losses):
        if all(math.isfinite(value) for value in losses.values()):
            return
        bad = ", ".join(f"{name} {value}" for name, value in losses.items())
        raise TrainingError(
            f"{self.folder}: losses are not finite at step {self.step} ({bad}); its batch is that of seed "
            f"{self.settings.seed}, step {self.step - 1}; the checkpoint before is whole: lower the learning rate, or "
            "use --precision float32"
        )

    def _count(self, losses):
        sums = self.state["sums"]
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        self.state["count"] += 1

    def _validate(self):
        rows = [self.devices.validate(self.model, inputs) for inputs in self._validation]
        losses = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        self.state["val"] = {f"val_{name}": value for name, value in losses.items()}
        best = self.state["best"]
        if math.isfinite(losses["loss"]) and (best is None or losses["loss"] < best["val_loss"]):
            self.state["best"] = {"step": self.step, "val_loss": losses["loss"]}
            self.state["since_best"] = 0
            weights.save(self.model, self.folder / "best.weights.h5", self._meta())
        else:
            self.state["since_best"] += 1

    def _meta(self):
        return {
            "step": self.step,
            "hours": round(self._seconds() / 3600, 3),
            "val": self.state["val"],
            "settings": self.settings.to_dict(),
            "versions": versions(),
        }

    def _write_row(self):
        n = max(self.state["count"], 1)
        losses = {name: total / n for name, total in self.state["sums"].items()}
        self.state["sums"], self.state["count"] = {}, 0
        self.history.add({"step": self.step, "hours": self._seconds() / 3600, **losses, **self.state["val"]})
        if time.monotonic() - self._drawn > self._drawing_s / DRAWING_SHARE:
            self._draw()
        if self._tensorboard is not None:
            self._tensorboard.write(self.step, losses | self.state["val"])

    def _draw(self):
        began = time.monotonic()
        self.history.draw(self.folder / "loss.png")
        self._drawn = time.monotonic()
        self._drawing_s = self._drawn - began

    def _checkpoint(self):
        self.state |= {"seconds": self._seconds(), "data": self._fingerprint()}
        checkpoints.save(self.folder / "checkpoints", self.step, self.model, self.state)

    def _seconds(self):
        return self._seconds_before + time.monotonic() - self._started

    def _finish(self, reason):
        self._draw()
        summary = {
            "reason": reason,
            "step": self.step,
            "of": self.schedule.steps,
            "hours": round(self._seconds() / 3600, 4),
            "best": self.state["best"],
            "last": self.state["val"],
            "weights": self.model.count_params(),
            "peak_memory_gb": {name: round(value, 3) for name, value in peak_memory_gb().items()},
            "damaged_checkpoints": self.damaged,
        }
        _write_json(self.folder / "summary.json", summary)
        return summary

    def _signals(self):
        return _StopSignals(self._stop)


class _StopSignals:
    """SIGTERM and Ctrl-C end the run after the step under way; a second one ends it at once."""

    def __init__(self, stop):
        self.stop, self.before = stop, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._handle)

    def _handle(self, number, frame):
        if self.stop.is_set():
            raise KeyboardInterrupt
        self.stop.set()

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _write_json(path, values):
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
