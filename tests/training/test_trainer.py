"""Runs: equal when resumed, whatever ended them; folders that explain themselves."""

import json
import os

import h5py
import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.models import weights
from muspipe.training import checkpoints, trainer
from muspipe.training.schedules import Phase, Schedule
from muspipe.training.settings import TrainSettings
from muspipe.training.trainer import Trainer, TrainingError, new_run

BASE = {
    "task": "twitch",
    "preset": "small",
    "steps": 12,
    "batch_size": 4,
    "val_batches": 1,
    "val_every": 4,
    "snr_db": (10.0, 30.0),
}


class Killed(BaseException):
    pass


def losses_of(folder, *, kill_at=None, **options):
    """{step: loss} of a run, ended without any farewell after `kill_at` steps."""
    seen = {}

    def progress(step, of, losses, rate):
        seen[step] = losses["loss"]
        if step == kill_at:
            raise Killed

    run = Trainer(folder, progress=progress, **options)
    try:
        summary = run.run()
    except Killed:
        return seen, None
    return seen, summary


def whole_run(folder, **changes):
    new_run(folder, TrainSettings(**(BASE | changes)))
    return losses_of(folder)


def rows(folder):
    text = (folder / "history.csv").read_text().splitlines()
    return [line.split(",") for line in text]


def test_a_killed_run_resumes_to_the_same_result(tmp_path, monkeypatch):
    unbroken, summary = whole_run(tmp_path / "a")
    assert summary["reason"] == "finished" and summary["step"] == 12 and list(unbroken) == list(range(1, 13))
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)  # after every step
    new_run(tmp_path / "b", TrainSettings(**BASE))
    first, ended = losses_of(tmp_path / "b", kill_at=6)
    assert ended is None and list(first) == [1, 2, 3, 4, 5, 6]
    second, summary = losses_of(tmp_path / "b")
    assert list(second) == list(range(6, 13))  # the step under way was lost, not the five before it
    for step, loss in {**first, **second}.items():
        assert loss == pytest.approx(unbroken[step], rel=1e-5), step
    a, b = (weights.read(tmp_path / name / "best.weights.h5") for name in "ab")
    for name, array in a[1].items():
        np.testing.assert_allclose(array, b[1][name], rtol=1e-4, atol=1e-6)
    for one, other in zip(rows(tmp_path / "a"), rows(tmp_path / "b"), strict=True):
        assert one[0] == other[0] and one[2:] == pytest.approx(other[2:]) if one[0] == "step" else True


def test_a_folder_explains_itself(tmp_path):
    _, summary = whole_run(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"config.json", "history.csv", "loss.png", "best.weights.h5", "checkpoints", "summary.json"}
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["seed"] == 0 and config["preset"]["name"] == "small"
    assert config["versions"]["keras"] and config["schedule"]["phases"][0]["steps"] == 12
    header, *lines = rows(tmp_path / "run")
    assert header == ["step", "hours", "loss", "val_loss"]
    assert [line[0] for line in lines] == ["10", "12"] and all(float(line[3]) > 0 for line in lines)
    preset, _, meta = weights.read(tmp_path / "run" / "best.weights.h5")
    assert preset["name"] == "small" and meta["step"] == summary["best"]["step"]
    assert summary["peak_memory_gb"]["process"] > 0


def test_damaged_checkpoint_is_noticed_and_the_one_before_used(tmp_path, monkeypatch):
    unbroken, _ = whole_run(tmp_path / "a")
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)
    new_run(tmp_path / "b", TrainSettings(**BASE))
    losses_of(tmp_path / "b", kill_at=8)
    files = sorted((tmp_path / "b" / "checkpoints").glob("*.h5"))
    assert [path.name for path in files] == ["step-000000006.h5", "step-000000007.h5"]
    files[1].write_bytes(files[1].read_bytes()[:-200])
    second, summary = losses_of(tmp_path / "b")
    assert min(second) == 7 and summary["damaged_checkpoints"] == [str(files[1])]
    assert second[12] == pytest.approx(unbroken[12], rel=1e-5)


