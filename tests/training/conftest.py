"""Two runs that the tests share: a whole one and a killed one."""

import shutil

import pytest

from muspipe.training.run_folder import new_run
from tests.training.small_runs import EVERY_STEP, Course, run, settings_of


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The course of an unbroken run of 12 steps; its folder is not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    new_run(folder, settings_of())
    return run(folder)


@pytest.fixture(scope="session")
def killed_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "run"
    new_run(folder, settings_of())
    return run(folder, kill_at=8, options=EVERY_STEP)


@pytest.fixture
def killed(killed_once, tmp_path):
    """The same run, killed in step 8, with the checkpoints of steps 6 and 7; a copy of its own for each test."""
    shutil.copytree(killed_once.folder, tmp_path / "run")
    return Course(tmp_path / "run", killed_once.losses, None, set())
