"""The settings of a run: those that make it what it is, kept in its config.json, and those that may differ each time.

Neither Keras nor NumPy is needed here, so that `--help` need not wait for them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass

from muspipe.training.mixtures import MIXTURES
from muspipe.training.schedules import SCHEDULES, Schedule, get_schedule
from simulator.shared.settings import check, setting


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a run; with equal ones, on equal machines, runs are equal."""

    task: str = setting(MISSING, "network to train", choices=tuple(SCHEDULES), argument=False)
    preset: str = setting(
        "compact", "of the network: compact (default), paper; seg also centre and outline, twitch also refit"
    )
    schedule: str = setting(
        "short",
        "short (default: Adam, warm-up, cosine) or paper (phases of the paper); twitch also paper-noise (paper, then a "
        "phase of noise, which is ours)",
    )
    from_phase: str | None = setting(
        None, "leave out the phases before this one; --weights then says where to start: the run that had them"
    )
    until_phase: str | None = setting(
        None, "leave out the phases after this one: schedule paper of seg until fine gives the network without noise"
    )
    steps: int | None = setting(
        None,
        "of all phases of the run together, which are scaled in proportion: as many as your time has, at the bar's "
        "rate after the first minute; with --resume, more than the run has: its last phase goes on (a cosine as "
        "long as the phase now is)",
        least=1,
    )
    batch_size: int | None = setting(
        None, "examples a step; default: the schedule's (8 for seg, 32 for twitch)", least=1, most=10_000
    )
    learning_rate: float | None = setting(
        None,
        "highest of the run: the rates of all phases are scaled to it; default: the schedule's",
        above=0,
    )
    data: str | None = setting(None, "data set made by `muspipe simulate`", metavar="DIR")
    scenario: str = setting(
        "paper",
        "of the sequences: paper (default), physiological or echo; online also both (the first two) or all, in turn",
        choices=("paper", "physiological", "echo", *MIXTURES),
    )
    snr_db: float | tuple[float, float] | None = setting(
        None,
        "noise: one SNR, or LOW HIGH to draw from; default: as the schedule",
        unit="dB",
        infinite=True,
        rising=True,
        metavar="DB",
    )
    clean_share: float = setting(
        0.0, "share of the examples without noise, in phases with noise", least=0, most=1, metavar="P"
    )
    n_units: tuple[int, int] | None = setting(
        None, "motor units of online sequences; default: the scenario's (5 30)", least=0, most=1000, rising=True
    )
    weights: str | None = setting(
        None,
        "initial weights: a file or folder of another run, a network of the package, for seg also mask_rcnn_coco.h5",
        metavar="FILE",
    )
    random_start: bool = setting(
        False,
        "without --weights, freeze what is random where the schedule begins so: the paper began with COCO weights",
    )
    seed: int = setting(0, "of weights, data, order and noise", least=0)
    precision: str = setting("float32", "float32 or mixed_bfloat16", choices=("float32", "mixed_bfloat16"))
    val_batches: int = setting(10, "validation batches each time", least=1)
    validation: str | None = setting(
        None,
        "validation batches: fixed, the same every time, or drawn anew from the seed and the step; default: as the "
        "schedule (paper: drawn, as there are many validations; short: fixed, so that few compare well)",
        choices=("fixed", "drawn"),
    )
    val_every: int = setting(100, "steps between validations", least=1)  # the paper's: 10 batches for every 100
    patience: int | None = setting(
        None, "stop after N validations of a phase without a better loss; default: as the schedule", least=1
    )
    online_sequences: int | None = setting(
        None, "sequences of an online epoch; default: the task's", least=1, argument=False
    )
    options: dict = setting(dict, "changes of the preset, {name: value}", argument=False)

    def __post_init__(self):
        check(self)

    def full_preset(self):
        """The preset with its changes. InputError for unknown names and values that it cannot have."""
        from muspipe.models.presets import get_preset  # here, as presets load Keras

        return get_preset(self.task, self.preset).changed(self.options)

    def full_schedule(self, base: Schedule | None = None) -> Schedule:
        """The schedule of this name, or `base`, with this run's phases, steps, learning rate, batch size, patience and
        validation. InputError for unknown names or too few steps."""
        schedule = (base or get_schedule(self.task, self.schedule)).part(self.from_phase, self.until_phase)
        schedule = schedule if self.steps is None else schedule.scaled(self.steps)
        schedule = schedule if self.learning_rate is None else schedule.at_rate(self.learning_rate)
        batch_size, patience = self.batch_size or schedule.batch_size, self.patience or schedule.patience
        validation = self.validation or schedule.validation
        return dataclasses.replace(schedule, batch_size=batch_size, patience=patience, validation=validation)

    def simulations(self) -> list:
        """SimulationConfigs of the online sequences."""
        from muspipe.training.mixtures import mixture

        changes = {} if self.n_units is None else {"n_units": self.n_units}
        return mixture(self.scenario, changes)


@dataclass(frozen=True)
class TrainerOptions:
    """What may differ each time that a run is taken up: it changes no numbers, but for the rounding of several
    devices."""

    max_minutes: float | None = setting(
        None, "stop after this time with a checkpoint; --resume goes on", least=0, metavar="M"
    )
    checkpoint_minutes: float = setting(
        1.0,
        "time between checkpoints, the most that a kill can cost; more where writing one takes over 3 s, so that it is "
        "never above a twentieth of the time; 0: after every step",
        unit="min",
        least=0,
        metavar="M",
    )
    devices: int = setting(
        1, "experimental: GPUs (or CPU devices) to share each batch; tested with two virtual CPU devices only", least=1
    )
    tensorboard: bool = setting(False, "write scalars for TensorBoard, too")
    metrics_every: int | None = setting(
        None,
        "measure recall and precision (seg) or the rate of agreement (twitch) every N steps and after the last, on the "
        "first 8 validation sequences with the most noise of the phase; default: never",
        least=1,
        metavar="N",
    )

    def __post_init__(self):
        check(self)