def test_a_flipped_bit_is_damage_and_no_whole_checkpoint_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)
    new_run(tmp_path, TrainSettings(**BASE))
    losses_of(tmp_path, kill_at=3)
    for path in (tmp_path / "checkpoints").glob("*.h5"):
        with h5py.File(path, "r+") as file:
            file["0"][...] = file["0"][()] + 1
    with pytest.raises(InputError, match="damaged, and so is every other checkpoint"):
        losses_of(tmp_path)


def test_time_limit_and_resume(tmp_path):
    new_run(tmp_path, TrainSettings(**BASE))
    seen, summary = losses_of(tmp_path, max_minutes=0)
    assert summary["reason"] == "time is up" and list(seen) == [1]
    rest, summary = losses_of(tmp_path)
    assert list(rest) == list(range(2, 13)) and summary["reason"] == "finished"
    again, summary = losses_of(tmp_path)
    assert again == {} and summary["step"] == 12


def test_sigterm_ends_after_the_step_with_a_checkpoint(tmp_path):
    new_run(tmp_path, TrainSettings(**BASE))
    run = Trainer(tmp_path, progress=lambda step, *_: os.kill(os.getpid(), 15) if step == 3 else None)
    assert run.run()["reason"] == "interrupted" and run.step == 3
    assert checkpoints.latest(tmp_path / "checkpoints")[0] == 3


def test_phases_change_rate_noise_and_what_is_frozen(tmp_path, monkeypatch):
    from muspipe.training import schedules

    phases = (Phase("a", 1, 1e-3, "adam"), Phase("b", 1, 1e-2, "sgd", snr_db=(10.0, 10.0)))
    monkeypatch.setitem(schedules.SCHEDULES["twitch"], "two", Schedule(phases, batch_size=4))
    changes = BASE | {"schedule": "two", "steps": 6, "snr_db": None}
    new_run(tmp_path / "a", TrainSettings(**changes))
    seen, begun = {}, []
    run = Trainer(tmp_path / "a", progress=lambda step, of, losses, rate: seen.update({step: losses["loss"]}))
    begin = run._begin_phase
    monkeypatch.setattr(run, "_begin_phase", lambda step: begun.append((step, begin(step))) or begun[-1][1])
    run.run()
    assert [(step, phase[0].name, phase[1:]) for step, phase in begun] == [(0, "a", (0, 3)), (3, "b", (3, 6))]
    assert type(run.model.optimizer).__name__ == "SGD" and run._examples.options.snr_db == (10.0, 10.0)
    new_run(tmp_path / "b", TrainSettings(**changes))  # killed at the seam, where the checkpoint is
    losses_of(tmp_path / "b", kill_at=4)
    rest, _ = losses_of(tmp_path / "b")
    assert list(rest) == [4, 5, 6] and rest[6] == pytest.approx(seen[6], rel=1e-5)


def test_losses_that_are_not_finite_stop_the_run(tmp_path):
    new_run(tmp_path, TrainSettings(**BASE))
    run = Trainer(tmp_path)
    run.devices.train = lambda model, inputs: {"loss": float("nan")}
    with pytest.raises(TrainingError, match="not finite at step 1 .*seed 0, step 0"):
        run.run()
    assert not list((tmp_path / "checkpoints").glob("*")) if (tmp_path / "checkpoints").exists() else True


def test_early_stopping_keeps_the_best(tmp_path, monkeypatch):
    from muspipe.training import schedules

    phases = (Phase("all", 100, 0.0, "adam"),)  # nothing is learnt
    monkeypatch.setitem(schedules.SCHEDULES["twitch"], "idle", Schedule(phases, 4, patience=2))
    new_run(tmp_path, TrainSettings(**(BASE | {"schedule": "idle", "steps": None, "val_every": 2})))
    run = Trainer(tmp_path)
    run.devices.validate = lambda model, inputs: {"loss": 1.0}
    summary = run.run()
    assert summary["reason"] == "early stopping" and summary["step"] == 6 and summary["best"]["step"] == 2


