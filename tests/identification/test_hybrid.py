"""What the network finds joins the separation where the separation has nothing, and nowhere else."""

import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from muspipe import Recording
from muspipe.baselines.ica import TunedICA
from muspipe.evaluation.metrics import match_territories
from muspipe.identification.hybrid import Hybrid
from muspipe.recordings.simulated import recording_of
from simulator import SimulationConfig, simulate


@dataclasses.dataclass(frozen=True)
class Told(Hybrid):
    """The method with a network that sees what it is told, and notes what it is shown."""

    sees: np.ndarray = dataclasses.field(default=None, compare=False)
    shown: list = dataclasses.field(default_factory=list, compare=False)

    def look(self, still):
        self.shown.append(still)
        return np.zeros((0, 64, 64), bool) if self.sees is None else self.sees


class Poorer(TunedICA):
    """A separation that overlooks the first unit."""

    def separate(self, recording):
        found = self.resolve(super().separate(recording))
        return found.only(np.arange(len(found.shapes)) > 0)


class Doubled(TunedICA):
    """A separation that finds the first unit twice."""

    def separate(self, recording):
        found = self.resolve(super().separate(recording))
        return found.only(np.array([0, *range(len(found.shapes))]))


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=6), 5)


@pytest.fixture(scope="module")
def recording(sequence):
    return recording_of(sequence, 20.0)


@pytest.fixture(scope="module")
def separation(recording):
    return TunedICA().separate(recording)


def test_territories_that_are_known_change_nothing(sequence, separation):
    assert TunedICA().join(separation, sequence.territories) is separation
    assert TunedICA().units(TunedICA().resolve(separation)).n_units == 6


def test_a_missing_unit_is_found_again(sequence, separation):
    ica = TunedICA()
    resolved = ica.resolve(separation)
    poorer = resolved.only(np.arange(len(resolved.shapes)) > 0)
    assert ica.units(poorer).n_units == 5
    units = ica.units(ica.join(poorer, sequence.territories))
    mine, true = match_territories(units.territories, sequence.territories)
    assert len(mine) == 6 == units.n_units
    for i, j in zip(mine, true, strict=True):
        assert np.corrcoef(units.twitch_trains[i], sequence.twitch_trains[j])[0, 1] > 0.99


def test_territories_alone_are_a_separation_too(sequence, separation):
    ica = TunedICA()
    none = separation.only(np.zeros(len(separation.shapes), bool))
    assert ica.units(ica.resolve(none)).n_units == 0
    assert ica.units(ica.resolve(ica.join(none, sequence.territories))).n_units == 6


def test_what_the_network_sees_is_used(sequence, recording):
    assert Told().find(recording).n_units == 6
    assert Told(alone_score=1.1).find(recording).n_units == 0
    units = Told(alone_score=1.1, sees=sequence.territories[:1]).find(recording)
    _, true = match_territories(units.territories, sequence.territories)
    assert true.tolist() == [0] and units.n_units == 1


def test_what_the_separation_overlooks_is_joined(sequence, recording):
    assert Told(ica=Poorer()).find(recording).n_units == 5
    units = Told(ica=Poorer(), sees=sequence.territories).find(recording)
    found, true = match_territories(units.territories, sequence.territories, 0.9)
    assert sorted(true.tolist()) == [0, 1, 2, 3, 4, 5] and units.n_units == 6


def test_what_the_separation_finds_twice_is_resolved(recording):
    assert len(Doubled().separate(recording).shapes) == 7
    assert Told(ica=Doubled()).find(recording).n_units == 6


def test_motion_of_the_whole_muscle_is_not_seen_by_the_network(sequence):
    y, x = np.mgrid[:64, :64] / 64
    surface = (1 + x + 0.5 * x * y)[..., None] * np.sin(2 * np.pi * np.arange(400) / 250 + 1)
    still = sequence.render(20.0)
    moving = Recording(still + 5 * still.std() * surface, frame_rate_hz=400.0, pixel_mm=0.625)
    hybrid = Told()
    assert hybrid.find(moving).n_units == 6
    (shown,) = hybrid.shown
    assert np.abs(shown.velocity - still).std() < 0.2 * still.std()
    assert (shown.frame_rate_hz, shown.pixel_mm, shown.velocity.shape) == (400.0, 0.625, (64, 64, 400))


def test_nothing_moves(recording):
    units = Told().find(recording.with_velocity(np.zeros((64, 64, 400), np.float32)))
    assert units.territories.shape == (0, 64, 64) and units.twitch_trains.shape == (0, 400)


def test_signals_of_the_other_kinds(sequence, recording):
    own = Told(sees=sequence.territories).find(recording)
    mean = Told(sees=sequence.territories, signals="mean").find(recording)
    assert own.n_units == 6
    np.testing.assert_array_equal(own.territories, mean.territories)
    assert not np.allclose(own.twitch_trains, mean.twitch_trains)
