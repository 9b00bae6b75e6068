"""Echoes from files: HDF5, NumPy and MATLAB.

| file | echoes | how they were taken: the fields of `Scan` |
|---|---|---|
| .h5 .hdf5 | dataset `iq`, or `I` and `Q`, or `rf` | attributes of the root or the dataset, or datasets |
| .npz, .mat (v5-v7, v7.3) | variable `iq`, or `I` and `Q`, or `rf` | variables |
| .npy | the array | options |

`iq` is complex, or has I and Q on a last axis of length 2; `rf` is real and needs `sampling_rate_hz`. Axes are depth,
width, time (HWT), unless the dataset has an attribute `axes`. Without such a name the only complex array is taken.
HDF5 and .npy are read a block of frames at a time, the others as a whole.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import h5py

from muspipe.echoes.demodulation import Demodulated
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.options import Scan
from muspipe.echoes.samples import InOrder, Pair, ReadAhead
from muspipe.echoes.velocity import measure
from muspipe.errors import InputError
from muspipe.progress import tell
from muspipe.recordings.recording import Recording
from muspipe.recordings.stores import Item, Store, listed, number, open_store, order_of_axes
from simulator.shared.files import sha256_of_file

NAMES = (("iq",), ("IQ",), ("I", "Q"), ("i", "q"), ("rf",), ("RF",))
"""Of arrays that are echoes, the most certain first."""
OF_SCAN = tuple(field.name for field in fields(Scan))


@contextlib.contextmanager
def open_echoes(path, *, variable: str | None = None, axes: str | None = None, **given) -> Iterator[Echoes]:
    """The echoes of a file, which stays open within the block. variable: name of the array, or "I,Q"; axes: order of
    its axes, a permutation of "HWT" (depth, width, time); given: fields of `Scan` that override the file's."""
    path = Path(path)
    with open_store(path) as store:
        with naming(path):
            names = _choose(store, variable)
            said = store.values((*OF_SCAN, "axes"), names[0])
            values = {name: number(said[name]) for name in OF_SCAN if name in said} | given
            axes = axes or _text(said.get("axes"))
            items = [store.item(name) for name in names]
            echoes = _compose(store, names, items, axes, values)
        yield echoes


def velocity_of_file(path, variable, axes, given: dict, whole: bool = True) -> Recording:
    """The recording that a file of echoes is, by default settings; whole: see `measure`. What is doubtful is a
    UserWarning."""
    with open_echoes(path, variable=variable, axes=axes, **given) as echoes, naming(path):
        measured = measure(echoes, progress=_telling(echoes.n_frames), whole=whole)
    for line in measured.findings.warnings:
        warnings.warn(f"{path}: {line}", stacklevel=3)
    return measured.recording


def _telling(n_frames):
    """Tells where the velocity is, called with the number of frames done since the last call."""
    done = 0

    def progress(n):
        nonlocal done
        tell(done, n_frames, "velocity of frame")
        done += n

    return progress


def holds_echoes(store: Store, variable: str | None = None) -> bool:
    """Whether a file, or this array of it, is of echoes rather than of velocity."""
    try:
        names = _choose(store, variable)
        return names in NAMES[2:] or _is_iq(store, names[0])
    except InputError:
        return False


def _is_iq(store, name):
    """Whether an array is complex or has I and Q on its last axis."""
    shape = store.shapes.get(name, ())
    return (len(shape) == 4 and shape[-1] == 2) or (len(shape) == 3 and store.is_complex(name))


def _choose(store, variable) -> tuple[str, ...]:
    """Name of the array of echoes, or names of two for I and Q."""
    if variable is not None:
        return tuple(store.require(name.strip()) for name in variable.split(",", 1))
    if store.nameless:
        return tuple(store.shapes)
    for names in NAMES:
        if all(name in store.shapes for name in names):
            return names
    likely = [name for name in store.shapes if _is_iq(store, name)]
    if len(likely) == 1:
        return tuple(likely)
    if likely:
        raise InputError(f"several arrays may be IQ, {listed(likely)}: say which one by variable (--variable NAME)")
    hint = ": velocity already, which muspipe identify takes as it is" if store.has("velocity") else ""
    raise InputError(
        f"expected complex echoes `iq`, or `I` and `Q`, or real `rf`, the file holds {store.content()}{hint}"
    )


def _compose(store, names, items: list[Item], axes, values) -> Echoes:
    """Echoes of the arrays that were chosen."""
    letters = order_of_axes(axes)
    parts = [_in_order(store, name, item, letters) for name, item in zip(names, items, strict=True)]
    source = {"source_name": store.path.name, "source_sha256": sha256_of_file(store.path)}
    if len(parts) == 2:
        if parts[0].shape != parts[1].shape or any(item.is_complex for item in items):
            shapes = " and ".join(f"{name} {store.shapes[name]}" for name in names)
            raise InputError(f"expected real arrays of the same shape for I and Q, got {shapes}")
        samples = Pair(*parts)
    elif items[0].is_complex or len(store.shapes[names[0]]) == 4:
        samples = parts[0]
    elif values.get("sampling_rate_hz") is None:
        raise InputError(
            f"{names[0]}: expected complex numbers (or I and Q on a last axis of length 2), got real ones: the phase "
            "is lost in envelopes and B-mode images; for RF give sampling_rate_hz (--sampling-rate-hz)"
        )
    else:
        samples = Demodulated(parts[0], Scan.of(values))
        return Echoes(samples, samples.scan, checked_axes=axes is not None, **source)
    values = {name: value for name, value in values.items() if name != "sampling_rate_hz"}  # IQ may have kept the RF's
    return Echoes(samples, Scan.of(values), checked_axes=axes is not None, **source)


def _in_order(store, name, item: Item, letters):
    """Samples (T, H, W) of one array. letters: the order of its axes as the user knows them."""
    shape = store.shapes[name]
    if not (len(shape) == 3 or (len(shape) == 4 and shape[-1] == 2 and not item.is_complex)):
        raise InputError(
            f"{name}: expected complex depth x width x frames, or real with a last axis of length 2 for I and Q, got "
            f"{'complex' if item.is_complex else 'real'} numbers of shape {shape}"
        )

    def place(axis):
        return len(shape) - 1 - axis if item.reversed else axis

    order = tuple(place(letters.index(letter)) for letter in "THW")
    samples = InOrder(item.array, order, place(3) if len(shape) == 4 else None)
    return ReadAhead(samples, item.array, order[0], store) if isinstance(item.array, h5py.Dataset) else samples


def _text(value):
    """Text from a file, where there is some."""
    value = value.decode() if isinstance(value, bytes) else number(value)
    return value if isinstance(value, str) else None


@contextlib.contextmanager
def naming(path):
    """InputError that begins with the file."""
    try:
        yield
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
