"""Where a long command is: nothing of a short one in a log, and of a long one a line now and then."""

import pytest

from muspipe.commands import showing


@pytest.fixture
def clock(monkeypatch):
    """[seconds] that the test sets."""
    now = [0.0]
    monkeypatch.setattr(showing.time, "monotonic", lambda: now[0])
    return now


def test_a_short_command_says_nothing(clock, capsys):
    with showing.shown_steps("reading", 3) as step:
        for second, name in enumerate(("identifying", "drawing", "writing"), start=1):
            clock[0] = 9.0 * second
            step(name)
    assert capsys.readouterr() == ("", "")


def test_a_log_of_a_long_one(clock, capsys):
    """100 s in 20 parts: a line for each 30 s, with the time that is left by the pace so far."""
    with showing.shown_steps("reading", 3) as step:
        step("identifying")
        for part in range(1, 21):
            clock[0] = 5.0 * part
            step.within(part / 20, f"component {part} of 20")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "identifying: component 6 of 20, 30%, 70 s left",
        "identifying: component 12 of 20, 60%, 40 s left",
        "identifying: component 18 of 20, 90%, 10 s left",
    ]
