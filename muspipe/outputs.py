"""Where results go: one file, or files of a folder that appear together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from muspipe.errors import InputError
from simulator.shared.files import left_by_killed, process_mark

TAKEN, REPLACED = "old.part", "old"
"""Folders within a temporary one, for the files that are replaced: while they are taken there, and once all are."""


def checked_file(path, endings: tuple[str, ...], overwrite: bool, inputs=()) -> Path:
    """Where to write one file. InputError if that cannot be, before any work is done: another ending, or for one of
    the reasons of `check_target`."""
    path = Path(path)
    if path.suffix.lower() not in endings:
        listed = ", ".join(endings[:-1]) + (" or " if endings[1:] else "") + endings[-1]
        raise InputError(f"{path}: expected a file ending in {listed}, got {path.suffix or 'no ending'}")
    check_target(path, overwrite, inputs)
    return path


def check_target(path: Path, overwrite: bool, inputs=()) -> None:
    """InputError where a file cannot or must not be written: no folder, something there without `overwrite`, or one of
    the inputs."""
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: no folder {path.parent}; make it first")
    for given in inputs:
        if path.exists() and Path(given).exists() and os.path.samefile(path, given):
            raise InputError(f"{path}: would replace what is read: choose another name")
    if path.exists() and (path.is_dir() or not overwrite):
        raise InputError(f"{path}: exists already; give --overwrite to replace it, or choose another name")


@contextlib.contextmanager
def output_files(folder, names, overwrite: bool = False):
    """Yield a temporary folder; when the block ends well, the files written there replace those of `folder`.

    names: every file name that may be written. If files of these names exist, `overwrite` is needed; that, and whether
    `folder` can be written to, is checked before the block runs. In the end all of them are removed, even those not
    written anew, so that results of two runs never stand side by side. On any error `folder` is left as it was, or
    removed if it did not exist. Raises InputError that says what was not written and why. What a killed process has
    left half done there is first undone, or finished where all its files were written.
    """
    folder = Path(folder)
    _mend(folder)
    _refuse_existing(folder, names, overwrite)
    not_written = f"{folder}: nothing was written ({', '.join(names)})"
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    staging = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".part-{process_mark()}-", dir=folder))
        yield staging
        _exchange(folder, staging, names)
    except OSError as error:
        if staging and not _concerns(error, staging):
            raise
        raise InputError(f"{not_written}: {error.strerror or error}") from error
    finally:
        if staging:
            shutil.rmtree(staging, ignore_errors=True)
        for parent in created:  # those that now hold files stay
            with contextlib.suppress(OSError):
                parent.rmdir()


def _refuse_existing(folder, names, overwrite):
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder for the output, got a file")
    there = [name for name in names if os.path.lexists(folder / name)]
    odd = [name for name in there if (folder / name).is_dir()]
    if odd:
        raise InputError(f"{folder}: {', '.join(odd)} would be replaced but is a folder: choose another output folder")
    if there and not overwrite:
        raise InputError(f"{folder}: {', '.join(there)} exists: give --overwrite to replace, or another output folder")


def _concerns(error, staging):
    """Whether an OSError is about writing here: it names a file in `staging`, or none, as when the disk is full."""
    return error.filename is None or Path(str(error.filename)).is_relative_to(staging)


def _mend(folder):
    """Finish or undo what processes that were killed have begun here."""
    for staging in left_by_killed(folder, r"\.part-{mark}-.+"):
        if (staging / REPLACED).is_dir():  # all new files were written, and some may have their place already
            for new in staging.iterdir():
                if new.name != REPLACED:
                    os.replace(new, folder / new.name)
        elif (staging / TAKEN).is_dir():
            _put_back(staging / TAKEN, folder)
        shutil.rmtree(staging, ignore_errors=True)


def _exchange(folder, staging, names):
    """Replace the old files with the new ones; put the old ones back if that fails halfway."""
    new = [name for name in names if (staging / name).exists()]
    (staging / TAKEN).mkdir()
    try:
        for name in names:
            if os.path.lexists(folder / name):
                os.replace(folder / name, staging / TAKEN / name)
        os.replace(staging / TAKEN, staging / REPLACED)
        for name in new:
            os.replace(staging / name, folder / name)
    except BaseException:  # not even an interrupt may leave a mixture
        for name in new:
            if not (staging / name).exists():
                (folder / name).unlink(missing_ok=True)
        for kept in (TAKEN, REPLACED):
            if (staging / kept).is_dir():
                _put_back(staging / kept, folder)
        raise


def _put_back(kept, folder):
    for old in kept.iterdir():
        os.replace(old, folder / old.name)
