"""Schedules of the training as data: phases, one after the other.

`paper` is Ali et al. 2020 (III.B, III.C); what it leaves open says so. `short` is for a budget of minutes or hours.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras

from muspipe.errors import InputError


@dataclass(frozen=True)
class Phase:
    """A stretch of the training. Every phase starts with a new optimizer: momenta begin at zero."""

    name: str
    steps: int
    learning_rate: float
    optimizer: str = "sgd"
    """sgd (momentum 0.9) or adam."""
    clip_norm: float = 5.0
    """Largest norm of all gradients together."""
    frozen: str | None = None
    """Part of the network that is not trained: "resnet"."""
    warmup: float = 0.0
    """Share of the steps in which the learning rate rises from a hundredth."""
    cosine: bool = False
    """The learning rate then falls to a hundredth along half a cosine; else it stays."""
    snr_db: tuple[float, float] | None = None
    """Noise of this phase [dB], unless the run asks for its own."""


@dataclass(frozen=True)
class Schedule:
    """Phases, the batch size that they are meant for, and when to stop early."""

    phases: tuple[Phase, ...]
    batch_size: int
    patience: int | None = None
    """Validations without a better loss after which a run stops; None: it goes to its end."""

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.phases)

    def scaled(self, steps: int) -> Schedule:
        """The same phases in `steps` steps, each at least one, in proportion. InputError for too few."""
        if steps < len(self.phases):
            raise InputError(f"steps: expected at least {len(self.phases)}, one a phase, got {steps}")
        ends = [0]
        for i in range(len(self.phases)):
            total = sum(phase.steps for phase in self.phases[: i + 1])
            rest = len(self.phases) - 1 - i
            ends.append(min(max(round(total * steps / self.steps), ends[-1] + 1), steps - rest))
        phases = [
            dataclasses.replace(phase, steps=end - start)
            for phase, start, end in zip(self.phases, ends, ends[1:], strict=False)
        ]
        return dataclasses.replace(self, phases=tuple(phases))

    def to_dict(self) -> dict:
        """Plain values."""
        return {
            "batch_size": self.batch_size,
            "patience": self.patience,
            "phases": [dict(vars(phase)) for phase in self.phases],
        }

    @classmethod
    def from_dict(cls, values: dict) -> Schedule:
        """Of `to_dict`, also after JSON made lists of its tuples."""
        phases = [{n: tuple(v) if isinstance(v, list) else v for n, v in phase.items()} for phase in values["phases"]]
        return cls(tuple(Phase(**phase) for phase in phases), values["batch_size"], values["patience"])

    def at(self, step: int) -> tuple[int, int]:
        """(index of the phase, its first step) of a step, 0 the first."""
        start = 0
        for i, phase in enumerate(self.phases):
            if step < start + phase.steps or i == len(self.phases) - 1:
                return i, start
            start += phase.steps
        raise AssertionError("a schedule has phases")


SCHEDULES = {
    "seg": {
        "paper": Schedule(
            (
                Phase("heads", 20_000, 1e-3, frozen="resnet"),
                Phase("all", 180_000, 1e-4),
                Phase("fine", 300_000, 1e-5),
                Phase("noise", 100_000, 1e-5, snr_db=(10.0, 30.0)),  # the rate is ours: that of the phase before
            ),
            batch_size=8,
        ),
        "short": Schedule((Phase("all", 5_000, 1e-3, "adam", warmup=0.03, cosine=True),), batch_size=8),
    },
    "twitch": {
        # The patience is ours: the paper's best network was that of 10 of 17 hours.
        "paper": Schedule((Phase("all", 100_000, 1e-4, "adam", clip_norm=1.0),), batch_size=32, patience=400),
        "short": Schedule((Phase("all", 4_000, 2e-3, "adam", clip_norm=1.0, warmup=0.03, cosine=True),), batch_size=32),
    },
}


def get_schedule(task: str, name: str) -> Schedule:
    """A schedule by name. InputError for an unknown one."""
    if name not in SCHEDULES[task]:
        raise InputError(f"schedule of {task}: expected one of {', '.join(SCHEDULES[task])}, got {name!r}")
    return SCHEDULES[task][name]


def make_optimizer(phase: Phase):
    """keras.optimizers of a phase; its own count of iterations runs from 0."""
    rate = phase.learning_rate
    if phase.cosine:
        warmup = round(phase.warmup * phase.steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.01 * rate if warmup else rate,
            max(1, phase.steps - warmup),
            alpha=0.01,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    if phase.optimizer == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=phase.clip_norm)
    return keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=phase.clip_norm)
