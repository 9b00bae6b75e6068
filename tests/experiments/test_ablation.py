"""The choices that the paper leaves open: variants are what they say, differences are of the same sequences, and
experiments/README.md shows the stored numbers."""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import ablation, choices
from experiments.choices import CHOICES, METHODS, PAPER, Judge
from muspipe.identification.method import get_method
from muspipe.recordings.simulated import truth_of
from simulator import simulate

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = {(c, v): variant for c, choice in CHOICES.items() for v, variant in choice.variants.items()}


@pytest.fixture(scope="module")
def sequence():
    return simulate(dataclasses.replace(PAPER, n_units=4), 3)


@pytest.mark.parametrize("place", VARIANTS, ids="-".join)
def test_a_variant_changes_one_thing_and_can_be_had(place):
    variant = VARIANTS[place]
    parts = [variant.config, variant.noise, variant.methods, variant.judge]
    assert sum(bool(part) for part in parts) == 1
    assert simulate(dataclasses.replace(PAPER, n_units=2, **variant.config), 1).n_units == 2
    for label, (method, settings) in variant.methods.items():
        assert label in METHODS
        if variant.methods[label] != METHODS[label]:
            assert get_method(method, settings) != get_method(*METHODS[label])
        else:
            assert variant.network
    assert variant.judge != Judge()


def test_networks_of_variants():
    """They are presets that can be; the anchors are all those that have a name, and compact's own."""
    from muspipe.models import get_preset
    from muspipe.models.segmentation import ANCHORS

    for variant in VARIANTS.values():
        changes = variant.network.get(choices.TRAINED, variant.network)
        assert get_preset("seg", "compact").changed(changes).mask_rcnn["RPN_CHANNELS"] == 128
    assert {*CHOICES["anchors"].variants} == {*ANCHORS, "own"}


def test_definitions_of_the_noise(sequence):
    """One unit that fills a quarter of the image, with a train of 3 and -1: SDs that can be computed on paper."""

    class Quarter:
        territories = np.zeros((1, 4, 4), bool)
        twitch_trains = np.array([[3.0, -1.0]])

    Quarter.territories[0, :2, :2] = True
    velocity = Quarter.territories[0][..., None] * Quarter.twitch_trains
    sds = {name: getattr(choices, name)(Quarter, velocity) for name in ("whole", "in_territories", "of_one_unit")}
    assert sds == pytest.approx({"whole": 0.125**0.5, "in_territories": 0.5**0.5, "of_one_unit": 0.5**0.5})
    assert choices.of_peak(Quarter, velocity) == pytest.approx(3 / 10**0.5)
    assert choices.of_amplitudes(Quarter, velocity) == pytest.approx(1.25**0.5 / 10)
    clean = sequence.render()
    own = sequence.render(choices.SNR_DB) - clean
    assert choices.whole(sequence, clean) == pytest.approx(own.std(), rel=0.01)


def test_judges(sequence):
    """The truth itself, three of four units, one of them half as large."""
    true = truth_of(sequence)
    territories = true.territories[:3].copy()
    rows = np.flatnonzero(territories[0].any(axis=1))
    territories[0, rows[: round(0.4 * len(rows))]] = False
    found = dataclasses.replace(
        true,
        territories=territories,
        twitch_trains=true.twitch_trains[:3],
        scores=true.scores[:3],
        firings=true.firings[:3],
        firing_latencies=None,
        firing_confidences=None,
    )

    def judged(**changes):
        return ablation.judged(found, true, sequence.firings, Judge(**changes))

    plain = judged()
    assert plain["recall"] == 0.75 and plain["precision"] == 1 and plain["roa"] == 1
    assert judged(least_iou=0.9)["recall"] == 0.5 and judged(missed=True)["roa"] == 0.75
    assert judged(reference="peaks")["roa"] > 0.9 > 0.3 > judged(reference="discharges")["roa"]
    assert judged(reference="discharges", tolerance_s=0.04)["roa"] > 0.7
    assert judged(rule="discharges")["roa"] > 0.95


