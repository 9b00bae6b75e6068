"""Files from users - HDF5, NumPy, MATLAB - as what they are to a reader: named arrays and values.

Nothing in a file is ever unpickled or run, and whatever a damaged or foreign file does is one InputError that names it.
"""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.matlab import NUMERIC, MatFile
from simulator.shared.hdf5 import open_hdf5


@dataclass(frozen=True, eq=False)
class Item:
    """An array of numbers in a file."""

    array: np.ndarray | h5py.Dataset
    """As the file keeps it. Complex numbers may be pairs of named fields."""
    reversed: bool = False
    """Whether its axes are in the reverse of the order in which the user knows them."""

    @property
    def is_complex(self) -> bool:
        return is_complex(self.array.dtype)


def is_complex(dtype) -> bool:
    """Complex numbers, also as HDF5 and MATLAB keep them."""
    return dtype.kind == "c" or dtype.names in (("real", "imag"), ("r", "i"))


class Store:
    """An open file."""

    what = ""
    """Its format, as messages call it."""
    nameless = False
    """Whether it is one array without a name."""

    def __init__(self, path: Path):
        self.path = path
        self.shapes: dict[str, tuple] = {}
        """Of every array of numbers, its axes as the user knows them."""
        self.others: list[str] = []
        """Names of all else."""

    def close(self) -> None:
        """Let go of the file."""

    def item(self, name: str) -> Item:
        """The array. InputError for what is no array of numbers."""
        raise NotImplementedError

    def is_complex(self, name: str) -> bool:
        """Whether an array holds complex numbers."""
        return self.item(name).is_complex

    def values(self, names, item: str | None) -> dict:
        """{name: value} of those of these names that the file says, of all its arrays or of this one."""
        raise NotImplementedError

    def has(self, name: str) -> bool:
        """Whether anything is called so."""
        return name in self.shapes or name in self.others

    def require(self, variable: str) -> str:
        """The name of what the user calls so. InputError if there is no such thing."""
        if self.has(variable):
            return variable
        raise InputError(f"{self.path}: no variable {variable!r}: it holds {self.content()}")

    def content(self) -> str:
        """Names for messages, without those of single values."""
        return listed([*(name for name, shape in self.shapes.items() if math.prod(shape) > 3), *self.others])


