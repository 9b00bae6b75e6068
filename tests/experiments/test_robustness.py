"""Recordings as scanners give them: the cases are what their titles say, and the READMEs show the stored numbers."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))

import robustness  # noqa: E402
from cases import CASES, PHYSIOLOGICAL, Case, blurred, burst, dead, sequence_of, white  # noqa: E402

STORED = ROOT / "experiments/results/robustness.csv"


def test_a_sequence_follows_from_seed_and_index():
    one, other = (sequence_of(CASES["burst"], 3, 5, index)[1] for index in (0, 0))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, sequence_of(CASES["burst"], 3, 5, 1)[1])
    assert sequence_of(CASES["burst"], 3, 5, 0)[0].n_units == 3


@pytest.mark.parametrize("name", CASES)
def test_every_case_can_be_had(name):
    case = CASES[name]
    sequence, velocity = sequence_of(case, case.counts[0], 1, 0)
    assert velocity.shape == (64, 64, 400) and np.isfinite(velocity).all() and velocity.std() > 0
    assert sequence.n_units == case.counts[0]


def test_blurred_noise_has_its_power_and_its_neighbours():
    rng = np.random.default_rng(0)
    clean = np.sin(np.arange(400) / 9)[None, None] * np.ones((64, 64, 1))
    noise = blurred(1, 20)(clean, rng) - clean
    assert 10 * np.log10(np.mean(clean**2) / noise.var()) == pytest.approx(20, abs=0.1)
    assert np.mean(noise[1:] * noise[:-1]) / noise.var() == pytest.approx(np.exp(-0.25), abs=0.05)


def test_artefacts_are_what_they_say():
    velocity = np.random.default_rng(1).standard_normal((64, 64, 400)).astype(np.float32)
    changed = np.abs(burst(velocity, np.random.default_rng(0)) - velocity).max(axis=(0, 1)) > 0
    assert changed.sum() == 5 and np.diff(np.flatnonzero(changed)).max() == 1
    gone = (dead(velocity, np.random.default_rng(0)) == 0).all(axis=2)
    assert gone.mean() == pytest.approx(0.1, abs=0.02)
    assert white(velocity, np.random.default_rng(0)).std() == pytest.approx(1, abs=0.01)


def test_sequences_are_measured_and_summed_up(tmp_path):
    row = robustness.measured("physiological", 3, "ica", 0, seed=4)
    assert row["recall"] == 1 and row["mean_iou"] > 0.7 and row["seconds"] > 0
    cells = robustness.summarise([row, row | {"recall": 0.5}])
    assert cells["physiological", 3, "ica"]["recall"] == pytest.approx((0.75, np.sqrt(0.125), 2))
    robustness.write_csv(tmp_path / "r.csv", cells)
    assert robustness.read_csv(tmp_path / "r.csv")["physiological", 3, "ica"]["recall"] == (0.75, 0.3536, 2)


def test_the_table_says_what_was_measured_and_aimed_at():
    cells = {
        ("paper", 5, "ica"): {"recall": (0.987, 0, 9), "precision": (1.0, 0, 9), "roa_discharges": (0.5, 0, 9)},
        ("noise", 0, "ica"): {"n_found": (0.25, 0, 4)},
    }
    lines = robustness.table(cells).splitlines()
    assert lines[2] == "| paper, 10 dB | 5 | 0.99 / 0.99 / 0.98 | 0.99 / 1.00 / 0.50 |"
    assert lines[3] == "| white noise alone | 0 | 0.01 false | 0.25 false |"
    figure = robustness.drawn(cells)
    assert [axis.get_xlabel() for axis in figure.axes] == ["recall", "precision"]


def test_a_case_has_its_settings():
    assert Case("x", PHYSIOLOGICAL, 20).counts == (5, 15)
    assert CASES["halved"].config.diameter_mm == (1.25, 5) and CASES["doubled"].config.diameter_mm == (5, 20)
    assert CASES["dragged-5"].config.tissue.drag_share == (0.5, 0.5) and CASES["dragged-5"].config.motion is None
    assert CASES["moving"].config.motion.relative_rms == (5, 5) and CASES["moving"].config.motion.pulse_chance == 1
    assert CASES["ellipses"].config.echo is None and CASES["ellipses"].config.tissue.axis_ratio == (2, 2)


def test_the_readmes_show_the_stored_numbers():
    cells = robustness.read_csv(STORED)
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    assert robustness.table(cells, ["ica", "deep", "hybrid"]) in text
    of_echoes = ("echo-30", "echo-15", "dragged-2", "dragged-5", "moving", "all", "noise-echo")
    table = robustness.table(cells, ["hybrid"], of_echoes)
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
