"""Recordings from files: HDF5, NumPy and MATLAB.

| file | velocity | frame rate, pixel size |
|---|---|---|
| .h5 .hdf5 | dataset `velocity` (H, W, T) | attributes `frame_rate_hz`, `pixel_mm` of the dataset or the root |
| .npy | the array | options |
| .npz | `velocity` | `frame_rate_hz`, `pixel_mm` |
| .mat (v4-v7, v7.3) | variable `velocity`, (H, W, T) as MATLAB shows it | variables `frame_rate_hz`, `pixel_mm` |

Without a `velocity`, the only 3-D array of numbers is taken. Nothing in a file is ever unpickled or run.
"""

from __future__ import annotations

import contextlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.recording import Recording
from simulator.shared.files import sha256_of_file

SCALARS = ("frame_rate_hz", "pixel_mm")


@dataclass
class _Content:
    """What a reader found: the array with its axes as the user knows them, and the values of SCALARS, if any."""

    velocity: np.ndarray
    scalars: dict
    unit: str = "a.u."


def load_recording(path, *, frame_rate_hz=None, pixel_mm=None, variable=None, axes=None) -> Recording:
    """Read a recording from an .h5, .hdf5, .npy, .npz or .mat file.

    frame_rate_hz [Hz] and pixel_mm [mm] override the file's values; they are needed where the file has none.
    variable: name of the array in the file (for HDF5 also a path, "group/name").
    axes: order of the array's axes, a permutation of "HWT" (height, width, time). Without it HWT is taken, unless the
    shape looks like time first.
    Raises InputError (a ValueError), in one line, for whatever cannot be used.
    """
    path = Path(path)
    order = "HWT" if axes is None else str(axes).upper()
    if sorted(order) != sorted("HWT"):
        raise InputError(f"axes: expected an order of the letters H, W, T such as HWT or THW, got {axes!r}")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: expected a file ending in {', '.join(READERS)}, got {path.suffix or 'no ending'}")
    _check_readable(path)
    content = reader(path, variable)
    for name, given in zip(SCALARS, (frame_rate_hz, pixel_mm), strict=True):
        if given is not None:
            content.scalars[name] = given
    velocity = content.velocity
    if velocity.ndim == 3 and axes is None and velocity.shape[0] > velocity.shape[1] == velocity.shape[2]:
        raise InputError(
            f"{path}: shape {velocity.shape} looks like time first, expected height, width, time: give axes, --axes "
            "THW (or TWH from MATLAB's h5write), or --axes HWT if it is right as it is"
        )
    if velocity.ndim == 3:
        velocity = velocity.transpose([order.index(letter) for letter in "HWT"])
    try:
        return Recording(
            velocity,
            frame_rate_hz=_number(content.scalars.get("frame_rate_hz")),
            pixel_mm=_number(content.scalars.get("pixel_mm")),
            velocity_unit=content.unit,
            source_name=path.name,
            source_sha256=sha256_of_file(path),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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


def _number(value):
    """A Python scalar from what files hold: 0-D and 1 x 1 arrays (MATLAB). Anything else is passed on to be refused."""
    if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1:
        return np.asarray(value).reshape(()).item()
    return value


def _choose(path, variable, arrays: dict, others=()) -> str:
    """Name of the velocity array. arrays: name -> shape of every numeric array; others: names of what else there is."""
    if variable is not None:
        if variable in arrays or variable in others:
            return variable
        raise InputError(f"{path}: no variable {variable!r}: it holds {_listed([*arrays, *others])}")
    if "velocity" in arrays or "velocity" in others:
        return "velocity"
    cubes = [name for name, shape in arrays.items() if len(shape) == 3]
    if len(cubes) == 1:
        return cubes[0]
    if cubes:
        raise InputError(f"{path}: several 3-D arrays, {_listed(cubes)}: say which one by variable (--variable NAME)")
    raise InputError(f"{path}: expected an array `velocity` (H, W, T), it holds {_listed([*arrays, *others])}")


def _listed(names, most=8) -> str:
    names = [str(name) for name in names]
    return (", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")) or "nothing"


@contextlib.contextmanager
def _reading(path, what: str):
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


# HDF5, and MATLAB v7.3, which is HDF5 with the axes reversed


