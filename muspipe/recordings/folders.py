"""Which files of folders are recordings, and what each is called."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from muspipe.errors import InputError
from muspipe.recordings.result import FORMAT
from muspipe.recordings.stores import STORES
from simulator.shared.hdf5 import open_hdf5


def recordings_of(places: Iterable, leave_out=None) -> dict[str, Path]:
    """{name: absolute path} of files, and of all recordings in and below folders.

    A name is the way from the folder that all have in common to the file, without its ending: `s1/rest`. Files that
    differ in nothing else keep it: `s1/rest.mat`, `s1/rest.h5`. In folders, hidden files, results and whatever lies
    below the folder `leave_out` are passed by. InputError for a folder without a recording.
    """
    files, homes = {}, []
    for place in (Path(os.path.abspath(place)) for place in places):
        if place.is_dir():
            found = sorted(_below(place, leave_out and Path(os.path.abspath(leave_out))))
            if not found:
                raise InputError(f"{place}: no recording is there: expected files ending in {', '.join(STORES)}")
            files |= dict.fromkeys(found)
            homes.append(place)
        else:  # also one that is missing: whoever reads it says so
            files[place] = None
            homes.append(place.parent)
    home = Path(os.path.commonpath(homes))
    short = {file: file.relative_to(home).with_suffix("") for file in files}
    times = Counter(str(name).casefold() for name in short.values())  # some disks take A and a for one
    return {
        str(name if times[str(name).casefold()] == 1 else file.relative_to(home)): file for file, name in short.items()
    }


def _below(folder, leave_out):
    for here, folders, names in os.walk(folder):
        here = Path(here)
        folders[:] = [name for name in folders if not name.startswith(".") and here / name != leave_out]
        for name in names:
            file = here / name
            if file.suffix.lower() in STORES and not name.startswith(".") and not _is_result(file):
                yield file


def _is_result(path):
    if path.suffix.lower() in (".h5", ".hdf5"):
        with contextlib.suppress(OSError, InputError), open_hdf5(path) as file:
            return file.attrs.get("format") == FORMAT
    return False
