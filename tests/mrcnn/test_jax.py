"""The tests of numbers on JAX, where it is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="all tests are on JAX already")
@pytest.mark.parametrize("file", ["test_helper_parity", "test_inference_parity", "test_loss_parity", "test_parts"])
def test_on_jax(file):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", str(HERE / f"{file}.py")]
    done = subprocess.run(command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