def _read_hdf5(path, variable) -> _Content:
    with _reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        arrays, others = {}, []

        def note(name, item):
            numeric = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiuc"
            if numeric and name not in SCALARS:
                arrays[name] = item.shape
            elif not name.startswith("#"):  # MATLAB keeps what cells and structs refer to in #refs#
                others.append(name)

        file.visititems(note)
        made_by = str(file.attrs.get("format", ""))
        if made_by.startswith("muspipe") and "velocity" not in arrays:
            raise InputError(f"{path}: expected a recording, this is a file of another kind ({made_by})")
        name = _choose(path, variable and variable.strip("/"), arrays, others)
        item = file[name]
        _refuse_odd_item(path, name, item)
        scalars, unit = {}, "a.u."
        for place in (file.attrs, item.attrs):
            scalars.update({key: place[key] for key in SCALARS if key in place})
        scalars.update({key: file[key][()] for key in SCALARS if isinstance(file.get(key), h5py.Dataset)})
        if isinstance(item.attrs.get("unit"), str):
            unit = item.attrs["unit"]
        velocity = item[()]
        matlab = path.suffix.lower() == ".mat" or "MATLAB_class" in item.attrs
        return _Content(velocity.T if matlab else velocity, scalars, unit)


def _refuse_odd_item(path, name, item):
    """InputError for what is not a plain array of numbers: groups (structs, sparse), references (cells), text."""
    matlab_class = item.attrs.get("MATLAB_class", b"")
    matlab_class = matlab_class.decode() if isinstance(matlab_class, bytes) else str(matlab_class)
    if isinstance(item, h5py.Group):
        what = "a MATLAB struct" if matlab_class == "struct" else "a MATLAB object" if matlab_class else "a group"
    elif item.dtype.names in (("real", "imag"), ("r", "i")) or item.dtype.kind == "c":
        raise InputError(f"{path}: {name}: expected real numbers, got complex ones (IQ data?): compute velocity first")
    elif matlab_class == "cell":
        what = "a MATLAB cell array"
    elif item.attrs.get("MATLAB_empty", 0) or item.shape is None:
        what = "empty"
    elif item.dtype.kind not in "fiu" or matlab_class in ("char", "logical"):
        what = f"of type {matlab_class or item.dtype}"
    else:
        return
    raise InputError(f"{path}: {name} is {what}: expected a 3-D array of numbers")


# NumPy


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


def _read_npy(path, variable) -> _Content:
    if variable is not None:
        raise InputError(f"{path}: a .npy file holds one array without a name: leave out variable (--variable)")
    with _reading(path, "a NumPy .npy file"), open(path, "rb") as file:
        shape, dtype = _npy_header(file)
        _refuse_odd_npy(path, "the array", shape, dtype, path.stat().st_size - file.tell())
        file.seek(0)
        return _Content(np.lib.format.read_array(file, allow_pickle=False), {})


def _read_npz(path, variable) -> _Content:
    with _reading(path, "a NumPy .npz file"), zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        shapes, others = {}, []
        for name, info in members.items():
            with archive.open(info) as file:
                shape, dtype = _npy_header(file)
            if dtype.kind in "fiuc" and name not in SCALARS:
                shapes[name] = shape
            else:
                others.append(name)

        def read(name):
            with archive.open(members[name]) as file:
                shape, dtype = _npy_header(file)
                _refuse_odd_npy(path, name, shape, dtype, members[name].file_size)
            with archive.open(members[name]) as file:
                return np.lib.format.read_array(file, allow_pickle=False)

        name = _choose(path, variable, shapes, others)
        return _Content(read(name), {key: read(key) for key in SCALARS if key in members})


# MATLAB

_MATLAB_NUMERIC = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def _read_mat(path, variable) -> _Content:
    if h5py.is_hdf5(path):
        return _read_hdf5(path, variable)
    from scipy.io import loadmat, whosmat  # only here: it costs a tenth of a second

    with _reading(path, "a MATLAB file"):
        variables = {name: (shape, kind) for name, shape, kind in whosmat(path)}
        numeric = {n: s for n, (s, kind) in variables.items() if kind in _MATLAB_NUMERIC and n not in SCALARS}
        name = _choose(path, variable, numeric, [n for n in variables if n not in numeric])
        kind = variables[name][1]
        if kind not in _MATLAB_NUMERIC:
            raise InputError(f"{path}: {name} is a MATLAB {kind} array: expected a 3-D array of numbers")
        content = loadmat(path, variable_names=[name, *SCALARS])
        return _Content(content[name], {key: content[key] for key in SCALARS if key in content})


READERS = {".h5": _read_hdf5, ".hdf5": _read_hdf5, ".npy": _read_npy, ".npz": _read_npz, ".mat": _read_mat}
"""File ending -> reader(path, variable)."""
