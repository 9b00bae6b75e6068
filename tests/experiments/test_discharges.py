"""The table of firings in experiments/README.md is that of the stored numbers, and the script makes such numbers."""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from experiments import discharges

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


def test_readme_shows_the_stored_numbers():
    with open(EXPERIMENTS / "results/discharges.csv", newline="") as file:
        columns, *rows = [tuple(row) for row in csv.reader(file)]
    assert columns == discharges.COLUMNS
    assert discharges.table(rows) in (EXPERIMENTS / "README.md").read_text(encoding="utf-8")


def test_every_case_is_what_its_title_says():
    cases = discharges.cases("physiological")
    assert cases["30 Hz"][0].firing_rate_hz == (30, 30) and cases["8-13 Hz"][0].firing_rate_hz == (8, 13)
    assert cases["amplitudes unlike, SD 0.3"][0].tissue.amplitude_sd == (0.3, 0.3)
    trains = np.ones((2, 400))
    moved = discharges.sine(trains, np.random.default_rng(1)) - trains
    assert 0.5 < np.abs(moved).max() <= 1 and len(np.unique(np.sign(moved[0]))) <= 3
    assert discharges.noise_alone(trains, np.random.default_rng(1)).std() > 0.9


def test_rows_of_a_case():
    config, change = discharges.cases("paper")["30 Hz"]
    rows = list(discharges.measured("paper", "30 Hz", dataclasses.replace(config, n_units=3), change, 5, 1))
    assert all(len(row) == len(discharges.COLUMNS) for row in rows)
    roa = {row[2:4]: float(row[4]) for row in rows}
    assert roa["clean", "discharges"] > 0.9 > 0.7 > roa["clean", "paper"]
    assert {row[8] for row in rows} == {3}
