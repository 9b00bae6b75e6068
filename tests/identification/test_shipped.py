"""The networks that come with the package do what their cards say, on sequences that nobody trained on."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json

import numpy as np
import pytest

from muspipe.evaluation.metrics import compare
from muspipe.evaluation.oracle import TrueTerritories
from muspipe.identification.method import get_method
from muspipe.models import pretrained, weight_files
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate
from simulator.shared.files import sha256_of_file


@pytest.fixture(scope="module")
def sequences():
    return [simulate(SimulationConfig.scenario("physiological", n_units=12), 7_000_000 + k) for k in range(4)]


def measured(find, sequences):
    """Mean metrics of find(recording, truth)."""
    rows = []
    for sequence in sequences:
        true = truth_of(sequence)
        rows.append(compare(find(recording_of(sequence, 10.0), true), true))
    return {name: np.mean([row[name] for row in rows]) for name in ("recall", "precision", "dice", "roa")}


@pytest.mark.parametrize("name", pretrained.names())
def test_files_are_those_of_their_cards(name):
    path = pretrained.path_of(name)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["name"] == name and card["sha256"] == sha256_of_file(path)
    preset, arrays, meta = weight_files.read(path)
    assert preset["name"] == card["preset"] and meta["name"] == name
    assert sum(array.size for array in arrays.values()) == card["weights"]
    assert path.stat().st_size < 4e6
    text = path.with_suffix(".md").read_text()
    assert card["sha256"] in text and f"{card['weights']:,} weights" in text
    assert {"## Training", "## Measured", "## Limits"} <= set(text.splitlines())


def test_what_there_is():
    assert pretrained.names() == ["seg-centre", "seg-compact", "seg-outline", "twitch-compact", "twitch-refit"]


@pytest.mark.parametrize("method", ["deep", "hybrid"])
def test_territories(method, sequences):
    found = measured(lambda recording, true: get_method(method).find(recording), sequences)
    assert found["recall"] > 0.9 and found["precision"] > 0.9 and found["dice"] > 0.9 and found["roa"] > 0.93


@pytest.mark.parametrize("twitch", ["twitch-compact", "twitch-refit"])
def test_twitch_trains(twitch, sequences):
    found = measured(TrueTerritories(twitch=twitch).find, sequences)
    mean = measured(TrueTerritories(signals="mean").find, sequences)
    assert found["roa"] > 0.93 and found["roa"] > mean["roa"] + 0.02
