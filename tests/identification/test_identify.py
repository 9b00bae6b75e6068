"""identify() passes on what it is given and keeps what it gets."""

import hashlib

import numpy as np
import pytest

from muspipe import InputError, Recording, identify, load_recording
from muspipe.evaluation.metrics import compare
from muspipe.identification.method import METHODS, get_method, methods_help, name_of, settings_of
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate


@pytest.fixture
def recording(velocity):
    return Recording(velocity, frame_rate_hz=400, pixel_mm=0.5, velocity_unit="mm/s")


def test_result_of_a_method(recording, fake_method):
    result = identify(recording, method="fake", n_units=2)
    assert result.territories.shape == (2, 10, 12) and result.territories[:, :, :6].all()
    np.testing.assert_allclose(result.twitch_trains[1], recording.velocity[:, :6].mean(axis=(0, 1)), atol=1e-6)
    assert [len(times_s) for times_s in result.firings] == [2, 2]  # a sine of 10 Hz peaks 2 or 3 times in 0.25 s
    np.testing.assert_allclose(np.diff(result.firings[0]), 0.1, atol=0.005)
    assert result.method == "fake" and result.settings["n_units"] == 2 and result.velocity_unit == "mm/s"
    assert set(result.settings) == {"n_units", "prepare"} and result.settings["prepare"]["motion"] is True


def test_a_method_itself_in_place_of_its_name(recording, fake_method):
    by_name = identify(recording, method="fake", n_units=2)
    given = identify(recording, method=fake_method(n_units=2))
    assert given.method == "fake" and given.settings == by_name.settings
    np.testing.assert_array_equal(given.twitch_trains, by_name.twitch_trains)
    with pytest.raises(InputError, match="expected n_units inside the method"):
        identify(recording, method=fake_method(), n_units=2)

    class Own(fake_method):
        pass

    assert identify(recording, method=Own()).method == "Own"  # one that is not in the table


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


def test_simulated_units_are_found_by_the_default_method():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=5), seed=11)
    recording = recording_of(sequence, 20)
    before = recording.velocity.copy()
    result = identify(recording)
    np.testing.assert_array_equal(recording.velocity, before)
    agreement = compare(result, truth_of(sequence))
    assert agreement["recall"] == agreement["precision"] == 1
    assert agreement["segmentation_recall"] > 0.9 and agreement["roa"] > 0.9
    assert (result.scores > 0).all() and (result.scores <= 1).all()


@pytest.mark.parametrize("name", METHODS)
def test_methods_by_name(name):
    method = get_method(name)
    assert method == METHODS[name].load()() and name_of(method) == name
    assert METHODS[name].help in methods_help()
    networks = method.networks()
    assert set(networks) == ({"segmentation", "twitch"} if name in ("deep", "hybrid") else set())
    assert [key for key in settings_of(method) if key.endswith("_sha256")] == [f"{key}_sha256" for key in networks]


@pytest.mark.parametrize(
    "method, exchanged, said",
    [
        ("deep", {"segmentation": "twitch-refit"}, "segmentation: expected a segmentation network, .* is a twitch"),
        ("deep", {"twitch": "seg-outline"}, "twitch: expected a twitch network, seg-outline is a segmentation network"),
        ("hybrid", {"segmentation": "twitch-refit"}, "segmentation: expected a segmentation network"),
    ],
)
def test_a_network_of_another_kind_is_noticed_before_the_work(method, exchanged, said):
    with pytest.raises(InputError, match=said):
        settings_of(get_method(method, exchanged))


@pytest.mark.parametrize(
    "name, settings, said",
    [
        ("pca", {}, "unknown method 'pca': expected one of deep, hybrid, ica, stica"),
        ("ica", {"colour": 1}, "method 'ica' has no setting 'colour'; it has max_components"),
        ("ica", {"min_score": float("nan")}, "min_score: expected a number from 0 to 1, got nan"),
        ("ica", {"min_score": "high"}, "min_score: expected a number from 0 to 1, got 'high'"),
        ("ica", {"max_components": 2.5}, "max_components: expected an integer from 1 to 2000, got 2.5"),
        (
            "ica",
            {"diameter_mm": [12, 2]},
            "diameter_mm: expected 2 values (low <= high), each a number above 0 up to 100 [mm]",
        ),
        ("ica", {"sparse.iterations": 0}, "sparse.iterations: expected an integer from 1 to 1000, got 0"),
        ("ica", {"sparse.speed": 0}, "method 'ica', sparse has no setting 'speed'; it has iterations"),
        ("stica", {"alpha": 1.5}, "alpha: expected a number from 0 to 1, got 1.5"),
        ("stica", {"n_components": True}, "n_components: expected an integer from 1 to 500, got True"),
        ("deep", {"signals": "ica"}, "signals: expected one of mean, least-squares, network, got 'ica'"),
        ("deep", {"mask_level": -0.1}, "mask_level: expected a number from 0 to 1 or none, got -0.1"),
        ("deep", {"segmentation": 3}, "segmentation: expected text, got 3"),
        (
            "hybrid",
            {"signals": "loud"},
            "signals: expected one of clearest, separation, mean, least-squares, network, got 'loud'",
        ),
        ("hybrid", {"ica.link_window_s": 0}, "ica.link_window_s: expected a number above 0 up to 0.1 [s], got 0"),
        ("hybrid", {"ica": 3}, "ica: expected TunedICA or a dictionary of its settings, got 3"),
    ],
)
def test_wrong_settings_are_one_line(name, settings, said):
    with pytest.raises(InputError) as error:
        get_method(name, settings)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_settings_reach_the_separation_inside_hybrid():
    method = get_method("hybrid", {"ica.diameter_mm": [2, 24], "ica.sparse.iterations": 3, "min_score": 1})
    assert method.ica.diameter_mm == (2.0, 24.0) and method.ica.sparse.iterations == 3
    assert method.min_score == 1.0 and method.ica.min_score == 0.1
    assert get_method("hybrid", {"ica": {"seed": 4}}).ica.seed == 4
