"""Two virtual CPU devices give what one gives."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from muspipe.errors import InputError
from muspipe.training.devices import ScalarWriter, make_devices
from muspipe.training.run_folder import new_run
from muspipe.training.run_settings import TrainerOptions
from muspipe.training.trainer import Trainer
from tests.training.small_runs import FakeDevice, settings_of

SCRIPT = Path(__file__).parent / "two_devices.py"


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_are_as_one(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = os.pathsep.join([str(SCRIPT.parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_more_devices_than_there_are():
    with pytest.raises(InputError, match="devices: expected at most"):
        make_devices(64)


def test_a_batch_is_shared_equally(tmp_path):
    three = FakeDevice()
    three.count = 3
    new_run(tmp_path, settings_of(batch_size=4))
    with pytest.raises(InputError, match="batch_size: expected a multiple of 3 devices, got 4"):
        Trainer(tmp_path, devices=three)


def test_scalars_for_tensorboard(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("tensorboard")
    new_run(tmp_path, settings_of(steps=1))
    Trainer(tmp_path, TrainerOptions(tensorboard=True), devices=FakeDevice()).run()
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert all(name in file.read_bytes() for name in (b"val_loss", b"learning_rate", b"examples_per_s"))


def test_scalars_without_tensorboard_are_refused_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as if it were not installed
    with pytest.raises(InputError, match="--tensorboard: expected TensorFlow and the package tensorboard"):
        ScalarWriter(tmp_path / "tensorboard")
    assert not (tmp_path / "tensorboard").exists()
