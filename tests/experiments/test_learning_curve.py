"""The law through a training's curve."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "experiments/learning_curve.py"


@pytest.fixture
def run(tmp_path):
    """write(name, steps, {column: values}): the folder of a run."""

    def write(name, steps, columns):
        folder = tmp_path / name
        folder.mkdir()
        with open(folder / "history.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "hours", *columns])
            writer.writerows(zip(steps, np.asarray(steps) / 1000, *columns.values(), strict=True))
        return folder

    return write


def call(tmp_path, *words):
    command = [sys.executable, SCRIPT, *map(str, words), "--out", tmp_path / "curve.png"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_power_law_is_found_and_followed_over_two_runs(run, tmp_path):
    """Loss 0.5 + 2 (steps / 1,000)^-0.7; recall misses 0.1 + 0.4 (steps / 1,000)^-1. The second run begins at 0."""
    steps = np.arange(100, 3001, 100)
    columns = {"loss": 0.5 + 2 * (steps / 1000) ** -0.7, "recall": 0.9 - 0.4 * (steps / 1000) ** -1.0}
    first, second = steps <= 2000, steps > 2000
    runs = [
        run("a", steps[first], {name: values[first] for name, values in columns.items()}),
        run("b", steps[second] - 2000, {name: values[second] for name, values in columns.items()}),
    ]
    done = call(tmp_path, *runs, "--at", 30000, "--from", 500)
    assert done.returncode == 0, done.stderr
    loss, recall, _ = done.stdout.splitlines()
    assert loss == "loss after 30,000 steps: 0.685 (0.685-0.685)"
    assert recall == "recall after 30,000 steps: 0.887 (0.887-0.887)"
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_too_few_points_and_no_run(run, tmp_path):
    done = call(tmp_path, run("a", [100, 200, 300], {"loss": [3.0, 2.0, 1.0]}), "--column", "loss", "--from", 0)
    assert done.returncode == 2 and "loss: expected at least 4 values from step 0 on, got 3" in done.stderr
    assert call(tmp_path, tmp_path / "none").returncode == 2


def test_what_is_said_of_the_papers_segmentation_network(tmp_path):
    text = " ".join((ROOT / "experiments/README.md").read_text(encoding="utf-8").split())
    kept = ROOT / "experiments/printed/seg-clean"
    found = []
    for first in (300, 900):
        done = call(tmp_path, kept, "--column", "loss", "--from", first, "--at", 20_000, 600_000)
        numbers = [float(number) for number in re.findall(r"\d\.\d+", done.stdout.replace(str(tmp_path), ""))]
        found.append([f"{number:.2f}" for number in numbers])
    for a, low, high, b, low_b, high_b in found:
        assert f"{a} ({low}-{high})" in text and f"{b} ({low_b}-{high_b})" in text
