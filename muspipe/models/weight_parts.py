"""Weight files in several parts, where one would be too large to publish: the bytes of NAME.h5, cut.

NAME.parts.json     what the whole is: its name, size and SHA-256, and those of the parts in order
NAME.h5.part1 ...   `cat NAME.h5.part1 NAME.h5.part2 ... > NAME.h5` makes the whole again

Parts are read without making the whole on the disk.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from muspipe.errors import InputError
from simulator.shared.files import atomic_path

FORMAT = "muspipe weights in parts 1"
ENDING = ".parts.json"
MIB = 1 << 20


def index_of(path) -> Path:
    """The index beside a weight file NAME.h5."""
    return Path(path).with_suffix(ENDING)


def is_index(path) -> bool:
    """Whether a path is the index of parts, by its name."""
    return str(path).endswith(ENDING)


def cut(path, part_mib: float) -> Path:
    """Cut a weight file NAME.h5 into parts of at most part_mib [MiB], which stand in its place -> their index."""
    path, size = Path(path), int(part_mib * MIB)
    whole = path.read_bytes()
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    parts = []
    for number, piece in enumerate(pieces, start=1):
        part = path.with_name(f"{path.name}.part{number}")
        with atomic_path(part) as temporary:
            temporary.write_bytes(piece)
        parts.append({"file": part.name} | _facts(piece))
    index = {"format": FORMAT, "file": path.name} | _facts(whole) | {"parts": parts}
    with atomic_path(index_of(path)) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    path.unlink()
    return index_of(path)


def remove(path) -> None:
    """Take away the index and the parts of a weight file NAME.h5, if there are any."""
    path = Path(path)
    index_of(path).unlink(missing_ok=True)
    for part in path.parent.glob(f"{path.name}.part*"):
        part.unlink()


def joined(index) -> io.BytesIO:
    """The whole of an index. InputError, naming the part, if one is missing or damaged."""
    index = Path(index)
    facts = _read(index)
    pieces = [_piece(index, part, len(facts["parts"])) for part in facts["parts"]]
    whole = b"".join(pieces)
    if _facts(whole) != {name: facts[name] for name in ("bytes", "sha256")}:
        raise InputError(f"{index}: its parts do not make the whole that it states; get index and parts again")
    return io.BytesIO(whole)


def _piece(index, part, n_parts):
    path = index.with_name(part["file"])
    try:
        piece = path.read_bytes()
    except OSError:
        raise InputError(
            f"{index}: expected {n_parts} parts beside it, but {part['file']} is missing; put it there"
        ) from None
    found = _facts(piece)
    for name, unit in (("bytes", " bytes"), ("sha256", " as SHA-256")):
        if found[name] != part[name]:
            raise InputError(
                f"{path}: expected {part[name]}{unit}, got {found[name]}; the part is damaged: get it again"
            )
    return piece


def _read(index):
    """The index as plain values. InputError if it is none."""
    try:
        facts = dict(json.loads(index.read_text(encoding="utf-8")))
        named = [(part["file"], part["bytes"], part["sha256"]) for part in facts["parts"]]
        whole = bool(named) and all(Path(name).name == name for name, _, _ in named)
        if facts["format"] == FORMAT and whole and {"bytes", "sha256"} <= facts.keys():
            return facts
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, OSError):
        pass
    raise InputError(f"{index}: expected the index of a weight file in parts, got something else; get it again")


def _facts(data):
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
