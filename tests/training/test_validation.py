"""The validation batches: the same every time, or drawn anew from the seed and the step."""

import numpy as np
import pytest

from muspipe.training.run_folder import new_run
from muspipe.training.session import Session
from simulator import SimulationConfig
from simulator.generate import generate_dataset
from tests.training.small_runs import EVERY_STEP, FakeDevice, run, settings_of


def validations(folder, *steps, **changes):
    """The crops that a run is validated on after these steps, an array each."""
    plan = new_run(folder, settings_of(val_batches=2, **changes)).read_plan()
    phase = Session(plan, FakeDevice()).begin(0)
    return [np.concatenate([inputs["crops"] for inputs in phase.validation_inputs(step)]) for step in steps]


def test_fixed_ones_are_the_same_every_time(tmp_path):
    one, other = validations(tmp_path, 4, 8)
    assert len(one) == 8
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("online", [True, False])
def test_drawn_ones_follow_from_the_seed_and_the_step(tmp_path, online):
    data = None if online else str(tmp_path / "data")
    if data:
        generate_dataset(data, SimulationConfig.scenario("paper"), 1, 2, 3, 0, workers=1)
    changes = {"validation": "drawn", "data": data}
    four, eight, again = validations(tmp_path / "a", 4, 8, 4, **changes)
    assert len({crop.tobytes() for crop in [*four, *eight]}) == 16  # of other sequences, or with other noise
    np.testing.assert_array_equal(four, again)
    np.testing.assert_array_equal(eight, *validations(tmp_path / "b", 8, **changes))  # without the one of step 4
    (other,) = validations(tmp_path / "c", 8, seed=1, **changes)
    assert not (other == eight).all()


def test_a_run_with_drawn_ones_resumes_to_the_same_losses(tmp_path):
    for name in ("whole", "killed"):
        new_run(tmp_path / name, settings_of(validation="drawn", steps=6, val_every=2))
    whole = run(tmp_path / "whole").summary
    assert run(tmp_path / "killed", kill_at=5, options=EVERY_STEP).summary is None
    resumed = run(tmp_path / "killed").summary
    assert resumed["last"]["val_loss"] == pytest.approx(whole["last"]["val_loss"], rel=1e-5)
    assert resumed["best"]["step"] == whole["best"]["step"]
