"""Runs: equal when resumed, whatever ended them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.models import weight_files
from muspipe.training import checkpoints
from muspipe.training.history import read_history
from muspipe.training.loop import Listener
from muspipe.training.run_folder import RunFolder, new_run
from muspipe.training.run_settings import TrainerOptions
from muspipe.training.schedules import Phase, Schedule
from muspipe.training.session import Session, TrainingError
from muspipe.training.trainer import Trainer
from simulator import SimulationConfig
from simulator.generate import generate_dataset
from tests.training.small_runs import EVERY_STEP, FakeDevice, run, settings_of

ROOT = Path(__file__).resolve().parents[2]


TIMES = ("hours", "examples_per_s")


def rows(folder):
    """The history but for what tells the time."""
    return [{name: x for name, x in row.items() if name not in TIMES} for row in read_history(folder / "history.csv")]


def test_a_killed_run_resumes_to_the_same_result(whole, killed):
    assert whole.summary["reason"] == "finished" and list(whole.losses) == list(range(1, 13))
    assert list(killed.losses) == list(range(1, 9))
    with open(killed.folder / "history.csv", "a") as file:  # of steps after the checkpoint, which are done again
        file.write("10,0.1,99,99\n11,0.")
    resumed = run(killed.folder)
    assert list(resumed.losses) == list(range(8, 13))  # the step under way was lost, not the seven before it
    for step, loss in (killed.losses | resumed.losses).items():
        assert loss == pytest.approx(whole.losses[step], rel=1e-5), step
    a, b = (weight_files.read(course.folder / "best.weights.h5")[1] for course in (whole, resumed))
    assert a.keys() == b.keys() and len(a) > 8
    for name, array in a.items():
        np.testing.assert_allclose(array, b[name], rtol=1e-4, atol=1e-6)
    assert [row["step"] for row in rows(resumed.folder)] == [10, 12]
    for one, other in zip(rows(resumed.folder), rows(whole.folder), strict=True):
        assert one == pytest.approx(other, rel=1e-4, nan_ok=True)
        assert one["gradient_norm"] > 0 and 0 < one["learning_rate"] <= 2e-3 and one["roa"] != one["roa"]
    assert resumed.summary["best"]["step"] == whole.summary["best"]["step"]


def test_blas_has_one_thread_within_a_run(whole):
    """NumPy's threads and the backend's wait for each other: a training was five times slower."""
    assert whole.blas_threads == {1}


def test_a_finished_run_has_nothing_left_to_do(whole, tmp_path):
    shutil.copytree(whole.folder, tmp_path / "run")
    again = run(tmp_path / "run")
    assert again.losses == {} and again.summary["step"] == 12 and again.summary["reason"] == "finished"
    assert again.summary["best"] == whole.summary["best"]


def test_a_damaged_checkpoint_is_noticed_and_the_one_before_used(whole, killed):
    files = sorted((killed.folder / "checkpoints").glob("*.h5"))
    assert [path.name for path in files] == ["step-000000006.h5", "step-000000007.h5"]
    files[1].write_bytes(files[1].read_bytes()[:-200])
    resumed = run(killed.folder)
    assert min(resumed.losses) == 7 and resumed.summary["damaged_checkpoints"] == [str(files[1])]
    assert resumed.losses[12] == pytest.approx(whole.losses[12], rel=1e-5)


def test_no_whole_checkpoint_is_an_error(killed):
    files = list((killed.folder / "checkpoints").glob("*.h5"))
    assert len(files) == 2
    for path in files:
        with h5py.File(path, "r+") as file:
            file["0"][...] = file["0"][()] + 1
    with pytest.raises(InputError, match="damaged, and so is every other checkpoint"):
        run(killed.folder)


def test_a_full_disk_leaves_the_checkpoints_as_they_were(killed, monkeypatch):
    folder = killed.folder / "checkpoints"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 2

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.h5py.File, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        run(killed.folder, options=TrainerOptions(max_minutes=0.0), devices=FakeDevice())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_time_limit(tmp_path):
    new_run(tmp_path, settings_of())
    course = run(tmp_path, options=TrainerOptions(max_minutes=0.0), devices=FakeDevice())
    assert course.summary["reason"] == "time is up" and list(course.losses) == [1]
    assert checkpoints.latest(tmp_path / "checkpoints").step == 1


def test_sigterm_ends_after_the_step_with_a_checkpoint(tmp_path):
    new_run(tmp_path, settings_of())
    before = signal.getsignal(signal.SIGTERM)
    trainer = Trainer(
        tmp_path,
        devices=FakeDevice(),
        progress=lambda step, *_: os.kill(os.getpid(), signal.SIGTERM) if step == 3 else None,
    )
    assert trainer.run()["reason"] == "interrupted" and trainer.state.step == 3
    assert checkpoints.latest(tmp_path / "checkpoints").step == 3 and signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_ends_the_run_at_once(tmp_path):
    new_run(tmp_path, settings_of())

    def twice(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Trainer(tmp_path, devices=FakeDevice(), progress=twice).run()


def test_phases_change_optimizer_noise_and_what_is_frozen(tmp_path):
    phases = (Phase("a", 1, 1e-3, "adam"), Phase("b", 1, 1e-2, "sgd", snr_db=(10.0, 10.0)))
    own = Schedule(phases, batch_size=4)
    seen = []

    class Optimizers(FakeDevice):
        def train(self, model, inputs):
            seen.append(type(model.optimizer).__name__)
            return super().train(model, inputs)

    for name in "ab":
        new_run(tmp_path / name, settings_of(steps=6, snr_db=None, clean_share=0.5), schedule=own)
    whole = run(tmp_path / "a", devices=Optimizers())
    assert seen == ["Adam"] * 3 + ["SGD"] * 3 and list(whole.losses) == [1, 2, 3, 4, 5, 6]
    session = Session(RunFolder(tmp_path / "a").read_plan(), FakeDevice())
    options = [session.batch_options(phase) for phase in session.plan.schedule.phases]
    assert [(o.snr_db, o.clean_share) for o in options] == [(None, 0.0), ((10.0, 10.0), 0.5)]
    first = run(tmp_path / "b", kill_at=4)  # killed behind the seam, where the checkpoint is
    rest = run(tmp_path / "b", kill_at=4)
    assert list(rest.losses) == [4] and rest.losses[4] == pytest.approx(first.losses[4], rel=1e-5)


def test_frozen_parts_are_frozen_in_their_phase(tmp_path):
    changes = {"schedule": "paper", "random_start": True, "options": {}, "online_sequences": 2}
    new_run(tmp_path, settings_of(task="seg", steps=4, batch_size=2, **changes))
    session = Session(RunFolder(tmp_path).read_plan(), FakeDevice())
    counts = []
    for step in (0, 3):
        session.begin(step)
        counts.append(len(session.model.trainable_variables))
    assert 0 < counts[0] < counts[1]


def test_losses_that_are_not_finite_stop_the_run(tmp_path):
    new_run(tmp_path, settings_of())
    with pytest.raises(TrainingError, match="not finite at step 1 .*seed 0, step 0"):
        run(tmp_path, options=EVERY_STEP, devices=FakeDevice(train=float("nan")))
    assert not (tmp_path / "checkpoints").exists() and not (tmp_path / "summary.json").exists()


def test_early_stopping_keeps_the_best_and_a_stopped_run_stays_stopped(tmp_path):
    new_run(tmp_path, settings_of(steps=100, val_every=2, patience=2))
    for seen in ([1, 2, 3, 4, 5, 6], []):
        course = run(tmp_path, devices=FakeDevice())
        assert (course.summary["reason"], course.summary["step"]) == ("early stopping", 6)
        assert course.summary["best"] == {"phase": "all", "step": 2, "val_loss": 1.0} and list(course.losses) == seen


def test_initial_weights(whole, tmp_path):
    file = whole.folder / "best.weights.h5"
    new_run(tmp_path / "b", settings_of(steps=1, weights=str(file)))
    device = FakeDevice()
    run(tmp_path / "b", devices=device)
    found, expected = weight_files.arrays_of(device.models[0]), weight_files.read(file)[1]
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(InputError, match="none.h5.: expected a file, a run folder, one of the package's networks"):
        new_run(tmp_path / "c", settings_of(weights=str(tmp_path / "none.h5")))
    assert not (tmp_path / "c").exists()


def test_bfloat16_resumes_as_well_and_leaves_keras_as_it_was(tmp_path):
    new_run(tmp_path, settings_of(precision="mixed_bfloat16", steps=3))
    seen = []

    class Policy(Listener):
        def stepped(self, state, losses, examples_a_second):
            seen.append(keras.config.dtype_policy().name)

    first = run(tmp_path, kill_at=3, options=EVERY_STEP, listeners=(Policy(),))
    rest = run(tmp_path)
    assert list(rest.losses) == [3] and rest.losses[3] == pytest.approx(first.losses[3], rel=1e-3)
    assert seen == ["mixed_bfloat16"] * 2 and keras.config.dtype_policy().name == "float32"


def test_a_data_set_resumes_as_well_and_no_other_takes_its_place(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "run"
    generate_dataset(data, SimulationConfig.scenario("paper"), 1, 4, 2, 0, workers=1)
    new_run(folder, settings_of(data=str(data), steps=4))
    first = run(folder, kill_at=3, options=EVERY_STEP)
    rest = run(folder, kill_at=3)
    assert list(rest.losses) == [3] and rest.losses[3] == pytest.approx(first.losses[3], rel=1e-5)
    before = (folder / "history.csv").read_bytes()
    data.rename(tmp_path / "old")
    generate_dataset(data, SimulationConfig.scenario("paper"), 2, 4, 2, 0, workers=1)
    with pytest.raises(InputError, match="is not the data set that .* has been trained on"):
        run(folder)
    assert (folder / "history.csv").read_bytes() == before


def test_data_sets_that_do_not_fit(tmp_path):
    generate_dataset(tmp_path / "data", SimulationConfig.scenario("paper"), 1, 4, 0, 0, workers=1)
    new_run(tmp_path / "run", settings_of(data=str(tmp_path / "data")))
    with pytest.raises(InputError, match="no split 'val'"):
        run(tmp_path / "run")
    generate_dataset(tmp_path / "full", SimulationConfig.scenario("paper"), 1, 4, 2, 0, workers=1)
    new_run(tmp_path / "other", settings_of(data=str(tmp_path / "full"), scenario="physiological"))
    with pytest.raises(InputError, match="expected scenario 'physiological', got 'paper'"):
        run(tmp_path / "other")
    short = SimulationConfig.scenario("paper", n_frames=200, height_px=48)
    generate_dataset(tmp_path / "short", short, 1, 4, 2, 0, workers=1)
    new_run(tmp_path / "third", settings_of(data=str(tmp_path / "short")))
    with pytest.raises(
        InputError, match="expected sequences of 400 frames, as preset .* of twitch takes them, got 200"
    ):
        run(tmp_path / "third")
    seg = settings_of(task="seg", preset="compact", data=str(tmp_path / "short"), options={})
    new_run(tmp_path / "fourth", seg)
    said = (
        "expected sequences of 64 x 64 px and 400 frames, as preset compact of seg takes them, got 48 x 64 px and 200"
    )
    with pytest.raises(InputError, match=said):
        run(tmp_path / "fourth")


TO_BE_KILLED = """
import sys
from muspipe.training.run_settings import TrainerOptions
from muspipe.training.trainer import Trainer
Trainer(sys.argv[1], TrainerOptions(checkpoint_minutes=0), progress=lambda step, *_: print(step, flush=True)).run()
"""


@pytest.mark.slow
def test_kill_9_and_resume(tmp_path):
    for name in ("run", "whole"):
        new_run(tmp_path / name, settings_of(steps=400, val_every=1000))
    folder = tmp_path / "run"
    words, environment = [sys.executable, "-c", TO_BE_KILLED, str(folder)], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as child:
        while (line := child.stdout.readline()) != "20\n":
            assert line, "the run ended by itself"
        child.kill()
    done = checkpoints.latest(folder / "checkpoints").step
    assert done >= 19 and child.returncode == -signal.SIGKILL
    after, unbroken = (run(tmp_path / name, kill_at=done + 3).losses for name in ("run", "whole"))
    assert list(after) == [done + 1, done + 2, done + 3]
    assert all(after[step] == pytest.approx(unbroken[step], rel=1e-4) for step in after)
    steps = [row["step"] for row in read_history(folder / "history.csv")]
    assert steps == sorted(set(steps)) and steps[:2] == [10, 20]
    assert json.loads((folder / "config.json").read_text())["settings"]["seed"] == 0


def test_measures_are_taken_every_so_many_steps_and_after_the_last(tmp_path):
    """With the most noise of the phase, on the validation sequences."""
    asked = []

    def measure(model, source, snr_db):
        asked.append((model.preset.task, source.seed >> 32, snr_db))
        return {"roa": 0.5}

    new_run(tmp_path, settings_of(steps=11))
    options = TrainerOptions(metrics_every=5)
    Trainer(tmp_path, options, devices=FakeDevice(), measure=measure).run()
    assert asked == [("twitch", 0, 10.0)] * 3  # after 5, 10 and 11
    assert [row["roa"] for row in rows(tmp_path)] == [0.5, 0.5]
    new_run(tmp_path / "never", settings_of(steps=2))
    Trainer(tmp_path / "never", devices=FakeDevice(), measure=measure).run()
    assert len(asked) == 3
