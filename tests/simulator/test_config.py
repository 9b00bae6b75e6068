import ast
import dataclasses
import hashlib
import inspect
import json

import numpy as np
import pytest

from simulator import SCENARIOS, SimulationConfig
from simulator.config import ADDED


def test_defaults_are_the_papers():
    config = SimulationConfig()
    assert config == SimulationConfig.scenario("paper")
    assert (config.image_shape, config.n_frames, config.duration_s) == ((64, 64), 400, 1.0)
    assert config.height_px * config.pixel_mm == 40.0
    assert (config.diameter_mm, config.firing_rate_hz, config.n_units) == ((2.5, 10.0), (8.0, 13.0), (5, 30))


@pytest.mark.parametrize("name", SCENARIOS)
def test_json_round_trip(name):
    config = SimulationConfig.scenario(name, n_units=7)
    assert SimulationConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_every_field_is_documented():
    """A string stands below every field of the class."""
    tree = ast.parse(inspect.getsource(SimulationConfig))
    body = tree.body[0].body
    documented = {
        field.target.id
        for field, text in zip(body, body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
    assert documented == {field.name for field in dataclasses.fields(SimulationConfig)}


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"n_units": -1}, "n_units"),
        ({"n_units": (5, 3)}, "n_units"),
        ({"n_units": 2.5}, "n_units"),
        ({"frame_rate_hz": 0.0}, "frame_rate_hz"),
        ({"diameter_mm": (2.5, 41.0)}, "diameter_mm"),
        ({"synchronisation": (0.0, 1.1)}, "synchronisation"),
        ({"lead_in_s": 0.1}, "lead_in_s"),
        ({"interval_clip": (1.1, 1.7)}, "interval_clip"),
        ({"n_units": 100_000}, "n_units"),
        ({"height_px": 1024, "width_px": 1024, "n_frames": 4000}, "n_frames"),
        ({"n_units": 1000, "n_frames": 4_000_000, "frame_rate_hz": 5000}, "n_frames"),
        ({"n_frames": 40_000, "frame_rate_hz": 10}, "n_frames"),
        ({"peak_velocity": (1.0, 9.0), "peak_velocity_lognormal": True}, "peak_velocity"),
    ],
)
def test_what_cannot_be_simulated_is_named(changes, named):
    with pytest.raises(ValueError, match=rf"SimulationConfig\.{named}: expected .* got "):
        SimulationConfig(**changes)


def test_unknown_scenario_lists_the_known():
    with pytest.raises(ValueError, match="'papr': expected one of paper, physiological"):
        SimulationConfig.scenario("papr")


def test_unknown_field_in_a_file():
    with pytest.raises(ValueError, match="colour"):
        SimulationConfig.from_dict(SimulationConfig().to_dict() | {"colour": 1})


# Settings that came later


@pytest.mark.parametrize("name, digest", [("paper", "10f3297d1737bb1c"), ("physiological", "cfda054c782fe3c1")])
def test_what_was_stored_before_a_field_came_is_stored_the_same(name, digest):
    """SHA-256 of what the first data sets have in their shards."""
    config = SimulationConfig.scenario(name)
    text = json.dumps(config.to_dict(), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest().startswith(digest)
    assert SimulationConfig.from_dict(json.loads(text)) == config and not ADDED & config.to_dict().keys()


def test_later_fields_are_stored_where_they_differ():
    config = SimulationConfig(territory_placement="cut", twitch_waveform=(0.0, 2.0, -1.0), twitch_waveform_hz=100.0)
    stored = json.loads(json.dumps(config.to_dict()))
    assert stored["territory_placement"] == "cut" and stored["twitch_waveform"] == [0.0, 1.0, -0.5]
    assert SimulationConfig.from_dict(stored) == config


def test_earlier_fields_may_not_be_missing():
    stored = SimulationConfig().to_dict()
    del stored["lead_in_s"]
    with pytest.raises(ValueError, match="lead_in_s"):
        SimulationConfig.from_dict(stored)


def test_stored_settings_name_no_files(tmp_path):
    np.save(tmp_path / "w.npy", np.arange(3.0))
    stored = SimulationConfig().to_dict() | {"twitch_waveform": str(tmp_path / "w.npy"), "twitch_waveform_hz": 100.0}
    with pytest.raises(ValueError, match="twitch_waveform: expected a list of samples, got '.*w.npy'"):
        SimulationConfig.from_dict(stored)


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"twitch_waveform": (0, 1)}, r"twitch_waveform_hz: expected .* got None"),
        ({"twitch_waveform_hz": 100}, r"twitch_waveform_hz: expected .* got 100"),
        ({"twitch_waveform": (1,), "twitch_waveform_hz": 100}, "two finite samples or more"),
        ({"twitch_waveform": (0, -1), "twitch_waveform_hz": 100}, "the largest above 0"),
        ({"twitch_waveform": (0, 1) * 30, "twitch_waveform_hz": 100}, "twitch_support_s: expected at least the 0.59 s"),
        ({"twitch_waveform": ("a", 1), "twitch_waveform_hz": 100}, "twitch_waveform: expected .* got"),
        ({"territory_placement": "out"}, "territory_placement: expected one of inside, cut, got 'out'"),
        ({"peak_velocity_lognormal": 1}, "peak_velocity_lognormal: expected true or false, got 1"),
    ],
)
def test_settings_of_waveform_and_placement_are_checked(changes, named):
    with pytest.raises(ValueError, match=named) as caught:
        SimulationConfig(**changes)
    assert "\n" not in str(caught.value)


def test_with_units():
    assert SimulationConfig(frame_rate_hz=500.0).with_units(7) == SimulationConfig(frame_rate_hz=500.0, n_units=7)
