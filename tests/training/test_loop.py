"""The loop alone, on phases whose losses are made up: no network, no files."""

import math
from types import SimpleNamespace

import pytest

from muspipe.training import loop
from muspipe.training.loop import Listener, RunState, train
from muspipe.training.schedules import Phase, Schedule


class Made:
    """A phase whose loss at step s (from 1) is s; validations are taken from a list."""

    def __init__(self, end, validations, name="0"):
        self.name = name
        self.end, self.validations, self.left_open = end, validations, False

    def losses(self, first):
        self.left_open = True
        try:
            for step in range(first, self.end):
                yield {"loss": float(step + 1)}
        finally:
            self.left_open = False

    def validate(self, step):
        return {"loss": self.validations.pop(0)}


class Heard(Listener):
    """All events as (step, name, *what came with it)."""

    def __init__(self):
        self.events = []

    def validated(self, state, best):
        self.events.append((state.step, "validated", best))

    def row(self, state, losses):
        self.events.append((state.step, "row", losses["loss"], state.val.get("val_loss")))

    def stepped(self, state, losses, examples_a_second):
        assert examples_a_second > 0
        self.events.append((state.step, "stepped", losses["loss"]))

    def phase_ended(self, state, name):
        self.events.append((state.step, "phase ended", name))

    def may_save(self, state, must):
        self.events.append((state.step, "may save", must))

    def ended(self, state):
        self.events.append((state.step, "ended"))

    def named(self, name):
        return [(event[0], *event[2:]) for event in self.events if event[1] == name]


def schedule_of(*steps, **changes):
    return Schedule(tuple(Phase(f"{i}", n, 1e-3) for i, n in enumerate(steps)), batch_size=2, **changes)


def course(schedule, state=None, validations=(), **options):
    """(reason, state, listener, steps at which a phase began)"""
    state, heard, begun, validations = state or RunState(), Heard(), [], list(validations)

    def begin(step):
        begun.append(step)
        return made(step)

    def made(step):
        phase, _, end = schedule.at(step)
        return Made(end, validations, phase.name)

    first = made(max(0, state.step - 1))
    options = {"val_every": 100, "listeners": [heard]} | options
    return train(state, schedule, first, begin, **options), state, heard, begun


def test_the_events_of_a_step_come_in_this_order():
    reason, state, heard, _ = course(schedule_of(3), validations=[5.0, 4.0], val_every=2)
    assert reason == "finished" and state.step == 3
    assert heard.events == [
        (1, "stepped", 1.0), (1, "may save", False),
        (2, "validated", True), (2, "stepped", 2.0), (2, "may save", False),
        (3, "validated", True), (3, "row", 2.0, 4.0), (3, "stepped", 3.0), (3, "phase ended", "0"),
        (3, "may save", True),
        (3, "ended"),
    ]  # fmt: skip


def test_rows_are_means_since_the_row_before():
    _, state, heard, _ = course(schedule_of(12), validations=[7.0])
    assert heard.named("row") == [(10, 5.5, None), (12, 11.5, 7.0)]  # of 1..10; of 11 and 12
    assert (state.sums, state.count) == ({}, 0)
    _, _, heard, _ = course(schedule_of(1001), validations=[7.0] * 11)
    assert [row[0] for row in heard.named("row")] == [*range(100, 1001, 100), 1001]


