"""The course of a training: step after step, phase after phase. Files and networks are for others: a `Stretch` takes
the steps, listeners do what is to be done after them."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from muspipe.training.schedules import Schedule


@dataclass
class RunState:
    """What a step changes besides the network: kept in every checkpoint."""

    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Spent on them, by all processes that took part, steps that were lost and done again included."""
    lost_seconds: float = 0.0
    """Of these, spent on steps that were lost, as far as is known."""
    best: dict | None = None
    """phase, step and val_loss of the best validation of the last phase that had any."""
    bests: dict[str, dict] = field(default_factory=dict)
    """phase -> the same of each."""
    since_best: int = 0
    """Validations since the best one, or the beginning, of the phase under way."""
    sums: dict[str, float] = field(default_factory=dict)
    """Since the last row of the history: of training losses, gradient_norm, and the seconds of a step (step_s)."""
    count: int = 0
    """Steps in these sums."""
    val: dict[str, float] = field(default_factory=dict)
    """Losses of the last validation, with val_ before their names."""
    val_step: int | None = None
    """The step after which it was done."""
    measured: dict[str, float] = field(default_factory=dict)
    """What was measured last besides the losses: recall and the like."""

    def add(self, losses: dict[str, float]) -> None:
        """Count in the losses of one more step. What steps before it did not tell has no mean in this row."""
        self.step += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, math.nan if self.count else 0.0) + value
        self.count += 1

    def take_means(self) -> dict[str, float]:
        """Mean training losses since the last call."""
        means = {name: total / max(self.count, 1) for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means

    def judge(self, losses: dict[str, float], phase: str) -> bool:
        """Take in the losses of a validation -> whether it was the best so far of its phase."""
        self.val, self.val_step = {f"val_{name}": value for name, value in losses.items()}, self.step
        before = self.bests.get(phase)
        best = math.isfinite(losses["loss"]) and (before is None or losses["loss"] < before["val_loss"])
        if best:
            self.best = self.bests[phase] = {"phase": phase, "step": self.step, "val_loss": losses["loss"]}
        self.since_best = 0 if best else self.since_best + 1
        return best

    def tired(self, patience: int | None, end: int) -> str | None:
        """Why to stop within the phase that ends at this step: patience is at its end."""
        tired = patience is not None and self.since_best >= patience
        return "early stopping" if tired and self.step < end else None

    def update(self, values: dict) -> None:
        """Take over the values of another state, a dictionary; what else it holds is left."""
        for known in dataclasses.fields(self):
            setattr(self, known.name, values.get(known.name, getattr(self, known.name)))


class Stretch(Protocol):
    """A phase that is ready to be trained."""

    name: str
    end: int
    """One past its last step."""

    def losses(self, first: int) -> Iterator[dict[str, float]]:
        """Train the steps from `first` to `end` -> the losses of each."""

    def validate(self, step: int) -> dict[str, float]:
        """The losses of the validation batches after `step` steps; nothing is trained."""


class Listener:
    """Is told of a run's events, in this order within a step; does nothing about them."""

    def validated(self, state: RunState, best: bool) -> None:
        """A validation is done; best: whether it was the best so far of its phase."""

    def row(self, state: RunState, losses: dict[str, float]) -> None:
        """It is time for a row of the history; losses: means over the steps since the row before, of gradient_norm too,
        and examples_per_s over all of them."""

    def stepped(self, state: RunState, losses: dict[str, float], examples_a_second: float) -> None:
        """A step is done."""

    def phase_ended(self, state: RunState, name: str) -> None:
        """The last step of a phase is done, and validated."""

    def may_save(self, state: RunState, must: bool) -> None:
        """The place for a checkpoint; must: at the end of a phase or before the run stops."""

    def ended(self, state: RunState) -> None:
        """The run stops here, for a reason and not by an error."""


def train(
    state: RunState,
    schedule: Schedule,
    stretch: Stretch,
    begin: Callable[[int], Stretch],
    *,
    val_every: int,
    listeners: Iterable[Listener] = (),
    stop: Callable[[], str | None] = lambda: None,
    measure: Callable[[int], dict[str, float]] = lambda step: {},
) -> str:
    """Take the steps that are left -> why this ended: "finished", "early stopping", or what `stop()` said.

    stretch: the phase that state.step is in, or the one that it has just finished; begin(step): the phase of a step,
    made ready. stop is asked after every step. A phase that runs to its end gives way to the next one, however long
    ago its best validation was; within a phase patience ends the run. measure(step): what is measured then, if
    anything is.
    """
    row_every = 10 if schedule.steps <= 1000 else 100
    listeners = tuple(listeners)
    began = time.monotonic() - state.seconds

    def tell(event, *arguments):
        state.seconds = time.monotonic() - began
        for listener in listeners:
            getattr(listener, event)(state, *arguments)

    def after_step(losses, rate):
        """-> the reason to stop, if any."""
        ends = state.step == stretch.end
        if state.step % val_every == 0 or ends:
            tell("validated", state.judge(stretch.validate(state.step), stretch.name))
        state.measured = measure(state.step) or state.measured
        if state.step % row_every == 0 or state.step == schedule.steps:
            means = state.take_means()
            tell("row", means | {"examples_per_s": schedule.batch_size / means.pop("step_s")})
        tell("stepped", losses, rate)
        if ends:
            tell("phase_ended", stretch.name)
        reason = stop() or state.tired(schedule.patience, stretch.end)
        tell("may_save", reason is not None or ends)
        return reason

    reason = state.tired(schedule.patience, stretch.end)
    while reason is None and state.step < schedule.steps:
        if state.step == stretch.end:
            stretch, state.since_best = begin(state.step), 0
        with contextlib.closing(stretch.losses(state.step)) as steps:
            asked = time.monotonic()
            for losses in steps:
                step_s = max(time.monotonic() - asked, 1e-9)  # waiting for the input included
                state.add(losses | {"step_s": step_s})
                reason = after_step(losses, schedule.batch_size / step_s)
                if reason is not None:
                    break
                asked = time.monotonic()
    tell("ended")
    return reason or "finished"
