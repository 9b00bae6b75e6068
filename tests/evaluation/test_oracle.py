"""The oracle, which is told the true territories."""

import numpy as np
import pytest

from muspipe import InputError, identify
from muspipe.evaluation import EVALUATED
from muspipe.evaluation.oracle import TrueTerritories
from muspipe.identification.method import get_method, settings_of
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=4), 5)


def test_it_is_for_evaluation_only(sequence):
    with pytest.raises(InputError, match="unknown method 'twitch-true': expected one of deep, hybrid, ica, stica"):
        identify(recording_of(sequence), method="twitch-true")
    assert get_method("twitch-true", table=EVALUATED) == TrueTerritories()


def test_it_keeps_the_territories_and_finds_the_trains(sequence):
    units = TrueTerritories(signals="least-squares").find(recording_of(sequence), truth_of(sequence))
    np.testing.assert_array_equal(units.territories, sequence.territories)
    np.testing.assert_allclose(units.twitch_trains, sequence.twitch_trains, atol=1e-2)
    assert units.scores.tolist() == [1, 1, 1, 1]


def test_only_the_network_in_use_is_part_of_the_settings():
    settings = {"signals", "twitch", "territory_error"}
    assert set(settings_of(TrueTerritories())) == settings | {"twitch_sha256"}
    assert set(settings_of(TrueTerritories(signals="mean"))) == settings


def test_wrong_territories_make_other_trains(sequence):
    recording, true = recording_of(sequence, 20.0), truth_of(sequence)
    right = TrueTerritories(signals="least-squares").find(recording, true)
    wrong = TrueTerritories(signals="least-squares", territory_error=1.0)
    one, other = wrong.find(recording, true), wrong.find(recording, true)
    np.testing.assert_array_equal(one.twitch_trains, other.twitch_trains)
    np.testing.assert_array_equal(one.territories, right.territories)
    assert not np.allclose(one.twitch_trains, right.twitch_trains, rtol=0.1)
    with pytest.raises(InputError, match="territory_error: expected a number from 0 to 10, got -1"):
        TrueTerritories(territory_error=-1)
