"""The field's methods on the same data: the script measures what it says, and README shows the stored numbers."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import field
from muspipe.firings import RULES
from muspipe.identification.method import METHODS
from muspipe.recordings.simulated import truth_of
from simulator import SimulationConfig, simulate

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


def test_readme_shows_the_stored_numbers():
    cells = field.read_csv(EXPERIMENTS / "results/field.csv")
    text = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    assert field.found_table(cells) in text and field.firings_table(cells) in text
    (n,) = {cell["seconds"][2] for cell in cells.values()}
    assert f"{n} sequences a cell" in " ".join(text.split())
    assert {key[:3] for key in cells} == set(field.CELLS)


def test_every_method_is_in():
    assert set(field.METHODS) == set(METHODS) and set(field.FIRING_METHODS) < set(METHODS)


def test_a_sequence_by_two_methods():
    row = json.loads(json.dumps(field.measured(("paper", 3, field.ANY_RATE), 0, 5, ("velbss", "ica"))))
    assert row["cell"] == ["paper", 3, 0] and list(row["methods"]) == ["velbss", "ica"]
    assert row["methods"]["ica"]["recall"] == 1 and row["methods"]["ica"].keys() == {*field.FOUND, "seconds"}


def test_a_rate_is_that_of_the_sequence():
    found = [field.measured(("paper", 3, rate_hz), 0, 5, ("ica",))["methods"]["ica"] for rate_hz in (5, 30)]
    assert found[0].keys() == {*(f"firings {rule}" for rule in RULES), "seconds"}
    slow, fast = (own["firings cbss"] for own in found)
    assert slow > 0.8 > fast and found[1]["firings discharges"] > fast


def test_true_trains_of_true_territories_agree():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=4), 3)
    true = truth_of(sequence)
    assert field.firings_by_rule(true, true)["firings discharges"] == 1
    nothing = dataclasses.replace(true, territories=np.zeros_like(true.territories))
    assert np.isnan(field.firings_by_rule(nothing, true)["firings paper"])


def test_summed_up_written_read_and_shown(tmp_path):
    def row(index, recall, roa):
        values = {"recall": recall, "precision": 0.5, "segmentation_recall": roa, "roa": roa, "seconds": 1.0}
        return {"cell": ["paper", 5, 0], "index": index, "seed": 1, "methods": {"stica": values}}

    cells = field.summarise([row(0, 1.0, 0.25), row(1, 0.5, None)])
    field.write_csv(tmp_path / "field.csv", cells)
    cells = field.read_csv(tmp_path / "field.csv")
    own = cells["paper", 5, 0, "stica"]
    assert own["recall"] == pytest.approx((0.75, np.sqrt(0.125), 2), abs=1e-4) and own["roa"] == (0.25, 0, 1)
    assert "| paper | 5 | 0.75 / 0.50 / 0.25 / 0.25 | - / - / - / - |" in field.found_table(cells)
    cells = {("echo", 15, 30, "hybrid"): {f"firings {rule}": (0.5, 0.1, 2) for rule in RULES}}
    assert "| echo | 30 | hybrid | 0.50 | 0.50 | 0.50 |" in field.firings_table(cells)
    assert [axis.get_title() for axis in field.drawn(cells).axes[:3]] == [f"scenario {s}" for s in field.SCENARIOS]