@contextlib.contextmanager
def open_store(path) -> Iterator[Store]:
    """The file at this path, of the kind that its ending says."""
    path = Path(path)
    kind = STORES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: expected a file ending in {', '.join(STORES)}, got {path.suffix or 'no ending'}")
    _check_readable(path)
    if kind is MatStore and h5py.is_hdf5(path):
        kind = Hdf5Store
    with reading(path, kind.what):
        store = kind(path)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def reading(path, what: str):
    """Whatever a library raises on a damaged or foreign file becomes an InputError that names the file.

    Any Exception: the parsers of h5py, numpy, zipfile and scipy meet damaged bytes with nearly every kind there is.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: does not fit into memory ({error})") from error
    except Exception as error:
        reason = " ".join(str(error).split())
        text = f"{path}: cannot be read as {what} (damaged, cut short or another format?): {reason}"
        raise InputError(text) from error


def number(value):
    """Python's own of what files hold: scalars, also as 0-D and 1 x 1 arrays (MATLAB), and short rows as tuples.
    Anything else is passed on to be refused."""
    if isinstance(value, np.ndarray | np.generic):
        plain = np.asarray(value).squeeze()
        if plain.ndim == 0:
            return plain.item()
        if plain.ndim == 1 and len(plain) <= 3 and plain.dtype.kind in "fiu":
            return tuple(plain.tolist())
    return value


def listed(names, most=8) -> str:
    """Names in a message."""
    names = [str(name) for name in names]
    return (", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")) or "nothing"


def order_of_axes(axes) -> str:
    """axes in capitals, HWT for None. InputError for anything but an order of H, W and T."""
    order = "HWT" if axes is None else str(axes).upper()
    if sorted(order) != sorted("HWT"):
        raise InputError(f"axes: expected an order of the letters H, W, T such as HWT or THW, got {axes!r}")
    return order


def _check_readable(path):
    if path.is_dir():
        raise InputError(f"{path}: expected a file, it is a folder")
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from error
    if empty:
        raise InputError(f"{path}: the file is empty (0 bytes)")


class Hdf5Store(Store):
    """HDF5, and MATLAB v7.3, which is HDF5 with the axes reversed. Arrays stay in the file until they are read."""

    what = "an HDF5 file"

    def __init__(self, path):
        super().__init__(path)
        self._file = open_hdf5(path)
        with self._closing_on_error():
            self._file.visititems(self._note)

    @contextlib.contextmanager
    def _closing_on_error(self):
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _note(self, name, item):
        if isinstance(item, h5py.Dataset) and (item.dtype.kind in "fiu" or is_complex(item.dtype)):
            self.shapes[name] = item.shape[::-1] if self._reversed(item) and item.shape else item.shape
        elif not name.startswith("#"):  # MATLAB keeps what cells and structs refer to in #refs#
            self.others.append(name)

    def _reversed(self, item):
        return self.path.suffix.lower() == ".mat" or "MATLAB_class" in item.attrs

    def close(self):
        self._file.close()

    def require(self, variable):
        return super().require(variable.strip("/"))

    def item(self, name):
        with reading(self.path, self.what):
            item = self._file[name]
            _refuse_odd_item(self.path, name, item)
            return Item(item, self._reversed(item))

    def values(self, names, item):
        found = {}
        with reading(self.path, self.what):
            for place in (self._file, *([self._file[item]] if item else [])):
                found.update({name: place.attrs[name] for name in names if name in place.attrs})
            datasets = {name: self._file.get(name) for name in names}
            found.update({name: d[()] for name, d in datasets.items() if isinstance(d, h5py.Dataset) and name != item})
        return found


def _refuse_odd_item(path, name, item):
    """InputError for what is not a plain array of numbers: groups (structs, sparse), references (cells), text."""
    matlab_class = item.attrs.get("MATLAB_class", b"")
    matlab_class = matlab_class.decode() if isinstance(matlab_class, bytes) else str(matlab_class)
    if isinstance(item, h5py.Group):
        what = "a MATLAB struct" if matlab_class == "struct" else "a MATLAB object" if matlab_class else "a group"
    elif matlab_class == "cell":
        what = "a MATLAB cell array"
    elif item.attrs.get("MATLAB_empty", 0) or item.shape is None:
        what = "empty"
    elif matlab_class in ("char", "logical") or not (item.dtype.kind in "fiu" or is_complex(item.dtype)):
        what = f"of type {matlab_class or item.dtype}"
    else:
        return
    raise InputError(f"{path}: {name} is {what}: expected a 3-D array of numbers")


class NpyStore(Store):
    """One array without a name, left in the file until it is read."""

    what = "a NumPy .npy file"
    nameless = True
    NAME = "the array"

    def __init__(self, path):
        super().__init__(path)
        with open(path, "rb") as file:
            shape, dtype = _npy_header(file)
            _refuse_odd_npy(path, self.NAME, shape, dtype, path.stat().st_size - file.tell())
        self._array = np.lib.format.open_memmap(path, mode="r") if math.prod(shape) else np.zeros(shape, dtype)
        self.shapes = {self.NAME: shape}

    def require(self, variable):
        raise InputError(f"{self.path}: a .npy file holds one array without a name: leave out variable (--variable)")

    def item(self, name):
        return Item(self._array)

    def values(self, names, item):
        return {}


class NpzStore(Store):
    """Arrays in a zip archive, each read as a whole."""

    what = "a NumPy .npz file"

    def __init__(self, path):
        super().__init__(path)
        with zipfile.ZipFile(path) as archive:
            self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            self._complex = set()
            for name, info in self._members.items():
                try:
                    with archive.open(info) as file:
                        shape, dtype = _npy_header(file)
                except Exception:  # zipfile and NumPy have many; what is no array is said when it is asked for
                    self.others.append(name)
                    continue
                if dtype.kind in "fiuc":
                    self.shapes[name] = shape
                else:
                    self.others.append(name)
                if is_complex(dtype):
                    self._complex.add(name)

    def is_complex(self, name):
        return name in self._complex

    def item(self, name):
        return Item(self._read(name))

    def values(self, names, item):
        return {name: self._read(name) for name in names if name in self._members and name != item}

    def _read(self, name):
        info = self._members[name]
        with reading(self.path, self.what), zipfile.ZipFile(self.path) as archive:
            with archive.open(info) as file:
                _refuse_odd_npy(self.path, name, *_npy_header(file), info.file_size)
            with archive.open(info) as file:
                return np.lib.format.read_array(file, allow_pickle=False)


class MatStore(Store):
    """MATLAB v5 to v7, each variable read as a whole."""

    what = "a MATLAB file"

    def __init__(self, path):
        super().__init__(path)
        self._file, self._read = MatFile(path), {}
        for name, variable in self._file.variables.items():
            if variable.kind in NUMERIC:
                self.shapes[name] = variable.shape
            else:
                self.others.append(name)

    def is_complex(self, name):
        return self._file.variables[name].is_complex

    def item(self, name):
        kind = self._file.variables[name].kind
        if kind not in NUMERIC:
            raise InputError(f"{self.path}: {name} is a MATLAB {kind} array: expected a 3-D array of numbers")
        return Item(self._values(name))

    def values(self, names, item):
        return {name: self._values(name) for name in names if name in self._file.variables and name != item}

    def _values(self, name):
        if name not in self._read:
            with reading(self.path, self.what):
                self._read[name] = self._file.values(name)
        return self._read[name]


def _npy_header(file):
    """(shape, dtype) of the .npy data that `file` begins with; the file is left where the values begin."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _refuse_odd_npy(path, name, shape, dtype, n_bytes: int):
    """InputError for pickled objects, and for a header that promises more values than the file's n_bytes hold."""
    if dtype.hasobject:
        raise InputError(f"{path}: {name} holds pickled Python objects, which are never loaded: save a plain array")
    needed = math.prod(shape) * dtype.itemsize
    if needed > n_bytes:
        raise InputError(f"{path}: {name} is cut short: {needed} bytes of values expected, {n_bytes} there")


STORES = {".h5": Hdf5Store, ".hdf5": Hdf5Store, ".npy": NpyStore, ".npz": NpzStore, ".mat": MatStore}
"""File ending -> how it is opened."""
