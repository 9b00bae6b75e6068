"""HDF5 files from anywhere, read without the risk that a damaged one takes this process with it.

On about one in 80 damaged files the HDF5 library does not return, or ends the process: a length of 0 in its heap of
texts is a loop for ever. Nothing in a process can stop that, so a helper process goes first (hdf5_walk.py): all that
the file says of its structure, and all texts, by the same library. If that takes too much processor time, or ends the
helper, the file is refused. The values themselves, which are nearly all of a file, are not read there: a large one is
not slower and takes no more memory. A helper is started when there is a file (some 0.15 s, of which most is loading
h5py), looks at it (some ms), waits a while for the next one, and ends. What has been looked at is known by its size
and time.

A checksum would serve our own files alone, and reading each file in the helper would copy every recording.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py

from simulator.shared.errors import InputError

WALK = Path(__file__).with_name("hdf5_walk.py")
LIMIT_S, IDLE_S = 5, 5
"""Processor time for one object of a file; what the helper waits for another file."""
MOST_KNOWN = 10_000
READY, DONE = b"ready\n", b"done\n"


def open_hdf5(path) -> h5py.File:
    """The file, for reading. InputError for one that would take the process with it; else whatever h5py raises."""
    path = os.path.abspath(path)
    with _state.lock:
        _state.require(path)
    return h5py.File(path, "r")


class _State:
    """Of this process: its helper, and what that has gone through."""

    def __init__(self):
        self.lock = threading.Lock()
        self._helper, self._known = None, set()

    def require(self, path):
        try:
            status = os.stat(path)
        except OSError:
            return  # is said by whoever opens it
        mark = (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if mark in self._known:
            return
        fate = self._fate(path)
        if fate:
            does = "does not come to an end with it" if fate == -signal.SIGPROF else "ends the process that reads it"
            raise InputError(f"{path}: damaged: the HDF5 library {does}; get the file again")
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(mark)

    def _fate(self, path) -> int:
        """How the helper ended on this file; 0: not at all. What is no loop has to happen twice, as a helper may be
        killed for other reasons; and where none can be started, files are read as they are."""
        code = 0
        for _ in range(2):
            if self._helper is None:
                self._helper = _started()
            if self._helper is None or self._answers(path):
                return 0
            code = self._ended()
            if code == -signal.SIGALRM:  # while it waited
                return self._fate(path)
            if code == -signal.SIGPROF:
                break
        return code

    def _answers(self, path) -> bool:
        try:
            self._helper.stdin.write(json.dumps(path).encode() + b"\n")
            return self._helper.stdout.readline() == DONE
        except BrokenPipeError:
            return False
        except BaseException:  # interrupted: its answer must not be taken for that to the next question
            self._helper.kill()
            self._ended()
            raise

    def _ended(self):
        """Its exit code."""
        with self._helper as helper:  # closes the pipes, and waits
            self._helper = None
        return helper.returncode

    def close(self):
        """End the helper."""
        if self._helper is not None:
            self._ended()


def _started() -> subprocess.Popen | None:
    if not hasattr(signal, "SIGPROF") or not sys.executable:  # on Windows; within another program
        return None
    command = [sys.executable, "-P", str(WALK), str(LIMIT_S), str(IDLE_S)]
    quiet = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        helper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=quiet, bufsize=0
        )
    except OSError:
        return None
    if helper.stdout.readline() == READY:
        return helper
    with helper:
        return None


def _forget():
    """In a process that was forked off: the helper, and a lock that a thread may have held, are the other's."""
    global _state
    _state = _State()


_state = _State()
atexit.register(lambda: _state.close())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
