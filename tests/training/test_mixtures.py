"""What online training simulates."""

import pytest

from muspipe.training.mixtures import MIXTURES, PATTERNS, mixture
from muspipe.training.run_settings import TrainSettings
from simulator import SimulationConfig, simulate


@pytest.mark.parametrize("name, n", [("paper", 1), ("physiological", 1), ("echo", 1), ("both", 2), ("all", 6)])
def test_every_name_is_sequences_that_can_be_drawn(name, n):
    configs = TrainSettings(task="seg", scenario=name, n_units=(1, 40)).simulations()
    assert len(configs) == n and set(MIXTURES) == {"both", "all"}
    for config in configs:
        assert config.n_units == (1, 40)
        assert simulate(config, 1).components[0].shape[1:] == (64, 64)


def test_networks_see_little_motion_as_it_is_taken_off_before():
    (config,) = mixture("echo", {})
    full = SimulationConfig.scenario("echo")
    assert config.motion.relative_rms[1] <= 0.1 * full.motion.relative_rms[1]
    assert config.tissue == full.tissue and config.echo.patterns == PATTERNS


def test_the_kinds_of_all():
    paper, physiological, echo, compact, shapes, extremes = mixture("all", {})
    assert (paper.name, physiological.name) == ("paper", "physiological")
    assert compact.tissue.drag_share[1] < echo.tissue.drag_share[1] and compact.tissue.axis_ratio == (1, 1)
    assert shapes.echo is None and shapes.motion is None and shapes.tissue is not None
    assert extremes.diameter_mm[0] < echo.diameter_mm[0] and extremes.diameter_mm[1] > echo.diameter_mm[1]
