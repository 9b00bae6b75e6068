"""Sequences of the original authors, or of anyone, in the layout of original.md: velocity with its truth, and results.

Shapes: H x W pixels, T frames, n true units, m found ones; units come last, as columns do in MATLAB.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.matlab import MatFile
from muspipe.recordings.recording import Recording
from muspipe.recordings.stores import listed, number, reading
from muspipe.recordings.units import MotorUnits
from simulator.shared.files import sha256_of_file

ENDINGS = (".mat", ".h5", ".hdf5")
TRUTH = ("velocity", "masks", "trains")
FOUND = ("found_masks", "found_trains")
SCALARS = {"frame_rate_hz": 400.0, "pixel_mm": 0.625, "snr_db": np.inf}
"""With what holds where a file does not say: the paper's grid, no noise."""


@dataclass(frozen=True, eq=False)
class Sequence:
    """A file."""

    name: str
    recording: Recording
    true: MotorUnits
    found: MotorUnits | None
    """What the authors' method found, if that is there."""
    snr_db: float


def files_of(folder) -> list[Path]:
    """The files of a folder, by name. InputError if there are none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with a .mat or .h5 file for each sequence, there is none")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not files:
        raise InputError(f"{folder}: expected a .mat or .h5 file for each sequence, it holds none")
    return files


def read_sequence(path, results=None, reverse: bool = False) -> Sequence:
    """A file of the layout. results: a file with FOUND, if they are not in the same. reverse: the axes of .h5 files are
    in the reverse of the layout's order, as MATLAB's h5write leaves them. InputError, in one line."""
    path = Path(path)
    arrays = read_arrays(path, (*TRUTH, *FOUND, *SCALARS), reverse)
    if results is not None:
        arrays |= read_arrays(results, FOUND, reverse)
    missing = [name for name in TRUTH if name not in arrays]
    if missing:
        raise InputError(f"{path}: expected {', '.join(TRUTH)}, it lacks {', '.join(missing)}")
    values = {name: number(arrays.get(name, default)) for name, default in SCALARS.items()}
    snr_db = values.pop("snr_db")
    if not isinstance(snr_db, int | float) or np.isnan(snr_db):
        raise InputError(f"{path}: snr_db: expected a number of decibels, or inf, got {snr_db}")
    try:
        source = {"source_name": path.name, "source_sha256": sha256_of_file(path)}
        recording = Recording(arrays["velocity"], **values, **source)
        true = _units(recording, arrays, ("masks", "trains"))
        if len([name for name in FOUND if name in arrays]) == 1:
            raise InputError(f"expected both {' and '.join(FOUND)}, or neither")
        found = _units(recording, arrays, FOUND) if FOUND[0] in arrays else None
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Sequence(path.stem, recording, true, found, float(snr_db))


def _units(recording, arrays, names):
    """MotorUnits of masks (H, W, n) and trains (T, n). MATLAB leaves out a last axis of length 1."""
    masks, trains = (arrays[name] for name in names)
    masks = masks[..., None] if masks.ndim == 2 else masks
    trains = trains[:, None] if trains.ndim == 1 else trains
    n = masks.shape[-1]
    for name, array, shape in zip(
        names, (masks, trains), ((*recording.image_shape, n), (recording.n_frames, n)), strict=True
    ):
        if array.shape != shape:
            raise InputError(f"{name}: expected shape {shape}, as of the velocity and {n} units, got {array.shape}")
    if not np.isin(masks, (0, 1)).all():
        raise InputError(f"{names[0]}: expected zeros and ones, got values from {masks.min():g} to {masks.max():g}")
    return MotorUnits.of(recording, np.moveaxis(masks, -1, 0).astype(bool), trains.T, np.ones(n, np.float32))


def read_arrays(path, names, reverse: bool = False) -> dict[str, np.ndarray]:
    """{name: array of numbers or truth values} of those of these names that a .mat or .h5 file holds, the axes as
    MATLAB shows them, or as the file has them. Nothing in it is unpickled."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        raise InputError(
            f"{path}: expected a {', '.join(ENDINGS)} file, {'got another' if path.exists() else 'no such file'}"
        )
    with reading(path, "a MATLAB or HDF5 file"):
        if path.suffix.lower() == ".mat" and not h5py.is_hdf5(path):
            file = MatFile(path)
            arrays = {name: file.values(name) for name in names if name in file.variables}
        else:
            arrays = _hdf5(path, names, reverse)
    odd = [name for name, array in arrays.items() if np.asarray(array).dtype.kind not in "biuf"]
    if odd:
        raise InputError(f"{path}: {listed(odd)}: expected real numbers, got something else")
    return arrays


def _hdf5(path, names, reverse):
    found = {}
    with h5py.File(path, "r") as file:
        for name in names:
            with contextlib.suppress(KeyError):
                item = file.attrs[name] if name in file.attrs else file[name]
                array = np.asarray(item if isinstance(item, np.generic | np.ndarray) else item[()])
                if getattr(item, "attrs", {}).get("MATLAB_empty", 0):  # its shape stands where values would
                    array = np.zeros(array.astype(int)[::-1])
                turned = reverse or path.suffix.lower() == ".mat"
                found[name] = array.T if turned else array
    return found
