"""Files that are whole or not there: they are written beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from pathlib import Path

from simulator.shared.errors import InputError

try:
    import fcntl
except ImportError:  # not on this system, where two runs in one folder go unnoticed
    fcntl = None


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; on success it replaces `path`, on any error it is removed.

    >>> with atomic_path("result.h5") as temporary:
    ...     write(temporary)
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) == temporary:
            error.filename = str(path)  # the caller does not know the temporary one
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def plain_oserror(path):
    """HDF5 reports a full disk in several ways, the number hidden in the message; make each an ordinary OSError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = re.search(r"errno = (\d+)", str(error))
        if not (found or isinstance(error, OSError)):
            raise
        number = int(found[1]) if found else error.errno or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def require_space(path, n_bytes: int) -> None:
    """Make an empty file for which there is room for n_bytes. OSError if there is none: better now than in the midst of
    HDF5, which a full disk may take down with the whole process."""
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            file.truncate(0)


def sha256_of_file(path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def held(folder, what: str):
    """Hold a folder for one run, which writes `what`. The system releases it however the process ends. InputError if
    another one has it."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InputError(f"{folder}: another process is writing {what}; wait for it to end") from None
    finally:
        os.close(descriptor)


def readable(name: str) -> str:
    """A file's name as text: bytes in it that are no UTF-8 are replaced, as no file of text could hold them."""
    return os.fsencode(name).decode("utf-8", "replace")
