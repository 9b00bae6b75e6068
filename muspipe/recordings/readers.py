"""Recordings from files: HDF5, NumPy and MATLAB.

| file | velocity | frame rate, pixel size |
|---|---|---|
| .h5 .hdf5 | dataset `velocity` (H, W, T) | attributes `frame_rate_hz`, `pixel_mm` of the dataset or the root |
| .npy | the array | options |
| .npz | `velocity` | `frame_rate_hz`, `pixel_mm` |
| .mat (v5-v7, v7.3) | variable `velocity`, (H, W, T) as MATLAB shows it | variables `frame_rate_hz`, `pixel_mm` |

Without a `velocity`, the only 3-D array of numbers is taken. Files of echoes (`echoes/readers.py`) are recordings too:
their velocity is estimated when they are loaded.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.recording import Recording
from muspipe.recordings.stored import StoredVelocity
from muspipe.recordings.stores import Store, listed, number, open_store, order_of_axes, reading
from simulator.shared.files import sha256_of_file

SCALARS = ("frame_rate_hz", "pixel_mm")


def load_recording(path, *, frame_rate_hz=None, pixel_mm=None, variable=None, axes=None, whole=True) -> Recording:
    """Read a recording from an .h5, .hdf5, .npy, .npz or .mat file.

    whole: False leaves the velocity in the file, where its format lets parts be read, for recordings that are larger
    than memory: `identify` reads a window after the other. The velocity of echoes goes into a temporary file then.

    frame_rate_hz [Hz] and pixel_mm [mm] override the file's values, with a UserWarning if those are others; they are
    needed where the file has none.
    variable: name of the array in the file (for HDF5 also a path, "group/name").
    axes: order of the array's axes, a permutation of "HWT" (height, width, time). Without it HWT is taken, unless the
    shape looks like time first.
    IQ and RF give the velocity that `muspipe velocity` would with its default settings; frame_rate_hz and pixel_mm are
    then those of the echoes.
    Raises InputError (a ValueError), in one line, for whatever cannot be used.
    """
    path = Path(path)
    order = order_of_axes(axes)
    with open_store(path) as store:
        if variable is not None or not store.has("velocity"):
            from muspipe.echoes.readers import holds_echoes, velocity_of_file  # these pass by what is velocity

            if holds_echoes(store, variable):
                given = _given(prf_hz=frame_rate_hz, pixel_mm=pixel_mm)
                _warn_of_replaced(path, store.values(given, _first_of_echoes(store, variable)), given)
                return velocity_of_file(path, variable, axes, given, whole)
        velocity, unit, scalars = _content(store, variable, order, whole)
        bmode = _bmode(store, order)
    given = _given(frame_rate_hz=frame_rate_hz, pixel_mm=pixel_mm)
    _warn_of_replaced(path, scalars, given)
    scalars |= given
    if velocity.ndim == 3 and axes is None and velocity.shape[0] > velocity.shape[1] == velocity.shape[2]:
        raise InputError(
            f"{path}: shape {velocity.shape} looks like time first, expected height, width, time: give axes, --axes "
            "THW (or TWH from MATLAB's h5write), or --axes HWT if it is right as it is"
        )
    if velocity.ndim == 3 and isinstance(velocity, np.ndarray):
        velocity = velocity.transpose([order.index(letter) for letter in "HWT"])
    try:
        return Recording(
            velocity,
            frame_rate_hz=number(scalars.get("frame_rate_hz")),
            pixel_mm=number(scalars.get("pixel_mm")),
            velocity_unit=unit,
            source_name=path.name,
            source_sha256=sha256_of_file(path),
            bmode=bmode,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _given(**values):
    return {name: value for name, value in values.items() if value is not None}


def _first_of_echoes(store, variable) -> str | None:
    """The array whose attributes say how the echoes were taken, as its file does."""
    from muspipe.echoes.readers import NAMES

    if variable is not None:
        return variable.split(",")[0].strip()
    likely = (*(names[0] for names in NAMES), *(name for name, shape in store.shapes.items() if len(shape) >= 3))
    return next((name for name in likely if name in store.shapes), None)


def _warn_of_replaced(path, said: dict, given: dict) -> None:
    """A UserWarning in one line for values that a file says and that others take the place of."""
    pairs = {name: (_shown(number(said[name])), _shown(value)) for name, value in given.items() if name in said}
    changes = [f"{name} {new} instead of the file's {old}" for name, (old, new) in pairs.items() if new != old]
    if changes:
        warnings.warn(f"{path}: taken as given: {', '.join(changes)}", stacklevel=3)


def _shown(value):
    """A number, or two that differ, for a line of text."""
    parts = value if isinstance(value, tuple | list) else (value,)
    shown = [f"{part:g}" if isinstance(part, int | float) else f"{type(part).__name__}" for part in parts]
    return " x ".join(shown if len(set(shown)) > 1 else shown[:1])


def _content(store: Store, variable, order, whole):
    """(array with its axes as the user knows them, or still in its file, its unit, {name: value} of SCALARS)."""
    name = _choose(store, variable)
    item = store.item(name)
    if item.is_complex:
        raise InputError(
            f"{store.path}: {name}: expected real numbers, got complex ones (IQ data?): call them iq, and see "
            "muspipe velocity"
        )
    values = store.values((*SCALARS, "unit"), name)
    unit = values.pop("unit", None)
    unit = unit if isinstance(unit, str) else "a.u."
    stored = None if whole else StoredVelocity.of(store.path, name, item, order)
    if stored is not None:
        return stored, unit, values
    with reading(store.path, store.what):
        velocity = np.array(item.array) if isinstance(item.array, np.memmap) else item.array[()]
    return velocity.T if item.reversed else velocity, unit, values


def _bmode(store: Store, order):
    """The B-mode image that `muspipe velocity` writes beside the velocity; None without, or if it is something else."""
    if len(store.shapes.get("bmode", ())) != 2:
        return None
    item = store.item("bmode")
    if item.array.dtype != np.uint8:
        return None
    with reading(store.path, store.what):
        image = item.array[()]
    return image if item.reversed == (order.index("H") > order.index("W")) else image.T


def _choose(store: Store, variable) -> str:
    """Name of the velocity array."""
    arrays = {name: shape for name, shape in store.shapes.items() if name not in SCALARS}
    made_by = str(store.values(("format",), None).get("format", ""))
    if made_by.startswith("muspipe") and "velocity" not in arrays:
        raise InputError(f"{store.path}: expected a recording, this is a file of another kind ({made_by})")
    if variable is not None:
        return store.require(variable)
    if store.nameless:
        return next(iter(store.shapes))
    if store.has("velocity"):
        return "velocity"
    cubes = [name for name, shape in arrays.items() if len(shape) == 3]
    if len(cubes) == 1:
        return cubes[0]
    if cubes:
        raise InputError(
            f"{store.path}: several 3-D arrays, {listed(cubes)}: say which one by variable (--variable NAME)"
        )
    raise InputError(f"{store.path}: expected an array `velocity` (H, W, T), it holds {store.content()}")
