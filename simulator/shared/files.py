"""Files that are whole or not there: they are written beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import socket
import zlib
from pathlib import Path

from simulator.shared.errors import InputError

try:
    import fcntl
except ImportError:  # not on this system, where two runs in one folder go unnoticed
    fcntl = None


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; on success it replaces `path`, on any error it is removed. What killed
    processes have left in the folder is removed, too.

    >>> with atomic_path("result.h5") as temporary:
    ...     write(temporary)
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{process_mark()}.part{path.suffix}")
    for leftover in left_by_killed(path.parent, r"\..+\.{mark}\.part(\..*)?"):
        leftover.unlink(missing_ok=True)
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


def process_mark() -> str:
    """What a temporary name says of its maker: machine and process."""
    return f"{_machine()}-{os.getpid()}"


def left_by_killed(folder: Path, pattern: str) -> list[Path]:
    """Paths in a folder whose whole name has this form, `{mark}` in it the `process_mark` of a process of this machine
    that no longer runs."""
    form = re.compile(pattern.replace("{mark}", rf"{_machine()}-(?P<process>\d+)"))
    with contextlib.suppress(OSError):  # what is wrong with the folder is said by whoever writes there
        found = [(entry, form.fullmatch(entry.name)) for entry in folder.iterdir()]
        return [entry for entry, match in found if match and not _runs(int(match["process"]))]
    return []


def _machine():
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _runs(process: int) -> bool:
    if os.name != "posix":  # elsewhere there is no harmless signal to ask with
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


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
        require_space_of(file, n_bytes)


def require_space_of(file, n_bytes: int) -> None:
    """The same of an open file, which is left empty."""
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
