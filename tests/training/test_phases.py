"""Runs of several phases: the weights that each leaves behind, and which of them a method takes."""

import json

import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.models import pretrained, weight_files
from muspipe.training import checkpoints
from muspipe.training.run_folder import RunFolder, new_run
from muspipe.training.run_settings import TrainerOptions
from muspipe.training.schedules import Phase, Schedule
from tests.training.small_runs import EVERY_STEP, FakeDevice, run, settings_of

TWO = Schedule((Phase("clean", 4, 1e-3, "adam"), Phase("noise", 4, 1e-3, "adam", snr_db=(10.0, 30.0))), batch_size=4)


class Scripted(FakeDevice):
    """Step s sets all of the first weight to s; validations have these losses, in turn."""

    def __init__(self, validations, done=0):
        super().__init__()
        self.validations, self.done = list(validations), done

    def train(self, model, inputs):
        self.done += 1
        weight = model.trainable_variables[0]
        weight.assign(np.full(weight.shape, self.done, np.float32))
        return super().train(model, inputs)

    def validate(self, model, inputs):
        return {"loss": self.validations.pop(0)}


def two_phases(folder, **changes):
    return new_run(folder, settings_of(**({"steps": None, "snr_db": None, "val_every": 2} | changes)), schedule=TWO)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The course of a run of both phases; its folder is not to be changed."""
    return run(two_phases(tmp_path_factory.mktemp("phases") / "run").path)


def step_in(path):
    """The step whose weights a method gets from a path, or the folder of a run."""
    found, meta = pretrained.load_model(pretrained.path_of(str(path)))
    (step,) = np.unique(found.trainable_variables[0].numpy())
    return int(step), meta["phase"], meta["step"], meta["val"].get("val_loss"), meta["val_step"]


def test_each_phase_leaves_its_best_and_its_end_and_methods_take_any(tmp_path):
    """The clean phase's losses, 1 and 2, are never reached with noise: 8, then 9."""
    folder = two_phases(tmp_path / "run")
    summary = run(folder.path, devices=Scripted([1.0, 2.0, 8.0, 9.0])).summary
    found = {path.name.removesuffix(".weights.h5"): step_in(path) for path in folder.path.glob("*.weights.h5")}
    assert found == {
        "best-clean": (2, "clean", 2, 1.0, 2),
        "phase-clean": (4, "clean", 4, 2.0, 4),
        "best-noise": (6, "noise", 6, 8.0, 6),
        "best": (6, "noise", 6, 8.0, 6),
        "phase-noise": (8, "noise", 8, 9.0, 8),
        "last": (8, "noise", 8, 9.0, 8),
    }
    assert step_in(folder) == found["best"] and pretrained.path_of(str(folder)) == folder.weights
    assert summary["best"] == {"phase": "noise", "step": 6, "val_loss": 8.0}
    assert summary["best_of_phases"]["clean"] == {"phase": "clean", "step": 2, "val_loss": 1.0}


def test_a_stop_leaves_its_weights_and_the_best_so_far_is_that_of_the_phase_before(tmp_path):
    folder = two_phases(tmp_path / "run")
    device = Scripted([1.0, 2.0])
    progress = []
    stop = TrainerOptions(max_minutes=0.0)
    for _ in range(5):  # a step each time
        device.done = len(progress)
        progress.append(run(folder.path, devices=device, options=stop).summary["step"])
    assert progress == [1, 2, 3, 4, 5]
    assert step_in(folder.last) == (5, "noise", 5, 2.0, 4) and step_in(folder)[:2] == (2, "clean")
    assert not folder.best_of("noise").exists()


def test_a_run_without_a_validation_has_nothing_that_methods_take_by_themselves(tmp_path):
    folder = two_phases(tmp_path / "run")
    run(folder.path, devices=Scripted([]), options=TrainerOptions(max_minutes=0.0))
    with pytest.raises(InputError, match="expected best.weights.h5 in the run folder, but no validation is done yet"):
        pretrained.path_of(str(folder))
    assert step_in(folder.last)[:2] == (1, "clean")


def test_a_finished_run_can_be_extended(unbroken, tmp_path):
    """As if it had been planned so, where the rate is constant; config.json tells both."""
    short = Schedule((TWO.phases[0], Phase("noise", 2, 1e-3, "adam", snr_db=(10.0, 30.0))), batch_size=4)
    folder = new_run(tmp_path / "short", settings_of(steps=None, snr_db=None, val_every=2), schedule=short)
    first = run(folder.path)
    assert first.summary["reason"] == "finished" and list(first.losses) == [1, 2, 3, 4, 5, 6]
    folder.extend(8)
    second = run(folder.path, kill_at=8, options=EVERY_STEP)
    third = run(folder.path)
    assert list(second.losses) == [7, 8] and list(third.losses) == [8] and third.summary["of"] == 8
    assert first.losses | second.losses | third.losses == pytest.approx(unbroken.losses, rel=1e-5)
    assert weight_files.read(folder.end_of("noise"))[2]["step"] == 8
    config = json.loads(folder.config.read_text())
    assert [(record["from_steps"], record["to_steps"]) for record in config["extended"]] == [(6, 8)]
    assert config["settings"]["steps"] == 8 and folder.read_plan().schedule.phases[0] == TWO.phases[0]
    before = folder.config.read_bytes()
    folder.extend(8)
    with pytest.raises(InputError, match="--resume --steps: expected at least 8, the run's steps, got 7"):
        folder.extend(7)
    assert folder.config.read_bytes() == before


