"""MATLAB files of v5 to v7: the arrays of numbers and the texts in them.

Read here, not by SciPy: its reader looks types up in a table by numbers from the file, unchecked, so that one damaged
byte ends the whole process, or gives values from foreign memory. Here a number from the file is checked before it is
used, and only what is asked for is read and unpacked. Whatever does not fit is a ValueError.

A file is a header and elements; an element is a type, a length and data. A variable is an element that holds others:
its flags, shape, name, values, and imaginary values ("MAT-File Level 5 File Format", The MathWorks).
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

HEADER = 128
"""Bytes before the first element: text, version, order of bytes."""
MATRIX, COMPRESSED = 14, 15
"""Types of elements that hold a variable."""
KINDS = {
    **dict(enumerate(("cell", "struct", "object", "char", "sparse", "double", "single"), start=1)),
    **dict(enumerate((f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")), start=8)),
    **dict(enumerate(("function", "opaque"), start=16)),
}
"""Of variables, as MATLAB calls them."""
NUMERIC = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
"""Kinds that hold numbers."""
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of values that are numbers."""
TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""Encodings of values that are text."""
LONGEST = 1 << 20
"""Bytes of flags, shape and name at most; a damaged length is not taken for a reason to read the whole file."""
MOST_PACKED = 1032
"""Bytes that zlib can make of one, at most."""


@dataclass(frozen=True)
class Variable:
    """What a file says of a variable before its values."""

    kind: str
    """One of KINDS, or logical."""
    shape: tuple[int, ...]
    """As MATLAB shows it."""
    is_complex: bool
    place: tuple[int, int, int]
    """First byte, type and length of its element."""


class MatFile:
    """The variables of a file. ValueError for a file of another kind, and for a damaged one."""

    def __init__(self, path):
        self._path = path
        with open(path, "rb") as file:
            header = file.read(HEADER)
            self._order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
            if self._order is None or int.from_bytes(header[124:126], _name_of(self._order)) >> 8 != 1:
                raise ValueError("no header of MATLAB v5 to v7 (files of v4 hold no images; v7.3 is HDF5)")
            self._size = file.seek(0, 2)
            self.variables = dict(self._listed(file))

    def values(self, name: str) -> np.ndarray | str:
        """Of a variable that holds numbers, or truth values as numbers (an array of its shape), or characters."""
        variable = self.variables[name]
        if variable.kind not in (*NUMERIC, "logical", "char"):
            raise ValueError(f"{name}: expected numbers or text, got a {variable.kind} array")
        with open(self._path, "rb") as file:
            stream = self._opened(file, variable.place)
            self._head(stream)
            if variable.kind == "char":
                return self._text(stream)
            array = self._numbers(stream, name, variable)
            if not variable.is_complex:
                return array
            whole = np.empty(variable.shape, np.result_type(array.dtype, np.complex64), order="F")
            whole.real, whole.imag = array, self._numbers(stream, name, variable)
            return whole

    def _listed(self, file):
        """(name, Variable) of each element that is a variable."""
        at = HEADER
        while at < self._size:
            file.seek(at)
            kind, length = self._integers(_exactly(file, 8))
            if kind not in (MATRIX, COMPRESSED) or length > self._size - at - 8:
                raise ValueError(f"an element of type {kind} and {length} bytes at byte {at}, where a variable begins")
            place = at, kind, length
            name, *said = self._head(self._opened(file, place))
            if name:  # the nameless one is MATLAB's own, of functions and objects
                yield name, Variable(*said, place)
            at += 8 + length

    def _opened(self, file, place):
        """What is inside a variable's element, unpacked."""
        at, kind, length = place
        file.seek(at + 8)
        if kind == MATRIX:
            return _Part(file, length)
        stream = _Unpacked(_Part(file, length))
        kind, inner = self._integers(_exactly(stream, 8))
        if kind != MATRIX or inner > MOST_PACKED * length:
            raise ValueError(f"an element of type {kind} and {inner} bytes, packed in {length}, where a variable is")
        return stream

    def _head(self, stream):
        """(name, kind, shape, whether complex) of a variable; the stream is left where its values begin."""
        flags = self._integers(self._element(stream, (6,)))
        kind = KINDS.get(flags[0] & 0xFF) if len(flags) == 2 else None
        if kind is None:
            raise ValueError(f"a variable of flags {flags.tolist()}")
        if kind == "opaque":
            return self._element(stream, (1, 16)).decode("latin-1"), kind, (), False
        shape = tuple(self._integers(self._element(stream, (5, 6))).tolist())
        name = self._element(stream, (1, 16)).decode("latin-1")
        if len(shape) < 2 or len(shape) > 32 or max(shape) >= 1 << 31:
            raise ValueError(f"{name}: a variable of shape {shape}")
        return name, "logical" if flags[0] & 0x200 else kind, shape, bool(flags[0] & 0x800)

    def _element(self, stream, types):
        """Data of an element of one of these types."""
        kind, length, data = self._tag(stream)
        if kind not in types or length > LONGEST:
            raise ValueError(f"an element of type {kind} and {length} bytes, expected type {types[0]}")
        return data if data is not None else _padded(stream, length)

    def _tag(self, stream):
        """(type, length, data) of the next element; data None: it follows."""
        head = _exactly(stream, 8)
        kind, length = (int(number) for number in self._integers(head))
        if kind >> 16:  # a short one: the length is beside the type, the data in the place of the length
            kind, length = kind & 0xFFFF, kind >> 16
            if length > 4:
                raise ValueError(f"a short element of {length} bytes")
            return kind, length, head[4 : 4 + length]
        return kind, length, None

    def _numbers(self, stream, name, variable):
        """The next element, as an array of the variable's shape and of the type that the file keeps."""
        kind, length, data = self._tag(stream)
        if kind not in NUMBERS:
            raise ValueError(f"{name}: values of type {kind}")
        dtype = np.dtype(self._order + NUMBERS[kind])
        if length != math.prod(variable.shape) * dtype.itemsize:
            raise ValueError(f"{name}: {length} bytes of values, its shape {variable.shape} has another number")
        data = data if data is not None else _padded(stream, length)
        return np.frombuffer(data, dtype).reshape(variable.shape, order="F")

    def _text(self, stream):
        kind, length, data = self._tag(stream)
        if kind not in TEXTS or length > LONGEST:
            raise ValueError(f"text of type {kind} and {length} bytes")
        data = data if data is not None else _padded(stream, length)
        wide = TEXTS[kind] in ("utf-16", "utf-32")
        return data.decode(TEXTS[kind] + (f"-{_name_of(self._order)[0]}e" if wide else ""))

    def _integers(self, data):
        return np.frombuffer(data, self._order + "u4")


class _Part:
    """The next bytes of a file, and no more."""

    def __init__(self, file, n_bytes):
        self._file, self._left = file, n_bytes

    def read(self, n):
        data = self._file.read(min(n, self._left))
        self._left -= len(data)
        return data


class _Unpacked:
    """Bytes that zlib has packed, unpacked as they are asked for."""

    BLOCK = 1 << 16

    def __init__(self, packed):
        self._packed, self._zlib = packed, zlib.decompressobj()

    def read(self, n):
        parts, left = [], n
        while left:
            data = self._zlib.unconsumed_tail or self._packed.read(self.BLOCK)
            parts.append(self._zlib.decompress(data, left))
            left -= len(parts[-1])
            if not data and not parts[-1]:
                break
        return b"".join(parts)


def _exactly(stream, n):
    data = stream.read(n)
    if len(data) < n:
        raise ValueError(f"cut short: {n} bytes expected, {len(data)} there")
    return data


def _padded(stream, length):
    """Data of a length, and past what fills it up to eight bytes; at the very end of a file that may be left out."""
    data = _exactly(stream, length)
    stream.read(-length % 8)
    return data


def _name_of(order):
    return "little" if order == "<" else "big"
