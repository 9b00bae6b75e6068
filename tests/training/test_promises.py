"""What a run promises beyond an even course: damage, other data, changed presets, kills, batches from the middle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from muspipe.data.options import BatchOptions
from muspipe.errors import InputError
from muspipe.models import PRESETS
from muspipe.training import checkpoints, examples, trainer
from muspipe.training.history import read_history
from muspipe.training.schedules import Phase, Schedule
from muspipe.training.settings import TrainSettings
from muspipe.training.trainer import Trainer, discard, new_run, read_run
from simulator import SimulationConfig
from simulator.generate import generate_dataset

BASE = {
    "task": "twitch",
    "preset": "small",
    "steps": 6,
    "batch_size": 4,
    "val_batches": 1,
    "val_every": 3,
    "snr_db": (10.0, 30.0),
}
ROOT = Path(__file__).resolve().parents[2]


class Killed(BaseException):
    pass


def losses_of(folder, kill_at=None):
    seen = {}

    def progress(step, of, losses, rate):
        seen[step] = losses["loss"]
        if step == kill_at:
            raise Killed

    with contextlib.suppress(Killed):
        Trainer(folder, progress=progress).run()
    return seen


def unbroken_and_resumed(tmp_path, monkeypatch, **changes):
    settings = TrainSettings(**(BASE | changes))
    for name in "ab":
        new_run(tmp_path / name, settings)
    unbroken = losses_of(tmp_path / "a")
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)
    losses_of(tmp_path / "b", kill_at=5)
    return unbroken, losses_of(tmp_path / "b")


def test_no_damage_to_a_checkpoint_is_overlooked_or_a_crash(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.train_on_batch(np.ones((2, 3), np.float32), np.ones((2, 2), np.float32))
    for step in (1, 2):
        path = checkpoints.save(tmp_path, step, model, {"n": step})
    whole, arrays = path.read_bytes(), checkpoints.latest(tmp_path)[2]
    rng, used = np.random.default_rng(0), []
    for i in range(120):
        content = bytearray(whole if i % 2 else whole[: rng.integers(len(whole))])
        for _ in range(4 if content and i % 2 else 0):
            content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        step, state, found, damaged = checkpoints.latest(tmp_path)
        used.append(step)
        assert state == {"n": step} and damaged == ([] if step == 2 else [str(path)])
        for one, other in zip(arrays, found, strict=True):
            np.testing.assert_array_equal(one, other)
    assert used.count(1) > 60  # flips between the data do no harm
    path.write_bytes(whole[:100])
    checkpoints.set_aside(checkpoints.latest(tmp_path)[3])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000001.h5", "step-000000002.h5.damaged"]


@pytest.mark.parametrize("torn", ["20,0.1,1e-,3", "20,0.1", "20,0.1,\0\0\0\0", "\0\0\0\0", ",,,"])
def test_a_torn_row_of_the_history_is_left_out(tmp_path, torn):
    path = tmp_path / "history.csv"
    path.write_text("step,hours,loss,val_loss\n10,0.1,2,\n" + torn)
    assert [row["step"] for row in read_history(path)] == [10]


def test_a_run_keeps_its_preset_and_schedule(tmp_path, monkeypatch):
    new_run(tmp_path, TrainSettings(**BASE))
    monkeypatch.setitem(PRESETS["twitch"]["small"], "gru", 6)
    run = Trainer(tmp_path)
    run._build()
    assert run.model.preset["gru"] == 4 and run.schedule == TrainSettings(**BASE).full_schedule()


def test_no_online_epoch_repeats_another_and_no_crop_its_noise():
    config = SimulationConfig.scenario("paper", n_units=(1, 1))
    epochs = examples.OnlineEpochs([config], 0, 4, "train")
    assert [epochs.source(epoch).seed >> 32 for epoch in (0, 1, 70_000)] == [0, 1, 70_000]  # no two can be equal
    assert epochs.source(7).seed == epochs.source(7).seed
    made = examples.Examples("twitch", epochs, BatchOptions(batch_size=4, snr_db=20.0))
    crops = np.concatenate([made.batch(step)["crops"] for step in range(4)])  # 16 of 4 units
    assert len({crop.tobytes() for crop in crops}) == 16


def test_patience_is_a_setting_and_a_stopped_run_stays_stopped(tmp_path, monkeypatch):
    from muspipe.training import schedules

    monkeypatch.setitem(schedules.SCHEDULES["twitch"], "idle", Schedule((Phase("all", 100, 0.0, "adam"),), 4))
    new_run(tmp_path, TrainSettings(**(BASE | {"schedule": "idle", "steps": None, "val_every": 1, "patience": 2})))
    for _ in range(2):
        run = Trainer(tmp_path)
        run.devices.validate = lambda model, inputs: {"loss": 1.0}
        summary = run.run()
        assert (summary["reason"], summary["step"]) == ("early stopping", 3)
    with pytest.raises(InputError, match="patience: expected a number from 1, got 0"):
        TrainSettings(**(BASE | {"patience": 0}))


def test_bfloat16_resumes_as_well(tmp_path, monkeypatch):
    unbroken, resumed = unbroken_and_resumed(tmp_path, monkeypatch, precision="mixed_bfloat16")
    assert list(resumed) == [5, 6] and resumed[6] == pytest.approx(unbroken[6], rel=1e-3)


def test_a_data_set_resumes_as_well_and_no_other_takes_its_place(tmp_path, monkeypatch):
    data = tmp_path / "data"
    generate_dataset(data, SimulationConfig.scenario("paper"), 1, 4, 2, 0, workers=1)
    unbroken, resumed = unbroken_and_resumed(tmp_path, monkeypatch, data=str(data))
    assert list(resumed) == [5, 6] and resumed[6] == pytest.approx(unbroken[6], rel=1e-5)
    before = (tmp_path / "b" / "history.csv").read_bytes()
    data.rename(tmp_path / "old")
    generate_dataset(data, SimulationConfig.scenario("paper"), 2, 4, 2, 0, workers=1)
    with pytest.raises(InputError, match="is not the data set that .* has been trained on"):
        Trainer(tmp_path / "b").run()
    assert (tmp_path / "b" / "history.csv").read_bytes() == before


@pytest.mark.parametrize("task", ["seg", "twitch"])
def test_batches_through_tensorflow_are_those_of_numpy_from_any_step(tmp_path, task):
    pytest.importorskip("tensorflow")
    generate_dataset(tmp_path, SimulationConfig.scenario("paper", n_units=(2, 3)), 1, 4, 0, 0, workers=1)
    from muspipe.data.sources import open_dataset

    epochs = examples.FixedEpochs(open_dataset(tmp_path, "train"))
    options = BatchOptions(batch_size=2, snr_db=(10.0, 30.0))
    plain, through = (kind(task, epochs, options) for kind in (examples.Examples, examples.TensorFlowExamples))
    first = plain.batches_an_epoch + 1  # the second batch of the second epoch; then on into the third
    steps = []
    for batch, step in through.stream(lambda batch, step: (batch, step), first, first + plain.batches_an_epoch + 1):
        steps.append(step)
        for name, array in plain.batch(step).items():
            np.testing.assert_allclose(batch[name], array, rtol=1e-4, atol=1e-4, err_msg=name)
    assert steps == list(range(first, first + plain.batches_an_epoch + 1))


def test_what_could_not_begin_leaves_nothing(tmp_path):
    new_run(tmp_path / "run", TrainSettings(**(BASE | {"weights": str(tmp_path / "none.h5")})))
    with pytest.raises((InputError, OSError), match="none.h5"):
        Trainer(tmp_path / "run").run()
    assert read_run(tmp_path / "run")[0].weights.endswith("none.h5")
    discard(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    discard(tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").exists()


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from muspipe.models import PRESETS, get_preset
from muspipe.training import examples, trainer
PRESETS["twitch"]["small"] = {preset!r}
examples.ONLINE_CROPS, examples.ONLINE_SEQUENCES["twitch"], trainer.CHECKPOINT_S = 16, 4, 0.0
trainer.Trainer({folder!r}, progress=lambda step, *_: Path({mark!r}).write_text(str(step))).run()
"""


@pytest.mark.slow
def test_kill_9_and_resume(tmp_path):
    settings = TrainSettings(**(BASE | {"steps": 400, "val_every": 1000}))
    new_run(tmp_path / "run", settings)
    mark = tmp_path / "mark"
    code = KILLED.format(
        root=str(ROOT), preset=PRESETS["twitch"]["small"], folder=str(tmp_path / "run"), mark=str(mark)
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    while not (mark.exists() and mark.read_text() and int(mark.read_text()) >= 20):
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = checkpoints.latest(tmp_path / "run" / "checkpoints")[0]
    assert done >= 19
    new_run(tmp_path / "whole", settings)
    after, unbroken = losses_of(tmp_path / "run", kill_at=done + 3), losses_of(tmp_path / "whole", kill_at=done + 3)
    assert list(after) == [done + 1, done + 2, done + 3]
    assert all(after[step] == pytest.approx(unbroken[step], rel=1e-4) for step in after)
    steps = [row["step"] for row in read_history(tmp_path / "run" / "history.csv")]
    assert steps == sorted(set(steps))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["seed"] == 0
