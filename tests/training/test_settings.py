"""The settings of a run: what they refuse, what the command line says of them."""

import argparse
import math

import pytest

import simulator
from muspipe.commands.training import add_training_arguments
from muspipe.errors import InputError
from muspipe.models import PRESETS
from muspipe.training.run_settings import TrainerOptions, TrainSettings
from muspipe.training.schedules import SCHEDULES
from muspipe.training.tasks import TASKS


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"task": "both"}, "task: expected one of seg, twitch, got 'both'"),
        ({"steps": 0}, "steps: expected an integer from 1 or none, got 0"),
        ({"steps": 2.5}, "steps: expected an integer from 1 or none, got 2.5"),
        ({"batch_size": 0}, "batch_size: expected an integer from 1"),
        ({"patience": 0}, "patience: expected an integer from 1"),
        ({"scenario": "rat"}, "scenario: expected one of paper, physiological, echo, both"),
        ({"precision": "float8"}, "precision: expected one of float32, mixed_bfloat16"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0 or none, got 0"),
        ({"clean_share": math.nan}, "clean_share: expected a number from 0 to 1, got nan"),
        ({"snr_db": math.nan}, "snr_db: expected a number or 2 values"),
        ({"snr_db": (30, 10)}, "snr_db: expected a number or 2 values"),
        ({"n_units": (5, 4)}, "n_units: expected 2 values"),
        ({"weights": 3}, "weights: expected text or none, got 3"),
    ],
)
def test_wrong_settings(changes, said):
    with pytest.raises(InputError) as error:
        TrainSettings(**({"task": "twitch"} | changes))
    assert str(error.value).startswith(said)


def test_wrong_options_of_the_trainer():
    for changes in ({"devices": 0}, {"max_minutes": math.nan}, {"max_minutes": -1}, {"checkpoint_minutes": math.inf}):
        with pytest.raises(InputError, match=f"{next(iter(changes))}: expected"):
            TrainerOptions(**changes)


def test_too_few_steps_for_the_phases():
    with pytest.raises(InputError, match="steps: expected at least 4, one a phase, got 3"):
        TrainSettings("seg", schedule="paper", steps=3).full_schedule()


def test_phases_are_chosen_before_their_steps_are_scaled():
    def phases(**changes):
        schedule = TrainSettings("seg", schedule="paper", **changes).full_schedule()
        return schedule.before, [(phase.name, phase.steps) for phase in schedule.phases]

    clean = [("heads", 20_000), ("all", 180_000), ("fine", 300_000)]
    assert phases(until_phase="fine") == (0, clean)
    assert phases(until_phase="fine", steps=500) == (0, [("heads", 20), ("all", 180), ("fine", 300)])
    assert phases(from_phase="noise") == (500_000, [("noise", 100_000)])
    assert phases(from_phase="noise", steps=100) == (500, [("noise", 100)])
    assert phases(from_phase="all", until_phase="all") == (20_000, [("all", 180_000)])
    with pytest.raises(InputError, match="from_phase: expected one of heads, all, fine, noise, got 'clean'"):
        phases(from_phase="clean")
    with pytest.raises(InputError, match="until_phase: expected fine or one after it .fine, noise., got 'all'"):
        phases(from_phase="fine", until_phase="all")


def test_the_learning_rate_is_the_highest_of_the_phases_that_are_run():
    def rates(schedule, **changes):
        phases = TrainSettings("seg", schedule=schedule, **changes).full_schedule().phases
        return [phase.learning_rate for phase in phases]

    assert rates("paper") == [1e-3, 1e-4, 1e-5, 1e-5]
    assert rates("paper", learning_rate=0.02) == pytest.approx([0.02, 0.002, 2e-4, 2e-4])
    assert rates("paper", learning_rate=0.02, from_phase="fine") == pytest.approx([0.02, 0.02])
    assert rates("short", learning_rate=3e-4) == [3e-4]


def test_validation_is_the_schedules_unless_a_run_has_its_own():
    def validation(task, schedule, **changes):
        return TrainSettings(task, schedule=schedule, **changes).full_schedule().validation

    assert {validation(task, "paper") for task in SCHEDULES} == {"drawn"} == {validation("twitch", "paper-noise")}
    assert {validation(task, "short") for task in SCHEDULES} == {"fixed"}
    assert validation("seg", "paper", validation="fixed") == "fixed"
    assert validation("seg", "short", validation="drawn") == "drawn"
    with pytest.raises(InputError, match="validation: expected one of fixed, drawn, got 'new'"):
        TrainSettings("seg", validation="new")


def test_simulations_are_those_of_the_scenario():
    both = TrainSettings("twitch", scenario="both", n_units=(2, 3)).simulations()
    assert [(config.name, config.n_units) for config in both] == [("paper", (2, 3)), ("physiological", (2, 3))]


def parser_of_training():
    parser = argparse.ArgumentParser()
    add_training_arguments(parser)
    return parser


def test_every_flag_of_before_is_still_there():
    flags = {flag for action in parser_of_training()._actions for flag in action.option_strings}
    words = "out resume data online scenario preset schedule steps batch-size learning-rate snr-db clean-share"
    words += " n-units weights seed precision val-batches val-every patience max-minutes devices memory-gb tensorboard"
    words += " metrics-every checkpoint-minutes until-phase from-phase"
    assert {f"--{word}" for word in words.split()} <= flags


def test_the_help_names_what_there_is():
    texts = {action.dest: action.help for action in parser_of_training()._actions}
    both = set(PRESETS["seg"]) & set(PRESETS["twitch"])
    assert both == {"paper", "compact"}
    for task, presets in PRESETS.items():
        assert all(name in texts["preset"] for name in presets)
        own = " and ".join(name for name in presets if name not in both)
        assert f"{task} also {own}" in texts["preset"]
    for schedules in SCHEDULES.values():
        assert {"paper", "short"} <= set(schedules) and all(name in texts["schedule"] for name in schedules)
    sizes = {task: {schedule.batch_size for schedule in schedules.values()} for task, schedules in SCHEDULES.items()}
    assert sizes == {"seg": {8}, "twitch": {32}} and "8 for seg, 32 for twitch" in texts["batch_size"]
    assert all(name in texts["scenario"] for name in simulator.SCENARIOS)
    units = {simulator.SimulationConfig.scenario(name).n_units for name in simulator.SCENARIOS}
    assert units == {(5, 30)} and "(5 30)" in texts["n_units"]
    assert "experimental" in texts["devices"]


def test_the_tasks_are_those_with_presets_and_schedules():
    assert set(TASKS) == set(SCHEDULES) == set(PRESETS)
