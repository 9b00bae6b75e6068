"""Both separations on simulated sequences that no setting was tuned on."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from muspipe.baselines.ica import TunedICA
from muspipe.baselines.stica import SpatioTemporalICA
from muspipe.evaluation.metrics import compare
from muspipe.recordings.recording import Recording
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate


def recorded(velocity, pixel_mm=0.625):
    return Recording(velocity, frame_rate_hz=400.0, pixel_mm=pixel_mm)


def mean_metrics(method, scenario, n_units, snr_db, seeds, **changes):
    rows = []
    for seed in seeds:
        sequence = simulate(SimulationConfig.scenario(scenario, n_units=n_units, **changes), seed)
        rows.append(compare(method.find(recording_of(sequence, snr_db)), truth_of(sequence)))
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(
    "scenario, n_units, snr_db, recall, precision, seg_recall, seg_precision, roa",
    [
        ("paper", 1, 10, 1.00, 0.99, 0.98, 0.99, 0.99),
        ("paper", 25, None, 0.95, 0.99, 0.97, 0.99, 0.96),
        ("paper", 25, 10, 0.95, 0.98, 0.97, 0.99, 0.96),
        ("physiological", 5, 20, 0.95, 0.95, 0.93, 0.97, 0.97),
        ("physiological", 25, 20, 0.92, 0.92, 0.92, 0.96, 0.94),
    ],
)
def test_tuned_ica_finds_the_units(scenario, n_units, snr_db, recall, precision, seg_recall, seg_precision, roa):
    got = mean_metrics(TunedICA(), scenario, n_units, snr_db, range(7000, 7005))
    assert got["recall"] >= recall and got["precision"] >= precision
    assert got["segmentation_recall"] >= seg_recall and got["segmentation_precision"] >= seg_precision
    assert got["roa"] >= roa


def test_twitch_trains_have_the_velocitys_unit():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=1), 1)
    for scale in (1.0, 1000.0):
        units = TunedICA().find(recorded(scale * sequence.render(20)))
        np.testing.assert_allclose(units.twitch_trains / scale, sequence.twitch_trains, atol=0.1)


def test_nothing_in_noise():
    noise = np.random.default_rng(0).standard_normal((64, 64, 400)).astype(np.float32)
    units = TunedICA().find(recorded(noise))
    assert units.territories.shape == (0, 64, 64) and units.twitch_trains.shape == (0, 400) and len(units.scores) == 0


def test_the_same_every_time_and_best_first():
    velocity = simulate(SimulationConfig.scenario("paper", n_units=10), 2).render(10)
    first, second = (TunedICA().find(recorded(velocity)) for _ in range(2))
    np.testing.assert_array_equal(first.territories, second.territories)
    np.testing.assert_array_equal(first.twitch_trains, second.twitch_trains)
    assert (np.diff(first.scores) <= 0).all() and 0 <= first.scores.min() <= first.scores.max() <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"height_px": 96, "width_px": 48},
        {"height_px": 128, "width_px": 128, "pixel_mm": 0.3125},
        {"frame_rate_hz": 1000.0, "n_frames": 1000},
        {"n_frames": 800},
    ],
    ids=["oblong", "fine", "fast", "long"],
)
def test_other_recordings_than_the_papers(changes):
    got = mean_metrics(TunedICA(), "paper", 8, 20, [1, 2], **changes)
    assert got["recall"] >= 0.9 and got["precision"] >= 0.9 and got["roa"] >= 0.9


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
def test_motion_of_the_whole_muscle_does_not_matter(scenario):
    """An offset, a slow drift and a shear of the image, five times as large as the twitches."""
    sequence = simulate(SimulationConfig.scenario(scenario, n_units=10), 3)
    time_s, row = np.arange(400) / 400, np.linspace(-1, 1, 64)[:, None, None]
    motion = 5 * np.sin(2 * np.pi * time_s) + 5 * row * np.cos(2 * np.pi * 0.7 * time_s) + 0.5
    units = TunedICA().find(recorded(sequence.render(20) + motion))
    got = compare(units, truth_of(sequence))
    assert got["recall"] >= 0.9 and got["precision"] >= 0.9 and got["roa"] >= 0.95


@pytest.mark.parametrize("shape", [(8, 8, 100), (64, 64, 100), (9, 31, 150)])
@pytest.mark.parametrize("kind", ["noise", "one value", "one pixel", "one row", "rank one", "integers"])
def test_odd_recordings_are_no_error(shape, kind):
    rng = np.random.default_rng(0)
    velocity = {
        "noise": rng.standard_normal(shape),
        "one value": np.where(np.arange(shape[2]) == 50, 1.0, np.zeros(shape)),
        "one pixel": np.zeros(shape),
        "one row": np.zeros(shape),
        "rank one": np.ones(shape) * np.sin(np.arange(shape[2]) / 5),
        "integers": rng.integers(-2, 3, shape).astype(float),
    }[kind]
    if kind == "one pixel":
        velocity[3, 4] = rng.standard_normal(shape[2])
    if kind == "one row":
        velocity[3] = rng.standard_normal(shape[1:])
    for method in (TunedICA(), SpatioTemporalICA(iterations=5)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            units = method.find(recorded(velocity))
        assert units.territories.shape[1:] == shape[:2] and units.twitch_trains.shape[1] == shape[2]
        assert np.isfinite(units.twitch_trains).all() and np.isfinite(units.scores).all()


def test_published_ica_does_not_know_the_number_of_units():
    got = mean_metrics(SpatioTemporalICA(), "physiological", 15, 20, range(7000, 7002))
    assert got["recall"] > 0.8 and got["precision"] < 0.75 and got["n_found"] > 20


def test_published_ica_on_one_unit_and_in_its_unit():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=1), 1)
    units = SpatioTemporalICA(n_components=5).find(recorded(sequence.render(20)))
    np.testing.assert_array_equal(units.territories[0], sequence.territories[0])
    assert np.corrcoef(units.twitch_trains[0], sequence.twitch_trains[0])[0, 1] > 0.99
    ratio = np.linalg.norm(units.twitch_trains[0]) / np.linalg.norm(sequence.twitch_trains[0])
    assert ratio == pytest.approx(1, abs=0.1)


def test_gradient_of_the_published_contrast():
    rng = np.random.default_rng(0)
    method, space, time = SpatioTemporalICA(), rng.standard_normal((50, 4)), rng.standard_normal((40, 4))
    at = np.concatenate([(np.eye(4) + 0.3 * rng.standard_normal((4, 4))).ravel(), 0.1 * rng.standard_normal(4)])
    gradient = method._cost(at, space, time)[1]
    steps = 1e-6 * np.eye(len(at))
    numeric = [(method._cost(at + h, space, time)[0] - method._cost(at - h, space, time)[0]) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


def test_what_stands_still_is_no_unit():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=3), 2)
    velocity = sequence.render(20)
    velocity[2:10, 50:60] += 0.5
    units = TunedICA().find(recorded(velocity))
    assert not units.territories[:, 2:10, 50:60].all(axis=(1, 2)).any()
    assert len(units.scores) == 3


def test_least_score_drops_units():
    velocity = simulate(SimulationConfig.scenario("physiological", n_units=10), 2).render(10)
    scores = TunedICA(min_score=0.0).find(recorded(velocity)).scores
    cut = float(np.median(scores))
    kept = TunedICA(min_score=cut).find(recorded(velocity)).scores
    np.testing.assert_array_equal(kept, scores[scores >= cut])
    assert 0 < len(kept) < len(scores)


def test_pixels_too_small_for_any_territory():
    velocity = simulate(SimulationConfig.scenario("paper", n_units=3), 2).render(20)
    assert TunedICA().find(recorded(velocity, pixel_mm=0.01)).territories.shape == (0, 64, 64)


def test_a_rank_that_meets_its_cap_is_said():
    velocity = simulate(SimulationConfig.scenario("paper", n_units=10), 2).render(20)
    assert TunedICA().find(recorded(velocity)).warnings == ()
    (warning,) = TunedICA(max_components=6).find(recorded(velocity)).warnings
    assert "6 components" in warning and "max_components" in warning


def test_units_that_do_not_stand_out_are_dropped():
    velocity = simulate(SimulationConfig.scenario("paper", n_units=5), 2).render(10)
    assert TunedICA().find(recorded(velocity)).n_units == 5
    assert TunedICA(least_power=1e9).find(recorded(velocity)).n_units == 0


@pytest.mark.parametrize("blur_px", [1, 2])
def test_noise_that_is_blurred_becomes_no_units(blur_px):
    sequence = simulate(SimulationConfig.scenario("physiological", n_units=10), 5)
    noise = gaussian_filter(np.random.default_rng(5).standard_normal((64, 64, 400)), (blur_px, blur_px, 0))
    clean = sequence.render()
    velocity = clean + noise / noise.std() * 0.1 * np.sqrt(np.mean(clean**2))
    got = compare(TunedICA().find(recorded(velocity)), truth_of(sequence))
    assert got["recall"] >= 0.9 and got["precision"] >= 0.9 and got["roa"] >= 0.95


def test_an_artery_is_no_unit():
    """A disc that follows a pulse of 75 a minute, harmonics falling like 1/h."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=4), 3)
    time_s, (y, x) = np.arange(400) / 400, np.indices((64, 64))
    artery = np.hypot(y - 8, x - 56) < 4
    assert not (sequence.territories & artery).any()
    pulse = sum(np.cos(2 * np.pi * 1.25 * h * time_s) / h for h in range(1, 7))
    velocity = recorded(sequence.render(20) + artery[..., None] * pulse)
    units = TunedICA().find(velocity)
    assert not (units.territories & artery).any() and units.n_units == 4
    assert TunedICA(least_quick=0.0).find(velocity).n_units == 5
