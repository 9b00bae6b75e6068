"""Files that appear together or not at all, also where the process that writes them is killed."""

import os
import signal
import subprocess

import pytest

from muspipe import outputs
from muspipe.errors import InputError
from muspipe.outputs import output_files
from simulator.shared.files import atomic_path, process_mark

NAMES = ("a", "b", "c")
OLD, NEW = {"a": "old", "b": "old"}, {"b": "new", "c": "new"}


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def dead_mark():
    """That of a process of this machine that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return process_mark().replace(str(os.getpid()), str(ended.pid))


def write(folder):
    with output_files(folder, NAMES, overwrite=True) as staging:
        for name, text in NEW.items():
            (staging / name).write_text(text)


def killed_at(folder, move):
    """A process that replaces OLD by NEW and is killed instead of its move of this number; False if it has fewer."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    done, replace = 0, os.replace

    def counted(*paths):
        nonlocal done
        done += 1
        if done > move:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)

    outputs.os.replace = counted
    write(folder)
    os._exit(0)


@pytest.mark.parametrize("move", range(6))
def test_a_process_killed_anywhere_leaves_the_old_files_or_the_new_ones(tmp_path, move):
    """Two old files are taken away, their folder renamed, two new ones put: five moves."""
    for name, text in OLD.items():
        (tmp_path / name).write_text(text)
    assert killed_at(tmp_path, move) == (move < 5)
    with pytest.raises(InputError, match="exists"), output_files(tmp_path, NAMES):
        pass
    assert content(tmp_path) == (OLD if move < 3 else NEW)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    write(tmp_path)
    assert content(tmp_path) == NEW


def test_temporary_folders_of_killed_processes_go_and_those_of_others_stay(tmp_path):
    dead, alive = f".part-{dead_mark()}-abc", f".part-{process_mark()}-abc"
    elsewhere = ".part-00000000-1-abc"  # another machine's, of which nothing is known
    for name in (dead, alive, elsewhere, ".part-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b").touch()
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {alive, elsewhere, ".part-mine"}


def test_temporary_files_of_killed_processes_go_and_those_of_others_stay(tmp_path):
    dead, alive = f".x.h5.{dead_mark()}.part.h5", f".y.h5.{process_mark()}.part.h5"
    for name in (dead, alive, ".z.part.h5", "x.part"):
        (tmp_path / name).touch()
    with atomic_path(tmp_path / "other.csv") as temporary:
        temporary.write_text("1")
    assert sorted(os.listdir(tmp_path)) == sorted([alive, ".z.part.h5", "x.part", "other.csv"])