def test_a_run_that_stopped_early_is_not_extended(tmp_path):
    folder = two_phases(tmp_path / "run", patience=1, val_every=1)
    run(folder.path, devices=Scripted([1.0, 2.0]))
    with pytest.raises(InputError, match="stopped early, for want of a better loss and not of steps"):
        folder.extend(100)


def test_time_that_was_lost_is_counted(tmp_path):
    """Rows until three quarters of an hour, a checkpoint of seconds, and a kill."""
    folder = two_phases(tmp_path / "run")
    run(folder.path, kill_at=3, options=EVERY_STEP, devices=Scripted([1.0]))
    (head,) = folder.history.read_text().splitlines()
    assert head.startswith("step,hours,loss,val_loss")
    more = "," * (head.count(",") - 3)  # columns that are empty
    folder.history.write_text(f"{head}\n10,0.75,1,1{more}\n11,0.8")
    summary = run(folder.path, devices=Scripted([2.0, 8.0, 9.0], done=2)).summary
    assert summary["hours_lost"] == pytest.approx(0.75, abs=0.01) and summary["hours"] >= 0.75
    again = run(folder.path, devices=Scripted([])).summary
    assert again["hours_lost"] == summary["hours_lost"] and again["hours"] == pytest.approx(summary["hours"], abs=1e-3)


def test_weights_are_the_same_after_a_kill(tmp_path):
    losses = {2: 1.0, 4: 2.0, 6: 8.0, 8: 9.0}
    folder = two_phases(tmp_path / "run")
    for kill_at in (3, 5, 6, None):
        found = checkpoints.latest(folder.checkpoints)
        done = found.step if found else 0
        device = Scripted([loss for step, loss in losses.items() if step > done], done)
        run(folder.path, kill_at=kill_at, options=EVERY_STEP, devices=device)
    assert step_in(folder)[0] == 6 and step_in(folder.best_of("clean"))[0] == 2 and step_in(folder.last)[0] == 8
    assert step_in(folder.end_of("clean"))[0] == 4


def test_a_run_of_before_bests_of_phases_goes_on(tmp_path):
    """Its checkpoint has one best, of step 2, and its folder one file."""
    folder = two_phases(tmp_path / "run")
    run(folder.path, kill_at=6, options=EVERY_STEP, devices=Scripted([1.0, 2.0, 8.0]))
    folder.best_of("clean").replace(folder.weights)
    for path in (folder.best_of("noise"), folder.end_of("clean")):
        path.unlink()
    checkpoint = folder.checkpoints / "step-000000005.h5"
    with checkpoints.h5py.File(checkpoint, "r+") as file:
        state = json.loads(file.attrs["state"])
        for name in ("bests", "val_step"):
            del state[name]
        state |= {"best": {"step": 2, "val_loss": 1.0}, "since_best": 1}
        file.attrs["state"] = json.dumps(state)
        arrays = [file[str(i)][()] for i in range(len(file))]
        file.attrs["sha256"] = checkpoints._checksum(arrays, 5, file.attrs["state"])
    summary = run(folder.path, devices=Scripted([8.0, 9.0], done=5)).summary
    assert list(summary["best_of_phases"]) == ["clean", "noise"] and summary["best"]["val_loss"] == 8.0
    assert weight_files.read(folder.best_of("clean"))[2]["step"] == 2 and step_in(folder)[0] == 6


def test_phases_have_names_of_their_own():
    for names in (("a", "a"), ("a/b",), ("",)):
        with pytest.raises(InputError, match="expected phases of different names"):
            Schedule(tuple(Phase(name, 1, 1e-3) for name in names), batch_size=1)


def test_weights_that_are_not_finite_are_not_kept(tmp_path):
    folder = two_phases(tmp_path / "run")
    device = Scripted([np.nan, np.nan])
    device.done = np.nan
    with pytest.raises(InputError, match="weights are not finite; .*the checkpoint before step 4 is whole"):
        run(folder.path, devices=device)
    assert not list(RunFolder(folder.path).path.glob("*.weights.h5"))


def test_two_runs_of_a_phase_each_are_as_one_of_both(unbroken, tmp_path):
    """Also after a kill: the second takes the examples that it would have had."""
    clean = two_phases(tmp_path / "clean", until_phase="clean")
    first = run(clean.path)
    assert list(first.losses) == [1, 2, 3, 4] and first.summary["best"]["phase"] == "clean"
    noise = two_phases(tmp_path / "noise", from_phase="noise", weights=str(clean.end_of("clean")))
    second = run(noise.path, kill_at=3, options=EVERY_STEP)
    rest = run(noise.path)
    assert list(second.losses) == [1, 2, 3] and list(rest.losses) == [3, 4]
    together = first.losses | {4 + step: loss for step, loss in (second.losses | rest.losses).items()}
    assert together == pytest.approx(unbroken.losses, rel=1e-5)
    _, ours, _ = weight_files.read(noise.last)
    for name, array in weight_files.read(unbroken.folder / "last.weights.h5")[1].items():
        np.testing.assert_allclose(ours[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_run_starts_from_a_runs_folder(tmp_path):
    clean = two_phases(tmp_path / "clean", until_phase="clean")
    run(clean.path, devices=Scripted([1.0, 2.0]))
    noise = two_phases(tmp_path / "noise", from_phase="noise", weights=str(clean))
    device = FakeDevice()
    run(noise.path, devices=device, kill_at=1)
    assert np.unique(device.models[0].trainable_variables[0].numpy()) == [2]  # the best of the clean phase
