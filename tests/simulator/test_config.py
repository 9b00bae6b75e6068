import ast
import dataclasses
import inspect
import json

import pytest

from simulator import SCENARIOS, SimulationConfig


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
        ({"n_units": 0}, "n_units"),
        ({"n_units": (5, 3)}, "n_units"),
        ({"n_units": 2.5}, "n_units"),
        ({"frame_rate_hz": 0.0}, "frame_rate_hz"),
        ({"diameter_mm": (2.5, 41.0)}, "diameter_mm"),
        ({"synchronisation": (0.0, 1.1)}, "synchronisation"),
        ({"lead_in_s": 0.1}, "lead_in_s"),
        ({"interval_clip": (1.1, 1.7)}, "interval_clip"),
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
