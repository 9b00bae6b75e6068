"""What the network finds joins the separation where the separation has nothing, and nowhere else."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from muspipe.baselines.ica import TunedICA
from muspipe.evaluation.matching import match_territories
from muspipe.identification import segment
from muspipe.methods import get_method
from muspipe.models import pretrained
from simulator import SimulationConfig, simulate

GEOMETRY = {"frame_rate_hz": 400.0, "pixel_mm": 0.625}


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=6), 5)


@pytest.fixture
def network(monkeypatch):
    """A network that says what it is told; returns the list of (territories, scores) to be said."""
    said = []
    monkeypatch.setattr(pretrained, "load", lambda name: None)
    monkeypatch.setattr(segment, "find_territories", lambda *args, **kwargs: said[-1])
    return said


def test_territories_that_are_known_change_nothing(sequence):
    velocity, ica = sequence.render(20.0), TunedICA()
    alone = ica.separate(velocity, **GEOMETRY)
    with_more = ica.separate(velocity, more=lambda _: sequence.territories, **GEOMETRY)
    assert len(alone.shapes) == 6
    np.testing.assert_array_equal(alone.shapes, with_more.shapes)
    np.testing.assert_array_equal(alone.signals, with_more.signals)


def test_a_missing_unit_is_found_again(sequence):
    velocity, ica = sequence.render(20.0), TunedICA()
    found = ica.separate(velocity, **GEOMETRY)
    poorer = found.only(np.arange(len(found.shapes)) > 0)
    units = ica.result(ica._joined(poorer, sequence.territories))
    mine, true = match_territories(units.territories, sequence.territories)
    assert len(mine) == 6 == len(units.scores)
    for i, j in zip(mine, true, strict=True):
        assert np.corrcoef(units.twitch_trains[i], sequence.twitch_trains[j])[0, 1] > 0.99


def test_what_the_network_says_is_used(sequence, network):
    velocity = sequence.render(20.0)
    none = np.zeros((0, 64, 64), bool), np.zeros(0, np.float32)
    network.append(none)
    assert len(get_method("hybrid").find(velocity, **GEOMETRY).scores) == 6
    assert len(get_method("hybrid", alone_score=1.1).find(velocity, **GEOMETRY).scores) == 0
    network.append((sequence.territories[:1], np.array([0.9], np.float32)))
    units = get_method("hybrid", alone_score=1.1).find(velocity, **GEOMETRY)
    found, true = match_territories(units.territories, sequence.territories)
    assert true.tolist() == [0] and len(units.scores) == 1


def test_motion_of_the_whole_muscle_is_not_seen_by_the_network(sequence, monkeypatch):
    y, x = np.mgrid[:64, :64] / 64
    surface = (1 + x + 0.5 * x * y)[..., None] * np.sin(2 * np.pi * np.arange(400) / 250 + 1)
    still = sequence.render(20.0)
    velocity = (still + 5 * still.std() * surface).astype(np.float32)
    shown = []

    def find(model, velocity, **_):
        shown.append(velocity)
        return sequence.territories[:0], np.zeros(0, np.float32)

    monkeypatch.setattr(pretrained, "load", lambda name: None)
    monkeypatch.setattr(segment, "find_territories", find)
    assert len(get_method("hybrid").find(velocity, **GEOMETRY).scores) == 6
    assert np.abs(shown[0] - still).std() < 0.2 * still.std()


def test_nothing_moves(network):
    network.append((np.zeros((0, 64, 64), bool), np.zeros(0, np.float32)))
    units = get_method("hybrid").find(np.zeros((64, 64, 400), np.float32), **GEOMETRY)
    assert units.territories.shape == (0, 64, 64) and units.twitch_trains.shape == (0, 400)


def test_signals_of_the_other_kinds(sequence, network):
    velocity = sequence.render(20.0)
    network.append((sequence.territories, np.ones(6, np.float32)))
    own = get_method("hybrid").find(velocity, **GEOMETRY)
    mean = get_method("hybrid", signals="mean").find(velocity, **GEOMETRY)
    np.testing.assert_array_equal(own.territories, mean.territories)
    assert not np.allclose(own.twitch_trains, mean.twitch_trains)
