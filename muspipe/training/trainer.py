"""A run: from settings to trained weights in a folder that explains itself, resumable after any end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
import threading
import time
from collections.abc import Callable

import keras

from muspipe.errors import InputError
from muspipe.models.pretrained import path_of
from muspipe.runtime import peak_memory_gb
from muspipe.training import checkpoints, loop
from muspipe.training.devices import OneDevice, ScalarWriter, make_devices
from muspipe.training.history import History
from muspipe.training.listeners import Checkpoints, HistoryRows, Picture, Progress, TensorBoard, Weights, same_file
from muspipe.training.run_folder import RunFolder, versions
from muspipe.training.run_settings import TrainerOptions
from muspipe.training.session import Session
from simulator.shared.threads import one_blas_thread


class Trainer:
    """The run in a folder made by `new_run`. progress: called after every step with (step, of steps, losses, examples a
    second); devices: what runs the steps, default as the options say; listeners: are told of all events after ours.
    measure: called every options.metrics_every steps with (network, source of the validation sequences, SNR [dB]) ->
    the measures of the task by name, of which the history keeps the last."""

    def __init__(
        self,
        folder,
        options: TrainerOptions | None = None,
        *,
        progress: Callable | None = None,
        devices: OneDevice | None = None,
        listeners: tuple[loop.Listener, ...] = (),
        measure: Callable[..., dict[str, float]] | None = None,
    ):
        self._entered = time.monotonic()
        self.folder = RunFolder(folder)
        self.plan = self.folder.read_plan()
        self.options = options or TrainerOptions()
        self.devices = devices or make_devices(self.options.devices)
        if self.plan.schedule.batch_size % self.devices.count:
            raise InputError(
                f"batch_size: expected a multiple of {self.devices.count} devices, got {self.plan.schedule.batch_size}"
            )
        self.progress, self.listeners, self.measure = progress, listeners, measure
        self.state = loop.RunState()
        self._writers = [ScalarWriter(self.folder.tensorboard)] if self.options.tensorboard else []
        self._interrupted = threading.Event()

    def run(self) -> dict:
        """Train until the end of the schedule, early stopping, max_minutes or a signal. -> summary, also written."""
        with one_blas_thread(), _precision(self.plan.settings.precision):
            session = Session(self.plan, self.devices)
            stretch, damaged = self._resume(session)
            checkpoints.check_space(self.folder.path, session.model)
            history = History(self.folder.history, session.model.loss_names, session.task.measures)
            self._count_lost_time(history)
            history.start(self.state.step)
            with _stop_signals(self._interrupted):
                reason = loop.train(
                    self.state,
                    self.plan.schedule,
                    stretch,
                    session.begin,
                    val_every=self.plan.settings.val_every,
                    listeners=self._all_listeners(session, history),
                    stop=self._reason_to_stop,
                    measure=functools.partial(self._measured, session),
                )
            summary = self._summary(reason, session.model, damaged)
        self.folder.write_summary(summary)
        return summary

    def _resume(self, session):
        """Bring the network and the state to the last checkpoint, or to their beginning -> (the phase that is under
        way, or has just ended; damaged checkpoints)."""
        found = checkpoints.latest(self.folder.checkpoints)
        if found is None:
            stretch = session.begin(0)
            if self.plan.settings.weights:
                session.model.load_initial_weights(path_of(self.plan.settings.weights))
            return stretch, []
        if found.state.get("data") not in (None, session.data_checksum()):
            raise InputError(
                f"{self.plan.settings.data}: is not the data set that {self.folder} has been trained on; put that one "
                "back, or start another run"
            )
        stretch = session.begin(max(0, found.step - 1))  # at a phase's end it still has that phase's optimizer
        checkpoints.restore(session.model, found.arrays)
        checkpoints.set_aside(found.damaged)
        self.state.update(found.state | {"step": found.step})
        self._name_phase_of_best(stretch.name)
        return stretch, found.damaged

    def _count_lost_time(self, history):
        """A process that was killed wrote rows after its last checkpoint: they tell how long it lived at least."""
        rows = history.read() if history.path.exists() else []
        lost = 3600 * max((row["hours"] for row in rows), default=0.0) - self.state.seconds
        if lost > 0 and rows[-1]["step"] > self.state.step:
            self.state.seconds += lost
            self.state.lost_seconds += lost

    def _name_phase_of_best(self, phase_now):
        """A checkpoint of before bests of phases has one best of all of them."""
        best = self.state.best
        if best is None or "phase" in best:
            return
        phase = self.plan.schedule.at(best["step"] - 1)[0].name
        self.state.best = {"phase": phase} | best
        self.state.bests = {phase: self.state.best}
        if phase != phase_now:
            self.state.since_best = 0
        if self.folder.weights.is_file() and not self.folder.best_of(phase).exists():
            same_file(self.folder.weights, self.folder.best_of(phase))

    def _all_listeners(self, session, history):
        """In the order in which they are told; the picture is drawn of the rows that are written."""
        facts = {"settings": dataclasses.asdict(self.plan.settings), "versions": versions()}
        progress = [] if self.progress is None else [Progress(self.progress, self.plan.schedule.steps)]
        return (
            Weights(self.folder, session.model, self.plan.schedule, facts),
            HistoryRows(history, session.model),
            Picture(history, self.folder),
            *(TensorBoard(writer, session.model) for writer in self._writers),
            *progress,
            Checkpoints(self.folder, session.model, self.options.checkpoint_minutes, session.data_checksum()),
            *self.listeners,
        )

    def _measured(self, session, step):
        """The measures of the network after a step, with the most noise of its phase; {} if it is not time for them."""
        every, last = self.options.metrics_every, step == self.plan.schedule.steps
        if self.measure is None or every is None or not (step % every == 0 or last):
            return {}
        snr_db = session.batch_options(self.plan.schedule.at(step - 1)[0]).snr_db
        snr_db = min(snr_db) if isinstance(snr_db, tuple) else snr_db
        return self.measure(session.model, session.val_epochs.source(0), snr_db)

    def _reason_to_stop(self):
        if self._interrupted.is_set():
            return "interrupted"
        minutes = self.options.max_minutes
        if minutes is not None and time.monotonic() - self._entered > 60 * minutes:
            return "time is up"
        return None

    def _summary(self, reason, model, damaged):
        return {
            "reason": reason,
            "start": self.plan.start,
            "step": self.state.step,
            "of": self.plan.schedule.steps,
            "hours": round(self.state.seconds / 3600, 4),
            "hours_lost": round(self.state.lost_seconds / 3600, 4),
            "best": self.state.best,
            "best_of_phases": self.state.bests,
            "last": self.state.val,
            "weights": model.count_params(),
            "peak_memory_gb": {name: round(value, 3) for name, value in peak_memory_gb().items()},
            "damaged_checkpoints": damaged,
        }


@contextlib.contextmanager
def _precision(policy):
    """Keras' dtype policy within the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _stop_signals(interrupted: threading.Event):
    """SIGTERM and Ctrl-C end the run after the step under way; a second one ends it at once."""

    def handle(number, frame):
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():  # signals are not ours to handle
        yield
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
