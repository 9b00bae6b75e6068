"""Separation and network together: each adds what the other overlooks, and what the data do not bear out is dropped."""

import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from muspipe.baselines.ica import TunedICA
from muspipe.evaluation.metrics import match_territories
from muspipe.identification.hybrid import Hybrid
from muspipe.identification.signals import clearest
from muspipe.recordings.simulated import recording_of
from muspipe.territories import discs, iou
from simulator import SimulationConfig, simulate
from simulator.shared.threads import one_blas_thread


@dataclasses.dataclass(frozen=True)
class Told(Hybrid):
    """The method with a network that sees what it is told, and least squares for the trains."""

    signals: str = "least-squares"
    sees: np.ndarray = dataclasses.field(default=None, compare=False)
    sure: float = 0.95

    def look(self, recording):
        sees = np.zeros((0, 64, 64), bool) if self.sees is None else self.sees
        return sees, np.full(len(sees), self.sure)


class Blind(TunedICA):
    """A separation that finds nothing in what moves."""

    def resolve(self, found):
        return found.only(np.zeros(len(found.shapes), bool))


class Poorer(TunedICA):
    """A separation that overlooks the first unit."""

    def resolve(self, found):
        found = super().resolve(found)
        return found.only(np.arange(len(found.shapes)) > 0)


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("physiological", n_units=6), 5)


@pytest.fixture(scope="module")
def recording(sequence):
    return recording_of(sequence, 20.0)


def found_of(units, sequence, threshold=0.5):
    return sorted(match_territories(units.territories, sequence.territories, threshold)[1].tolist())


def test_both_find_all(sequence, recording):
    units = Told(sees=sequence.territories).find(recording)
    assert units.n_units == 6 and found_of(units, sequence, 0.8) == [0, 1, 2, 3, 4, 5]
    assert (np.diff(units.scores) <= 0).all() and units.scores.min() >= 0.5


def test_what_the_separation_overlooks_the_network_adds(sequence, recording):
    ica = Poorer(diameter_mm=(1.2, 20.0), min_score=0.1)
    assert Told(ica=ica, sees=sequence.territories).find(recording).n_units == 6
    without = Told(ica=ica, sees=None).find(recording)
    assert len(found_of(without, sequence)) <= 5


def test_the_network_alone_is_enough(sequence, recording):
    units = Told(ica=Blind(), sees=sequence.territories).find(recording)
    assert len(found_of(units, sequence, 0.99)) >= 5


def test_what_the_data_do_not_bear_out_is_dropped(sequence, recording):
    free = ~sequence.territories.any(axis=0)
    inside = next(
        disc
        for disc in discs(np.argwhere(free[6:-6, 6:-6]) + 6.5, np.full(np.sum(free[6:-6, 6:-6]), 5.0), (64, 64))
        if not (disc & ~free).any()
    )
    units = Told(sees=np.concatenate([sequence.territories, inside[None]]), sure=0.5).find(recording)
    assert units.n_units == 6 and not (units.territories == inside).all(axis=(1, 2)).any()


def test_min_score_is_a_probability(sequence, recording):
    all_units = Told(sees=sequence.territories).find(recording)
    level = float(np.sort(all_units.scores)[2]) + 1e-6
    assert Told(sees=sequence.territories, min_score=level).find(recording).n_units == 3


def test_copies_are_one_unit(sequence, recording):
    twice = np.concatenate([sequence.territories, sequence.territories])
    assert Told(sees=twice).find(recording).n_units == 6


def test_a_unit_drawn_twice_is_one(sequence, recording):
    """Three pixels lower the IoU is far below that of a copy, but the signal is nearly the same."""
    again = np.roll(sequence.territories[1], 3, axis=0)
    assert iou(again[None], sequence.territories[1:2])[0, 0] < 0.6
    seen = np.concatenate([sequence.territories, again[None]])
    assert Told(sees=seen, min_score=0.0).find(recording).n_units == 6
    assert Told(sees=seen, min_score=0.0, copy_correlation=1.0).find(recording).n_units == 7
    assert Told(sees=seen, min_score=0.0, copy_iou=0.6).find(recording).n_units == 7


