"""Damaged and odd inputs over readers and commands: a right result or one clear line. 50 here, 500 where slow."""

import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import damage, killed, odd_cases

RANDOMS = st.randoms(use_true_random=False)
LONG = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With small inputs of every kind, but no data set; not to be changed."""
    odd_cases.load()
    folder = tmp_path_factory.mktemp("odd")
    return folder, damage.make_sound(folder, data=False)


def check(random, folder, sound, kinds):
    own = Path(tempfile.mkdtemp(dir=folder))
    case = odd_cases.draw_case(random, sound, own, kinds)
    found, said = odd_cases.outcome(case, own)
    assert found in odd_cases.GOOD, f"{found}: {' '.join(case.words)}\n{said}"


@given(RANDOMS)
@settings(max_examples=50, derandomize=True, **LONG)
def test_a_right_result_or_one_clear_line(folder, random):
    check(random, *folder, [kind for kind in odd_cases.KINDS if kind not in odd_cases.OF_DATA])


@pytest.mark.slow
def test_of_many(tmp_path):
    odd_cases.load()
    sound = damage.make_sound(tmp_path)

    @given(RANDOMS)
    @settings(max_examples=500, **LONG)
    def test(random):
        check(random, tmp_path, sound, odd_cases.KINDS)

    test()


@pytest.mark.parametrize(
    "found, command",
    [
        ("right", lambda: 0),
        ("refused", lambda: print("muspipe: error: no", file=sys.stderr) or 2),
        ("traceback", lambda: {}["key"]),
        ("wordy", lambda: print("muspipe: error: no\nat all", file=sys.stderr) or 2),
        ("half", lambda: Path("half.h5").touch() or print("no", file=sys.stderr) or 2),
        ("half", lambda: Path(".left").touch() or 0),
        ("crash", lambda: os.kill(os.getpid(), signal.SIGKILL)),
        ("hang", lambda: os.kill(os.getpid(), signal.SIGXCPU)),
    ],
)
def test_what_comes_of_a_command_is_told(tmp_path, monkeypatch, found, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(odd_cases, "main", lambda words: command())
    case = odd_cases.Case("test", ("muspipe",), lambda: None)
    assert odd_cases.outcome(case, tmp_path)[0] == found


def test_a_result_that_cannot_be_read_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(odd_cases, "main", lambda words: 0)
    case = odd_cases.Case("test", ("muspipe",), lambda: 1 / 0)
    found, said = odd_cases.outcome(case, tmp_path)
    assert found == "wrong" and "ZeroDivisionError" in said


@pytest.mark.slow
def test_commands_that_are_killed_go_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["killed.py", "--kills", "2", "--commands", "velocity", "simulate"])
    monkeypatch.setattr(multiprocessing, "get_context", multiprocessing.get_context)  # to be put back
    killed.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1:3] for row in rows] == [["2", "2"], ["2", "2"]]
