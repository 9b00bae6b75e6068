"""Checkpoints: no damage is overlooked, and none is a crash."""

import itertools
import os

import h5py
import keras
import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.training import checkpoints, listeners
from muspipe.training.loop import RunState
from muspipe.training.optimizers import SGD
from muspipe.training.run_folder import RunFolder


def model_of(width=2, *more):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(width), *more])
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_no_damage_to_a_checkpoint_is_overlooked_or_a_crash(tmp_path):
    model = model_of()
    for step in (1, 2):
        path = checkpoints.save(tmp_path, step, model, {"n": step})
    whole, arrays = path.read_bytes(), checkpoints.latest(tmp_path).arrays
    assert len(arrays) == 6  # kernel, bias, iterations, learning rate, two momenta
    rng, used = np.random.default_rng(0), []
    for i in range(120):
        content = bytearray(whole if i % 2 else whole[: rng.integers(len(whole))])
        for _ in range(4 if content and i % 2 else 0):
            content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        found = checkpoints.latest(tmp_path)
        used.append(found.step)
        assert found.state == {"n": found.step} and found.damaged == ([] if found.step == 2 else [str(path)])
        for one, other in zip(arrays, found.arrays, strict=True):
            np.testing.assert_array_equal(one, other)
    assert used.count(1) > 60  # flips between the data do no harm
    path.write_bytes(whole[:100])
    checkpoints.set_aside(checkpoints.latest(tmp_path).damaged)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000001.h5", "step-000000002.h5.damaged"]
    (tmp_path / "step-000000001.h5").write_bytes(whole[:100])
    with pytest.raises(InputError, match="step-000000001.h5: damaged, and so is every other checkpoint"):
        checkpoints.latest(tmp_path)


@pytest.mark.parametrize("changed", ["state", "step", "format", "shape", "kind"])
def test_whatever_else_was_changed_is_damage(tmp_path, changed):
    """The numbers are the same."""
    model = model_of()
    for step in (1, 2):
        path = checkpoints.save(tmp_path, step, model, {"n": step})
    with h5py.File(path, "r+") as file:
        if changed in ("shape", "kind"):
            kernel = file["0"][()]
            del file["0"]
            file["0"] = kernel.reshape(kernel.shape[::-1]) if changed == "shape" else kernel.view(np.int32)
        else:
            file.attrs[changed] = {"state": '{"n": 3}', "step": 3, "format": "muspipe checkpoint 2"}[changed]
    found = checkpoints.latest(tmp_path)
    assert (found.step, found.state, found.damaged) == (1, {"n": 1}, [str(path)])


def test_what_is_only_watched_is_not_kept():
    """Kernel, bias, iterations, learning rate, two momenta; and not the gradient's norm, nor the mean of the loss."""
    model = model_of()
    model.compile(optimizer=SGD(0.1, momentum=0.9), loss="mse")
    model.train_on_batch(np.ones((2, 3), np.float32), np.ones((2, 2), np.float32))
    assert model.optimizer.gradient_norm is not None and model.metrics
    assert len(checkpoints.variables_of(model)) == 6


def test_the_last_two_are_kept(tmp_path):
    """Besides those that were set aside."""
    model, folder = model_of(), tmp_path / "checkpoints"
    checkpoints.save(folder, 3, model, {})
    checkpoints.set_aside([str(checkpoints.path_of(folder, 3))])
    for step in (5, 60, 700):
        checkpoints.save(folder, step, model, {})
    kept = ["step-000000003.h5.damaged", "step-000000060.h5", "step-000000700.h5"]
    assert sorted(path.name for path in folder.iterdir()) == kept
    assert checkpoints.latest(tmp_path / "none") is None


def test_one_that_could_not_be_written_is_not_there(tmp_path):
    checkpoints.save(tmp_path, 1, model_of(), {})
    with pytest.raises(TypeError):
        checkpoints.save(tmp_path, 2, model_of(), {"n": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.h5"]


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    checkpoints.save(tmp_path, 1, model_of(), {})
    with pytest.raises(InputError, match="expected 6 variables as this network and optimizer have"):
        checkpoints.restore(model_of(width=3), checkpoints.latest(tmp_path).arrays)


def test_everything_that_a_step_changes_is_restored(tmp_path):
    """What is counted of batches and drawn at random, too."""
    between = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
    model, data = model_of(8, *between), (np.ones((2, 3), np.float32), np.ones((2, 8), np.float32))
    model.train_on_batch(*data)
    checkpoints.save(tmp_path, 1, model, {})
    expected = model.train_on_batch(*data)
    other = model_of(8, *(type(layer).from_config(layer.get_config()) for layer in between))
    checkpoints.restore(other, checkpoints.latest(tmp_path).arrays)
    assert other.train_on_batch(*data) == pytest.approx(expected, rel=1e-6)
    assert int(other.optimizer.iterations) == 2


def test_checkpoints_take_their_share_of_the_time_and_no_more(tmp_path, monkeypatch):
    """A step a second; a checkpoint is due every minute, or where writing takes 6 s, every 6 / 5 % = 120 s."""
    for minutes, writing_s, expected in ((1.0, 1.0, 60.0), (1.0, 6.0, 120.0), (0.0, 6.0, 1.0)):
        now, saved = [0.0], []

        def save(*_, writing_s=writing_s, now=now, saved=saved):
            saved.append(now[0])
            now[0] += writing_s

        monkeypatch.setattr(listeners.time, "monotonic", lambda now=now: now[0])
        monkeypatch.setattr(listeners.checkpoints, "save", save)
        told = listeners.Checkpoints(RunFolder(tmp_path), None, minutes, None)
        for _ in range(1000):
            now[0] += 1
            told.may_save(RunState(), False)
        gaps = [later - before - writing_s for before, later in itertools.pairwise(saved[1:])]
        assert set(gaps) == {expected}


def test_no_room_for_a_checkpoint_is_told_first(tmp_path, monkeypatch):
    found = os.statvfs(tmp_path)
    monkeypatch.setattr(checkpoints.os, "statvfs", lambda _: os.statvfs_result([*found[:4], 1, *found[5:]]))
    with pytest.raises(OSError, match="a checkpoint needs 7 MB, the disk has 0 MB left"):
        checkpoints.check_space(tmp_path, model_of(200_000))  # 4 bytes each of 800,000 weights and momenta, and 1 MB