def test_each_phase_begins_once_and_ends_with_a_checkpoint():
    _, _, heard, begun = course(schedule_of(2, 3), validations=[1.0, 1.0])
    assert heard.named("phase ended") == [(2, "0"), (5, "1")]
    assert begun == [2] and [step for step, must in heard.named("may save") if must] == [2, 5]
    assert [loss for _, loss in heard.named("stepped")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("done, begun", [(1, [2]), (2, [2]), (3, [])])
def test_taken_up_within_a_phase_or_at_its_end(done, begun):
    _, _, heard, found = course(schedule_of(2, 3), RunState(step=done), validations=[1.0, 1.0])
    assert found == begun and [step for step, _ in heard.named("stepped")] == list(range(done + 1, 6))


def test_patience_counts_validations_without_a_better_loss():
    schedule = schedule_of(100, patience=2)
    reason, state, heard, _ = course(schedule, validations=[5.0, 3.0, 4.0, math.nan], val_every=3)
    assert (reason, state.step, state.best) == ("early stopping", 12, {"phase": "0", "step": 6, "val_loss": 3.0})
    assert heard.named("validated") == [(3, True), (6, True), (9, False), (12, False)]
    assert heard.named("may save")[-1] == (12, True)
    reason, state, heard, _ = course(schedule, state)  # a stopped run stays stopped
    assert (reason, state.step, heard.events) == ("early stopping", 12, [(12, "ended")])


def test_the_first_validation_is_not_the_best_if_it_is_not_finite():
    _, state, heard, _ = course(schedule_of(2), validations=[math.nan, 8.0], val_every=1)
    assert heard.named("validated") == [(1, False), (2, True)] and state.best == {
        "phase": "0",
        "step": 2,
        "val_loss": 8.0,
    }


def test_each_phase_has_its_own_best():
    _, state, heard, _ = course(schedule_of(2, 2), validations=[1.0, 2.0, 9.0, 8.0], val_every=1)
    assert heard.named("validated") == [(1, True), (2, False), (3, True), (4, True)]
    clean, noisy = {"phase": "0", "step": 1, "val_loss": 1.0}, {"phase": "1", "step": 4, "val_loss": 8.0}
    assert state.best == noisy and state.bests == {"0": clean, "1": noisy}


def test_every_phase_has_a_validation_at_its_end():
    _, state, heard, _ = course(schedule_of(3, 2), validations=[5.0, 7.0])
    assert heard.named("validated") == [(3, True), (5, True)] and state.val_step == 5


def test_patience_counts_within_a_phase():
    losses = [1.0, 2.0, 3.0, 9.0, 9.0, 9.0]  # the first phase ends when its patience does, and the second begins
    reason, state, _, begun = course(schedule_of(6, 18, patience=2), validations=losses, val_every=2)
    assert (reason, state.step, state.best) == ("early stopping", 12, {"phase": "1", "step": 8, "val_loss": 9.0})
    assert begun == [6]
    state = RunState(step=6, since_best=2)  # taken up there
    reason, state, _, begun = course(schedule_of(6, 18, patience=2), state, validations=[9.0] * 3, val_every=2)
    assert (reason, state.step, begun) == ("early stopping", 12, [6])


def test_a_reason_to_stop_is_asked_for_after_the_listeners_and_ends_the_step_with_a_checkpoint():
    asked = iter([None, None, "time is up"])
    reason, state, heard, _ = course(schedule_of(9), stop=lambda: next(asked))
    assert (reason, state.step) == ("time is up", 3)
    assert heard.events[-3:] == [(3, "stepped", 3.0), (3, "may save", True), (3, "ended")]


def test_steps_made_ahead_are_given_up_when_the_run_stops():
    first = Made(9, [])
    train(RunState(), schedule_of(9), first, None, val_every=100, stop=lambda: "enough")
    assert first.left_open is False


def test_time_goes_on_from_where_it_was():
    _, state, _, _ = course(schedule_of(1), RunState(seconds=100.0), validations=[1.0])
    assert 100 < state.seconds < 110


def test_a_state_takes_what_it_knows():
    state = RunState()
    state.update({"step": 4, "sums": {"loss": 2.0}, "data": "of the checkpoint"})
    assert state == RunState(step=4, sums={"loss": 2.0})


def test_the_last_measures_stand_in_each_row():
    asked, seen = [], []

    class Rows(Listener):
        def row(self, state, losses):
            seen.append((state.step, state.measured, losses["examples_per_s"] > 0, "step_s" in losses))

    def measure(step):
        asked.append(step)
        return {"recall": step / 100} if step % 4 == 0 else {}

    course(schedule_of(11), validations=[7.0], measure=measure, listeners=[Rows()])
    assert asked == list(range(1, 12))
    assert seen == [(10, {"recall": 0.08}, True, False), (11, {"recall": 0.08}, True, False)]


def test_what_the_steps_before_did_not_tell_has_no_mean():
    """A run of a version that did not know the gradient's norm goes on in the middle of a row."""
    state = RunState(step=8, sums={"loss": 36.0}, count=8)
    state.add({"loss": 9.0, "gradient_norm": 1.0})
    means = state.take_means()
    assert means["loss"] == 5 and math.isnan(means["gradient_norm"])
    state.add({"loss": 9.0, "gradient_norm": 1.0})
    assert state.take_means()["gradient_norm"] == 1


def test_examples_a_second_of_a_row_are_those_of_its_steps(monkeypatch):
    """Steps of two examples: nine of 0.5 s and one of 1.5 s are ten in 6 s, 20 examples; the last alone 2 in 1.5 s."""
    clock_s, rows, rates = [0.0], [], []
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock_s[0]))

    class Timed(Made):
        def losses(self, first):
            for losses in super().losses(first):
                clock_s[0] += 1.5 if losses["loss"] == 10 else 0.5
                yield losses

    class Rates(Listener):
        def row(self, state, losses):
            rows.append(losses["examples_per_s"])

        def stepped(self, state, losses, examples_a_second):
            rates.append(examples_a_second)

    state = RunState(seconds=100.0)
    train(state, schedule_of(10), Timed(10, [1.0]), None, val_every=100, listeners=[Rates()])
    assert rows == pytest.approx([20 / 6]) and rates == pytest.approx([4] * 9 + [2 / 1.5])
    assert state.seconds == pytest.approx(106)
