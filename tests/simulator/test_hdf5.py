"""Damaged HDF5 files on which the library never returns: told in one line, and nothing else is refused for it."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest

from simulator.shared import hdf5
from simulator.shared.errors import InputError
from simulator.shared.hdf5 import open_hdf5


@pytest.fixture
def state(monkeypatch):
    """As in a process that has read nothing yet."""
    fresh = hdf5._State()
    monkeypatch.setattr(hdf5, "_state", fresh)
    monkeypatch.setattr(hdf5, "LIMIT_S", 1)
    yield fresh
    fresh.close()


def write(path, text="some text"):
    with h5py.File(path, "w") as file:
        file["a/velocity"] = np.arange(6.0)
        file.create_dataset("packed", data=np.zeros((40, 4)), chunks=(4, 4), compression="gzip")
        file["a"].attrs["note"] = text
    return path


def endless(path):
    """Texts lie in a heap: GCOL, its size in bytes 8 to 16, then texts, each after its number (2 bytes), 6 others, and
    its length (8). The last, of number 0, is what is free: of length 0, the library steps over it for ever."""
    data = bytearray(write(path).read_bytes())
    at = data.index(b"GCOL") + 16
    while int.from_bytes(data[at : at + 2], "little"):
        length = int.from_bytes(data[at + 8 : at + 16], "little")
        at += 16 + -(-length // 8) * 8
    data[at + 8 : at + 16] = bytes(8)
    path.write_bytes(data)
    return path


def test_a_file_without_an_end_is_refused_and_the_next_one_read(state, tmp_path):
    path = endless(tmp_path / "endless.h5")
    for _ in range(2):
        with pytest.raises(InputError, match="endless.h5: damaged: the HDF5 library does not come to an end"):
            open_hdf5(path)
    with open_hdf5(write(tmp_path / "sound.h5")) as file:
        assert file["a"].attrs["note"] == "some text" and (file["a/velocity"][()] == np.arange(6)).all()


def test_a_file_is_looked_at_once_until_it_changes(state, tmp_path, monkeypatch):
    path, asked = write(tmp_path / "a.h5"), []
    monkeypatch.setattr(state, "_fate", lambda path: asked.append(path) or 0)
    for _ in range(3):
        open_hdf5(path).close()
    assert len(asked) == 1
    write(path, text="another and longer text" * 200)
    open_hdf5(path).close()
    assert len(asked) == 2


@pytest.mark.parametrize("changed", ["time", "size"])
def test_another_time_or_size_alone_is_another_file(state, tmp_path, monkeypatch, changed):
    path, asked = write(tmp_path / "a.h5"), []
    monkeypatch.setattr(state, "_fate", lambda path: asked.append(path) or 0)
    open_hdf5(path).close()
    time_ns = path.stat().st_mtime_ns
    if changed == "size":
        path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(time_ns, time_ns + 1_000_000_000 * (changed == "time")))
    open_hdf5(path).close()
    assert len(asked) == 2


def test_what_the_library_itself_refuses_is_left_to_it(state, tmp_path):
    path = tmp_path / "no.h5"
    with pytest.raises(FileNotFoundError):
        open_hdf5(path)
    path.write_text("no HDF5")
    with pytest.raises(OSError, match="signature"):
        open_hdf5(path)


def test_a_helper_that_ends_is_replaced_and_a_file_that_ends_two_is_refused(state, tmp_path, monkeypatch):
    open_hdf5(write(tmp_path / "0.h5")).close()
    first = state._helper
    first.kill()
    open_hdf5(write(tmp_path / "1.h5")).close()
    assert state._helper is not first
    monkeypatch.setattr(state, "_answers", lambda path: state._helper.kill())
    with pytest.raises(InputError, match="ends the process"):
        open_hdf5(write(tmp_path / "2.h5"))


def test_an_idle_helper_ends_by_itself_and_nobody_notices(state, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "IDLE_S", 1)
    open_hdf5(write(tmp_path / "0.h5")).close()
    assert state._helper.wait(timeout=30) == -hdf5.signal.SIGALRM
    open_hdf5(write(tmp_path / "1.h5")).close()


def test_without_a_helper_files_are_read_as_they_are(state, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    open_hdf5(write(tmp_path / "a.h5")).close()


def test_odd_names_threads_and_processes(state, tmp_path):
    names = [b"a\nb.h5", b"\xff.h5", "\u00e9.h5".encode()]
    paths = [write(tmp_path / os.fsdecode(name)) for name in names]
    threads = [threading.Thread(target=lambda path=path: open_hdf5(path).close()) for path in paths * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state._known) == 3
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_text, (paths[0],)) == "some text"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_text, (paths[0],)) == "some text"


def _text(path):
    with open_hdf5(path) as file:
        return file["a"].attrs["note"]


def test_the_helper_ends_with_its_process(tmp_path):
    path = write(tmp_path / "a.h5")
    code = (
        "import os, sys; from simulator.shared import hdf5; hdf5.IDLE_S = 600; hdf5.open_hdf5(sys.argv[1]); "
        "print(hdf5._state._helper.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False).stdout
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _runs(int(said)):
        time.sleep(0.05)
    assert not _runs(int(said))


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
