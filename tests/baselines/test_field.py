"""The separations of the field on simulated sequences: what each is, and what all are."""

import warnings

import numpy as np
import pytest

from muspipe.baselines.components import SingularVectors
from muspipe.baselines.spatiotemporal import SpatioTemporalJADE, SpatioTemporalSOBI
from muspipe.baselines.spca import SparsePCA, _sparse
from muspipe.baselines.velbss import FastVelocityBSS
from muspipe.errors import InputError
from muspipe.evaluation.metrics import compare
from muspipe.identification.method import get_method
from muspipe.recordings.recording import Recording
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate

NAMES = ("stica", "stjade", "stsobi", "spca", "velbss")
CLASSES = (SpatioTemporalJADE, SpatioTemporalSOBI, SparsePCA, FastVelocityBSS)


@pytest.fixture(scope="module")
def five():
    """Five units whose territories do not touch each other much, 10 dB: (recording, truth)."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=5), 7001)
    return recording_of(sequence, 10), truth_of(sequence)


@pytest.mark.parametrize(
    ("name", "recall", "precision", "roa"),
    [("stica", 0.9, 0.9, 0.9), ("stjade", 0.9, 0.9, 0.9), ("stsobi", 0.9, 0.7, 0.6), ("velbss", 0.9, 0.9, 0.9)],
)
def test_few_units_are_found(name, recall, precision, roa, five):
    got = compare(get_method(name).find(five[0]), five[1], "paper")
    assert got["recall"] >= recall and got["precision"] >= precision and got["roa"] >= roa


def test_sparse_maps_find_units_of_their_size():
    """Three discs of 5.6 mm apart from each other: each is one component."""
    config = SimulationConfig.scenario("paper", n_units=3, diameter_mm=(5.6, 5.6))
    sequence = next(s for s in (simulate(config, 7100 + i) for i in range(50)) if s.territories.sum(axis=0).max() == 1)
    got = compare(SparsePCA(n_components=3).find(recording_of(sequence, 20)), truth_of(sequence), "paper")
    assert got["recall"] == got["precision"] == 1 and got["segmentation_recall"] > 0.8


def test_a_sparse_map_has_so_many_pixels_and_norm_one():
    maps = _sparse(np.array([[3.0, -1.0], [-2.0, 4.0], [1.0, 0.5], [0.5, 0.2]]), 2)
    np.testing.assert_allclose(maps, np.array([[2, -0.5], [-1, 3.5], [0, 0], [0, 0]]) / np.sqrt([5, 12.5]))
    assert np.count_nonzero(_sparse(np.ones((4, 1)) * [[1], [2], [3], [4]], 4)) == 4


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", [SpatioTemporalJADE, SpatioTemporalSOBI])
def test_the_components_add_up_to_the_velocity(kind, alpha, five):
    vectors = SingularVectors.of(five[0])
    maps, trains = kind(alpha=alpha).separate(vectors, 6, five[0])
    part = vectors.first(6)
    np.testing.assert_allclose(maps @ trains.T, part.left * part.values @ part.right.T, atol=1e-9)


@pytest.mark.parametrize("kind", [SpatioTemporalJADE, SpatioTemporalSOBI])
def test_alpha_says_which_side_is_uncorrelated(kind, five):
    vectors = SingularVectors.of(five[0])
    maps = kind(alpha=1.0).separate(vectors, 4, five[0])[0]
    trains = kind(alpha=0.0).separate(vectors, 4, five[0])[1]
    for side in (maps, trains):
        np.testing.assert_allclose(side.T @ side, np.eye(4), atol=1e-9)


def test_trains_of_the_fast_separation_are_the_velocitys_on_its_maps(five):
    vectors = SingularVectors.of(five[0])
    maps, trains = FastVelocityBSS().separate(vectors, 5, five[0])
    part = vectors.first(5)
    np.testing.assert_allclose(maps @ trains.T, part.left * part.values @ part.right.T, atol=0.02)
    assert (np.mean(maps**3, axis=0) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_twitch_trains_have_the_velocitys_unit(name):
    config = SimulationConfig.scenario("paper", n_units=1, diameter_mm=(4.5, 4.5))
    sequence = simulate(config, 3)
    for scale in (1.0, 1000.0):
        velocity = scale * sequence.render(20)
        units = get_method(name, {"n_components": 2}).find(Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625))
        ratio = np.linalg.norm(units.twitch_trains[0]) / np.linalg.norm(scale * sequence.twitch_trains[0])
        assert ratio == pytest.approx(1, abs=0.15)
        assert np.corrcoef(units.twitch_trains[0], sequence.twitch_trains[0])[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["noise", "one value", "one pixel", "rank one"])
@pytest.mark.parametrize("method", CLASSES)
def test_odd_recordings_are_no_error(method, kind):
    shape, rng = (9, 31, 100), np.random.default_rng(0)
    velocity = np.zeros(shape)
    if kind == "noise":
        velocity = rng.standard_normal(shape)
    if kind == "one value":
        velocity[..., 50] = 1
    if kind == "one pixel":
        velocity[3, 4] = rng.standard_normal(shape[2])
    if kind == "rank one":
        velocity = rng.random((9, 31, 1)) * np.sin(np.arange(100) / 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        units = method().find(Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625))
    assert units.territories.shape[1:] == shape[:2] and units.twitch_trains.shape[1] == shape[2]
    assert np.isfinite(units.twitch_trains).all() and np.isfinite(units.scores).all()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("stjade", {"alpha": 1.5}, "alpha: expected a number from 0 to 1, got 1.5"),
        ("spca", {"disc_mm": 0}, r"disc_mm: expected a number above 0 up to 1000 \[mm\], got 0"),
        ("velbss", {"n_components": 0}, "n_components: expected an integer from 1 to 500, got 0"),
        ("stsobi", {"lags": 3}, "method 'stsobi' has no setting 'lags'; it has n_components"),
    ],
)
def test_wrong_settings_are_said(name, settings, message):
    with pytest.raises(InputError, match=message):
        get_method(name, settings)