def test_history_drops_the_rows_of_steps_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 1e9)
    new_run(tmp_path, TrainSettings(**BASE))
    losses_of(tmp_path, kill_at=11)
    with open(tmp_path / "history.csv", "a") as file:
        file.write("11,0.")  # half a line
    losses_of(tmp_path)
    assert [row[0] for row in rows(tmp_path)] == ["step", "10", "12"]


def test_full_disk(tmp_path, monkeypatch):
    new_run(tmp_path, TrainSettings(**BASE))
    losses_of(tmp_path, max_minutes=0)
    before = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.h5py.File, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        losses_of(tmp_path, max_minutes=0)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == before
    monkeypatch.undo()


def test_no_room_for_a_checkpoint_is_told_first(tmp_path, monkeypatch):
    new_run(tmp_path, TrainSettings(**BASE))
    found = os.statvfs(tmp_path)
    monkeypatch.setattr(checkpoints.os, "statvfs", lambda _: os.statvfs_result([*found[:4], 1, *found[5:]]))
    with pytest.raises(OSError, match="a checkpoint needs .* MB, the disk has 0 MB left"):
        losses_of(tmp_path)


def test_wrong_folders(tmp_path):
    with pytest.raises(InputError, match="expected the folder of a run"):
        Trainer(tmp_path)
    new_run(tmp_path / "run", TrainSettings(**BASE))
    with pytest.raises(InputError, match="exists already; give --resume"):
        new_run(tmp_path / "run", TrainSettings(**BASE))
    (tmp_path / "run" / "config.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Trainer(tmp_path / "run")


def test_initial_weights(tmp_path):
    whole_run(tmp_path / "a", steps=2)
    file = tmp_path / "a" / "best.weights.h5"
    new_run(tmp_path / "b", TrainSettings(**(BASE | {"steps": 1, "weights": str(file)})))
    run = Trainer(tmp_path / "b")
    seen = []
    run.devices.train = lambda model, inputs: seen.append(weights.arrays_of(model)) or {"loss": 1.0}
    run.run()
    for name, array in weights.read(file)[1].items():
        np.testing.assert_array_equal(seen[0][name], array)


def test_from_a_data_set(tmp_path):
    from simulator import SimulationConfig
    from simulator.generate import generate_dataset

    generate_dataset(tmp_path / "data", SimulationConfig.scenario("paper"), 1, 4, 2, 0, workers=1)
    seen, summary = whole_run(tmp_path / "run", data=str(tmp_path / "data"), steps=3)
    assert list(seen) == [1, 2, 3] and summary["reason"] == "finished"
    new_run(tmp_path / "other", TrainSettings(**(BASE | {"data": str(tmp_path / "data"), "scenario": "physiological"})))
    with pytest.raises(InputError, match="expected scenario 'physiological', got 'paper'"):
        Trainer(tmp_path / "other").run()
    generate_dataset(tmp_path / "none", SimulationConfig.scenario("paper"), 1, 4, 0, 0, workers=1)
    new_run(tmp_path / "run2", TrainSettings(**(BASE | {"data": str(tmp_path / "none")})))
    with pytest.raises(InputError, match="no split 'val'"):
        Trainer(tmp_path / "run2").run()


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"preset": "huge"}, "expected one of paper, compact"),
        ({"schedule": "long"}, "expected one of paper, short"),
        ({"steps": 0}, "expected at least 1"),
        ({"batch_size": 0}, "batch_size: expected a number from 1"),
        ({"scenario": "rat"}, "scenario: expected one of paper, physiological, both"),
        ({"precision": "float8"}, "precision: expected one of"),
    ],
)
def test_wrong_settings(changes, said):
    with pytest.raises(InputError, match=said):
        TrainSettings(**(BASE | changes))
