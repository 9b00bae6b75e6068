"""Two devices give what one gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from muspipe.errors import InputError
from muspipe.training.devices import make_devices

SCRIPT = Path(__file__).parent / "two_devices.py"


def test_two_devices_are_as_one():
    root = str(SCRIPT.parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_more_devices_than_there_are():
    with pytest.raises(InputError, match="expected at most"):
        make_devices(64)
    with pytest.raises(InputError, match="expected a number from 1"):
        make_devices(0)
