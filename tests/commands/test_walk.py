"""The walk of the README, from the scanner to openhdemg: each of its commands, on a simulated scan."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from muspipe import Result
from muspipe.cli import main
from muspipe.export.openhdemg import save_openhdemg
from tests.export.test_openhdemg import INTERPRETER

ROOT = Path(__file__).resolve().parents[2]


def blocks():
    """(the commands, the Python) of the section."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## From the scanner to openhdemg\n")[1]
    commands = re.search(r"```\n(.*?)```", section, re.DOTALL)[1].splitlines()
    return commands, re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


def test_the_section_is_found():
    commands, code = blocks()
    assert [line.split()[:2] for line in commands] == [
        ["muspipe", name] for name in ("velocity", "identify", "export", "compare")
    ]
    assert "emg_from_json" in code


@pytest.mark.slow
def test_the_walk(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scan = "--iq --scenario echo --recording iq.h5 --truth truth.h5 --units 3 --seed 4 --set n_frames=800"
    assert main(["simulate", *scan.split()]) == 0
    truth = Result.load("truth.h5")
    # the motor neurons' discharges, 5 ms before the onsets
    emg = [times_s - 0.005 for times_s in truth.onsets]
    save_openhdemg(Result(**{**vars(truth), "firings": [np.maximum(times_s, 0) for times_s in emg]}), "emg.json")
    commands, code = blocks()
    for line in commands:
        assert main(line.split()[1:]) == 0, line
    said = capsys.readouterr().out
    rows = [line.split() for line in said.split("reference  delay")[1].splitlines()[1:4]]
    assert {row[1] for row in rows} == {"0", "1", "2"}
    assert all(15 < float(row[2]) < 50 and float(row[4]) > 0.6 for row in rows), said
    if not INTERPRETER.exists():
        pytest.skip(f"the commands ran; openhdemg is not at {INTERPRETER}: make test-openhdemg")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [INTERPRETER, "-c", code], env=environment | {"MPLBACKEND": "Agg"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
