"""Schedules of the training as data: phases, one after the other.

`paper` is Ali et al. 2020 (III.B, III.C); what it leaves open says so. `short` is for a budget of minutes or hours.

Validation: the paper has 10 batches every 100 steps, and 1,000 sequences to take them from. Its schedules draw the
batches anew each time, so that all of these sequences count. `short` has few validations, which say more where all are
of the same batches: the differences between them are then the network's alone.

`paper-noise` is the twitch network's `paper` with a phase of noise behind it. The paper shows twitch networks trained
with noise, but of how they were trained it gives no details. Ours is what it says of the segmentation network: SNR
drawn from 10-30 dB, for a fifth as many steps as without noise, at the rate of the phase before.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import MISSING, dataclass

from muspipe.errors import InputError
from simulator.shared.settings import check, setting


@dataclass(frozen=True)
class Phase:
    """A stretch of the training. Every phase starts with a new optimizer: momenta begin at zero."""

    name: str = setting(MISSING, "what it is called")
    steps: int = setting(MISSING, "how many", least=1)
    learning_rate: float = setting(MISSING, "its highest value", least=0)
    optimizer: str = setting("sgd", "sgd (momentum 0.9) or adam", choices=("sgd", "adam"))
    clip_norm: float = setting(5.0, "largest norm of all gradients together", above=0)
    frozen: str | None = setting(None, "part of the network that is not trained", choices=("resnet",))
    warmup: float = setting(
        0.0, "share of the steps in which the learning rate rises from a hundredth", least=0, most=1
    )
    cosine: bool = setting(False, "the learning rate then falls to a hundredth along half a cosine; else it stays")
    snr_db: float | tuple[float, float] | None = setting(
        None, "noise of this phase, unless the run asks for its own", unit="dB", infinite=True, rising=True
    )

    def __post_init__(self):
        check(self, "phase: ")


@dataclass(frozen=True)
class Schedule:
    """Phases, the batch size that they are meant for, and when to stop early."""

    phases: tuple[Phase, ...] = setting(MISSING, "one after the other")
    batch_size: int = setting(MISSING, "examples a step", least=1)
    patience: int | None = setting(
        None, "validations of a phase without a better loss after which a run stops; none: it goes to its end", least=1
    )
    validation: str = setting(
        "fixed",
        "whether the validation batches are the same every time, or drawn anew",
        choices=("fixed", "drawn"),
    )
    before: int = setting(0, "steps of phases that other runs take: their examples are not used again", least=0)

    def __post_init__(self):
        check(self, "schedule: ")
        if not self.phases:
            raise InputError("schedule: expected at least one phase, got none")
        names = [phase.name for phase in self.phases]
        if len({*names}) < len(names) or not all(re.fullmatch(r"[\w-]+", name) for name in names):
            raise InputError(f"schedule: expected phases of different names without spaces, got {', '.join(names)}")

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
            for phase, start, end in zip(self.phases, ends[:-1], ends[1:], strict=True)
        ]
        return dataclasses.replace(self, phases=tuple(phases), before=round(self.before * steps / self.steps))

    def at_rate(self, learning_rate: float) -> Schedule:
        """The same phases, their learning rates in the same proportions, the highest being this one."""
        highest = max(phase.learning_rate for phase in self.phases)
        phases = [
            dataclasses.replace(phase, learning_rate=learning_rate * (phase.learning_rate / highest))
            for phase in self.phases
        ]
        return dataclasses.replace(self, phases=tuple(phases))

    def part(self, first: str | None = None, last: str | None = None) -> Schedule:
        """The phases from one name to another, both included; None: from the beginning, to the end. InputError for
        names that it has not, or not in this order."""
        names = [phase.name for phase in self.phases]
        for setting_name, name in (("from_phase", first), ("until_phase", last)):
            if name is not None and name not in names:
                raise InputError(f"{setting_name}: expected one of {', '.join(names)}, got {name!r}")
        start = 0 if first is None else names.index(first)
        end = len(names) if last is None else names.index(last) + 1
        if start >= end:
            raise InputError(
                f"until_phase: expected {first} or one after it ({', '.join(names[start:])}), got {last!r}"
            )
        before = self.before + sum(phase.steps for phase in self.phases[:start])
        return dataclasses.replace(self, phases=self.phases[start:end], before=before)

    def at(self, step: int) -> tuple[Phase, int, int]:
        """(phase, its first step, one past its last) of a step of the run, from 0; the last phase for later steps."""
        start = 0
        for phase in self.phases[:-1]:
            if step < start + phase.steps:
                return phase, start, start + phase.steps
            start += phase.steps
        return self.phases[-1], start, self.steps


_TWITCH = Phase("all", 100_000, 1e-4, "adam", clip_norm=1.0)

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
            validation="drawn",
        ),
        "short": Schedule((Phase("all", 5_000, 1e-3, "adam", warmup=0.03, cosine=True),), batch_size=8),
    },
    "twitch": {
        # The patience is ours: the paper's best network was that of 10 of 17 hours.
        "paper": Schedule((_TWITCH,), batch_size=32, patience=400, validation="drawn"),
        "paper-noise": Schedule(
            (_TWITCH, dataclasses.replace(_TWITCH, name="noise", steps=20_000, snr_db=(10.0, 30.0))),
            batch_size=32,
            patience=400,
            validation="drawn",
        ),
        "short": Schedule((Phase("all", 4_000, 2e-3, "adam", clip_norm=1.0, warmup=0.03, cosine=True),), batch_size=32),
    },
}
"""task -> name -> schedule."""


def get_schedule(task: str, name: str) -> Schedule:
    """A schedule by name. InputError for an unknown one."""
    if name not in SCHEDULES[task]:
        raise InputError(f"schedule of {task}: expected one of {', '.join(SCHEDULES[task])}, got {name!r}")
    return SCHEDULES[task][name]


def make_optimizer(phase: Phase):
    """The optimizer of a phase; its own count of iterations runs from 0."""
    import keras  # here, so that the names of schedules are known without it

    from muspipe.training.optimizers import SGD, Adam

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
        return Adam(rate, global_clipnorm=phase.clip_norm)
    return SGD(rate, momentum=0.9, global_clipnorm=phase.clip_norm)
