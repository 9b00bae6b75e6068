"""identify() passes on what it is given and keeps what it gets."""

import hashlib

import numpy as np
import pytest

from muspipe import InputError, Recording, identify, load_recording


@pytest.fixture
def recording(velocity):
    return Recording(velocity, frame_rate_hz=400, pixel_mm=0.5, velocity_unit="mm/s")


def test_result_of_a_method(recording, fake_method):
    result = identify(recording, method="fake", n_units=2)
    assert result.territories.shape == (2, 10, 12) and result.territories[:, :, :6].all()
    np.testing.assert_allclose(result.twitch_trains[1], recording.velocity[:, :6].mean(axis=(0, 1)), atol=1e-6)
    assert [len(times_s) for times_s in result.firings] == [2, 2]  # a sine of 10 Hz peaks 2 or 3 times in 0.25 s
    np.testing.assert_allclose(np.diff(result.firings[0]), 0.1, atol=0.0026)
    assert result.method == "fake" and result.settings == {"n_units": 2} and result.velocity_unit == "mm/s"


def test_no_units(recording, fake_method):
    result = identify(recording, method="fake", n_units=0)
    assert result.n_units == 0 and result.firings == [] and result.twitch_trains.shape == (0, 100)


def test_source_is_kept(tmp_path, velocity, fake_method):
    np.save(tmp_path / "a.npy", velocity)
    result = identify(load_recording(tmp_path / "a.npy", frame_rate_hz=400, pixel_mm=0.5), method="fake")
    sha256 = hashlib.sha256((tmp_path / "a.npy").read_bytes()).hexdigest()
    assert result.source == {"name": "a.npy", "sha256": sha256}


def test_wrong_arguments(recording, velocity, fake_method):
    with pytest.raises(InputError, match="expected a Recording, got ndarray"):
        identify(velocity)
    with pytest.raises(InputError, match="unknown method 'magic': expected one of deep, hybrid, ica"):
        identify(recording, method="magic")
    with pytest.raises(InputError, match="n_apples"):
        identify(recording, method="fake", n_apples=1)


def test_simulated_units_are_found_by_ica():
    from muspipe.evaluation import compare
    from simulator import SimulationConfig, simulate

    sequence = simulate(SimulationConfig.scenario("paper", n_units=5), seed=11)
    velocity = sequence.render(snr_db=20)
    before = velocity.copy()
    result = identify(Recording(velocity, frame_rate_hz=400, pixel_mm=0.625))
    np.testing.assert_array_equal(velocity, before)
    agreement = compare(
        result.territories, result.twitch_trains, sequence.territories, sequence.twitch_trains, result.frame_rate_hz
    )
    assert agreement["recall"] == agreement["precision"] == 1
    assert agreement["segmentation_recall"] > 0.9 and agreement["roa"] > 0.9
    assert (result.scores > 0).all() and (result.scores <= 1).all()