def test_a_part_of_a_unit_is_none(sequence, recording):
    """The upper half of the largest unit: too small for a copy, but its signal is that of the whole."""
    whole = sequence.territories[sequence.territories.sum(axis=(1, 2)).argmax()]
    half = whole & (np.arange(64) < np.median(np.nonzero(whole)[0]))[:, None]
    seen = np.concatenate([sequence.territories, half[None]])

    def n_units(**settings):
        return Told(ica=Blind(), sees=seen, min_score=0.0, **settings).find(recording).n_units

    assert n_units(part_borrowed=0.5) == 6
    assert n_units(part_borrowed=1.0) == n_units(part_borrowed=0.5, part_share=1.0) == 7


def test_nothing_moves(recording):
    units = Told().find(recording.with_velocity(np.zeros((64, 64, 400), np.float32)))
    assert units.territories.shape == (0, 64, 64) and units.twitch_trains.shape == (0, 400)


def test_signals_of_the_other_kinds(sequence, recording):
    own = Told(sees=sequence.territories).find(recording)
    mean = Told(sees=sequence.territories, signals="mean").find(recording)
    np.testing.assert_array_equal(own.territories, mean.territories)
    assert not np.allclose(own.twitch_trains, mean.twitch_trains)


def test_trains_are_those_of_the_separation_where_it_has_them(sequence, recording):
    """Of the unit that it overlooks, the train is computed from its territory."""
    ica = Poorer(diameter_mm=(1.2, 20.0), min_score=0.1)
    both = Told(ica=ica, sees=sequence.territories, signals="separation").find(recording)
    network = Told(ica=ica, sees=sequence.territories, signals="network").find(recording)
    np.testing.assert_array_equal(both.territories, network.territories)
    alike = (both.twitch_trains == network.twitch_trains).all(axis=1)
    assert alike.sum() == 1 and both.n_units == 6
    with one_blas_thread():  # as within the method: which unit is the first may depend on the threads
        own = ica.units(ica.resolve(ica.separate(recording))).twitch_trains
    assert all(np.isclose(train, own, atol=1e-3).all(axis=1).any() for train in both.twitch_trains[~alike])


def test_clearest_takes_what_twitches_explain(sequence):
    """Of a train that is clean and one that holds what is no twitch the clean one; of two with noise of their own, the
    mean; where the separation has none, the network's."""
    true = sequence.twitch_trains / sequence.twitch_trains.std(axis=1, keepdims=True)
    noise = np.random.default_rng(0).standard_normal((2, 400)).astype(np.float32)
    separated = np.stack([true[0], true[1] - 0.8 * true[2], 2 * (true[3] + 0.4 * noise[0]), np.full(400, np.nan)])
    predicted = np.stack([true[0] - 0.8 * true[4], true[1], true[3] + 0.4 * noise[1], true[5]])
    found = clearest(separated.astype(np.float32), predicted, 400.0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], separated[0].astype(np.float32))
    np.testing.assert_array_equal(found[[1, 3]], predicted[[1, 3]])
    mean = true[3] + 0.2 * noise.sum(axis=0)
    assert np.corrcoef(found[2], mean)[0, 1] > 0.9999  # and of the separation's scale
    assert found[2].std() == pytest.approx(separated[2].std(), rel=0.1)


def test_hybrid_takes_the_clearest(sequence, recording):
    given = Told(sees=sequence.territories, signals="clearest").find(recording)
    kinds = [
        Told(sees=sequence.territories, signals=kind).find(recording).twitch_trains
        for kind in ("separation", "network")
    ]
    np.testing.assert_array_equal(given.twitch_trains, clearest(*kinds, 400.0))


def test_warnings_are_kept_where_no_unit_is(recording):
    units = Told(min_score=1.0, ica=TunedICA(max_components=4)).find(recording)
    assert units.n_units == 0 and len(units.warnings) == 1