def test_rows_of_a_sequence(tmp_path):
    rows = ablation.measured(*ablation.TAKEN, 2, 0, 5, ("stica",), tmp_path)
    judges = [place for place, variant in VARIANTS.items() if variant.judge]
    assert [(row["choice"], row["value"]) for row in rows] == [ablation.TAKEN, *judges]
    (other,) = ablation.measured("profile", "hill", 2, 0, 5, ("stica",), tmp_path)
    assert other["segmentation_recall"] < 0.9 < rows[0]["segmentation_recall"] and other["index"] == 0
    json.dumps(rows)


def row_of(choice, value, index, recall, method="stica"):
    key = {"choice": choice, "value": value, "units": 25, "index": index, "seed": 1, "method": method}
    return key | dict.fromkeys(ablation.METRICS, 0.5) | {"recall": recall, "roa": None}


def test_differences_are_of_the_same_sequences(tmp_path):
    """Three sequences as taken, two of a variant; anchors are held against the first of them."""
    taken = [row_of(*ablation.TAKEN, i, recall) for i, recall in enumerate((0.9, 0.7, 0.1))]
    variant = [row_of("threshold", "2", i, recall) for i, recall in enumerate((0.6, 0.2))]
    anchors = [row_of("anchors", v, 0, r, "compact") for v, r in (("own", 0.6), ("territory-sized", 0.8))]
    cells = ablation.summarise(taken + variant + anchors)
    key = ("threshold", "2", 25, "stica", "recall")
    assert cells[key] == pytest.approx((0.4, 0.08**0.5, 2, -0.4, 0.1))
    assert cells["anchors", "territory-sized", 25, "compact", "recall"][3] == pytest.approx(0.2)
    assert not any(key[4] == "roa" for key in cells)
    ablation.write_csv(tmp_path / "a.csv", cells)
    again = ablation.read_csv(tmp_path / "a.csv")
    assert again[key] == pytest.approx((0.4, 0.2828, 2, -0.4, 0.1)) and list(again)[0][:2] == ablation.TAKEN
    assert np.isnan(again["anchors", "own", 25, "compact", "recall"][1])  # of one sequence
    lines = ablation.table(again).splitlines()
    assert lines[2] == "| as taken | - | - | 0.57 / 0.50 / - | - | - |" and len(lines) == 6
    assert "stICA's maps: 3 SDs | 2 SDs | - | 0.40 / 0.50 / - |" in lines[5]
    assert len(ablation.drawn(again).axes) == 4


def test_a_run_goes_on(tmp_path):
    args = argparse.Namespace(limit=6, units=[25, 5], seed=1, methods=["stica"])
    tasks = list(ablation.tasks(["threshold", "nms"], args))
    assert len(tasks) == (1 + 3 + 3) * 6 * 2 == len(set(tasks))
    assert [t[0] for t in tasks[:36]] == ["nms"] * 36 and tasks[36] == ("taken", "", 25, 0, 1)
    assert {t[3] for t in tasks[36 : 36 + 40]} == set(range(5))
    journal = tmp_path / "j.jsonl"
    journal.write_text('{"a": 1}\n{"a": 2}\n{"a": ')
    assert ablation.read_journal(journal) == [{"a": 1}, {"a": 2}]
    assert journal.read_text() == '{"a": 1}\n{"a": 2}\n'


def test_the_readme_shows_the_stored_numbers():
    cells = ablation.read_csv(ROOT / "experiments/results/ablation.csv")
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    assert ablation.table(cells) in text


@pytest.mark.slow
def test_networks_of_their_own_are_made(tmp_path):
    """A short training, and another preset with the weights that are shipped."""
    from muspipe.models.pretrained import load_model

    ablation.prepare_networks(tmp_path, ["anchors", "nms"], steps=1)
    made = {path.stem: load_model(path)[0].preset for path in (tmp_path / "networks").glob("*.h5")}
    assert len(made) == 7
    assert made["nms-detections-0.3"].mask_rcnn["DETECTION_NMS_THRESHOLD"] == 0.3
    assert made["anchors-territory-sized"].mask_rcnn["RPN_ANCHOR_RATIOS"] == [0.5, 1, 2]
