"""The network of a run and its examples, made ready for one phase after the other."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator

import numpy as np

from muspipe.data.options import BatchOptions
from muspipe.data.sources import open_dataset
from muspipe.errors import InputError
from muspipe.models.base import freeze
from muspipe.training.devices import OneDevice
from muspipe.training.examples import Examples, FixedEpochs, OnlineEpochs, input_rng, kind_of_examples
from muspipe.training.run_folder import Plan
from muspipe.training.run_settings import TrainSettings
from muspipe.training.schedules import Phase, make_optimizer
from muspipe.training.tasks import TASKS


class TrainingError(InputError):
    """The training itself went wrong: losses that are not finite."""


class Session:
    """The network of a plan, newly made, on its devices, and the sources of its examples."""

    def __init__(self, plan: Plan, devices: OneDevice):
        self.plan, self.devices = plan, devices
        self.task = TASKS[plan.settings.task]
        self.train_epochs, self.val_epochs = _epochs(plan.settings)
        if plan.settings.data is not None:
            _require_fitting(self.train_epochs.dataset.config, plan.preset, plan.settings.data)
        with devices.scope():
            self.model = plan.preset.build(seed=plan.settings.seed)

    def data_checksum(self) -> str | None:
        """Of the data set's manifest; None online."""
        if self.plan.settings.data is None:
            return None
        text = json.dumps(self.train_epochs.dataset.manifest, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def begin(self, step: int) -> PhaseOfSession:
        """Freeze, compile and choose the noise of the phase that a step is in."""
        phase, _, end = self.plan.schedule.at(step)
        with self.devices.scope():
            freeze(self.model, phase.frozen)
            self.model.compile(optimizer=make_optimizer(phase))
        options = self.batch_options(phase)
        kind = kind_of_examples()
        train, validation = (kind(self.task, epochs, options) for epochs in (self.train_epochs, self.val_epochs))
        return PhaseOfSession(self, phase.name, end, train, validation)

    def batch_options(self, phase: Phase) -> BatchOptions:
        """What the batches of a phase are."""
        settings = self.plan.settings
        snr_db = phase.snr_db if settings.snr_db is None else settings.snr_db
        return BatchOptions(
            batch_size=self.plan.schedule.batch_size,
            seed=settings.seed,
            snr_db=snr_db,
            clean_share=settings.clean_share if snr_db is not None else 0.0,
            **self.plan.preset.batch_options(),
        )

    def inputs(self, examples: Examples, first: int, end: int, key: Callable[[int], tuple]) -> Iterator[dict]:
        """What the network takes in the steps from `first` to `end` of these examples. key: step -> that of
        `input_rng`."""

        def truth_inputs(truth, step):
            return self.model.truth_inputs(truth | {"rng": input_rng(self.plan.settings.seed, *key(step))})

        return examples.stream(first, end, self.model.pixels, truth_inputs)


class PhaseOfSession:
    """A loop.Stretch: the phase for which a session is ready."""

    def __init__(self, session: Session, name: str, end: int, train: Examples, validation: Examples):
        self.session, self.name, self.end, self.train = session, name, end, train
        self.validation = validation
        self.n_val = min(session.plan.settings.val_batches, validation.batches_an_epoch)
        self._drawn = session.plan.schedule.validation == "drawn"

    def validation_inputs(self, step: int) -> Iterator[dict]:
        """What the network is validated on after `step` steps: the first batches of the validation sequences, or,
        drawn, the first of the epoch whose number is the step, which has an order, flips and noise of its own."""
        epoch = step + self.session.plan.schedule.before if self._drawn else 0
        first = epoch * self.validation.batches_an_epoch

        def key(at):
            return (epoch, at - first) if self._drawn else (at,)

        return self.session.inputs(self.validation, first, first + self.n_val, key)

    def losses(self, first: int) -> Iterator[dict[str, float]]:
        """Train the steps from `first` to the phase's end -> the losses of each. TrainingError if they are not
        finite."""
        session, before = self.session, self.session.plan.schedule.before
        batches = session.inputs(self.train, before + first, before + self.end, lambda step: (step,))
        for step, inputs in enumerate(batches, start=first):
            losses = session.devices.train(session.model, inputs)
            if not all(math.isfinite(value) for value in losses.values()):
                bad = ", ".join(f"{name} {value}" for name, value in losses.items())
                raise TrainingError(
                    f"losses are not finite at step {step + 1} ({bad}); its batch is that of seed "
                    f"{session.plan.settings.seed}, step {before + step}; the checkpoint before is whole: lower the "
                    "learning rate, or use --precision float32"
                )
            yield losses

    def validate(self, step: int) -> dict[str, float]:
        """Mean losses of the validation batches after `step` steps."""
        session = self.session
        rows = [session.devices.validate(session.model, inputs) for inputs in self.validation_inputs(step)]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _epochs(settings: TrainSettings):
    """(training, validation) epochs: online, or of the data set, which is checked."""
    if settings.data is None:
        configs = settings.simulations()
        n = settings.online_sequences or TASKS[settings.task].online_sequences
        return tuple(OnlineEpochs(configs, settings.seed, n, split) for split in ("train", "val"))
    datasets = [open_dataset(settings.data, split) for split in ("train", "val")]
    for dataset in datasets:
        dataset.validate()
        if settings.scenario != dataset.config.name:
            raise InputError(
                f"{settings.data}: expected scenario {settings.scenario!r}, got {dataset.config.name!r}; "
                "say which with --scenario"
            )
    return tuple(map(FixedEpochs, datasets))


def _require_fitting(config, preset, data):
    """InputError unless the sequences of a data set are as large and long as the network takes them."""
    height, width, n_frames = preset.input_shape[:3]
    expected, got = f"{n_frames} frames", f"{config.n_frames}"
    fits = config.n_frames == n_frames
    if preset.task == "seg":
        fits = fits and (config.height_px, config.width_px) == (height, width)
        expected, got = f"{height} x {width} px and {expected}", f"{config.height_px} x {config.width_px} px and {got}"
    if not fits:
        raise InputError(
            f"{data}: expected sequences of {expected}, as preset {preset.name} of {preset.task} takes them, "
            f"got {got}: simulate others"
        )
