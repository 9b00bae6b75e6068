"""Checkpoints: all variables of model and optimizer, random states included, in HDF5. No pickle.

Two are kept, so that one that was damaged (a full disk, a power cut) does not cost the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from keras import ops

from muspipe.errors import InputError
from simulator.shared.files import atomic_path
from simulator.shared.hdf5 import open_hdf5

FORMAT = "muspipe checkpoint 1"
KEPT = 2


class Checkpoint(NamedTuple):
    """What was read of one."""

    step: int
    """Steps done."""
    state: dict
    """Plain values."""
    arrays: list[np.ndarray]
    """Of `variables_of` its model."""
    damaged: list[str]
    """Files that were newer but damaged."""


def variables_of(model) -> list:
    """Everything that a step changes but the metrics and what is only watched, in an order that is the same in every
    process."""
    watched = getattr(model.optimizer, "gradient_norm", None)
    return [variable for variable in [*model.variables, *model.optimizer.variables] if variable is not watched]


def path_of(folder: Path, step: int) -> Path:
    """The checkpoint of a step."""
    return folder / f"step-{step:09d}.h5"


def save(folder: Path, step: int, model, state: dict) -> Path:
    """Write the checkpoint after `step` steps and drop those before the last but one. state: plain values."""
    folder.mkdir(exist_ok=True)
    arrays = [np.asarray(ops.convert_to_numpy(variable)) for variable in variables_of(model)]
    path = path_of(folder, step)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["step"] = step
        file.attrs["state"] = json.dumps(state)
        file.attrs["sha256"] = _checksum(arrays, step, file.attrs["state"])
        for i, array in enumerate(arrays):
            file.create_dataset(str(i), data=array)
    for old in sorted(folder.glob("step-*.h5"))[:-KEPT]:
        old.unlink()
    return path


def latest(folder: Path) -> Checkpoint | None:
    """The last checkpoint that is whole; None without any file. InputError if there are some but none is whole."""
    damaged = []
    for path in sorted(folder.glob("step-*.h5"), reverse=True):
        with contextlib.suppress(Exception):  # h5py answers damage with whatever error comes first
            with open_hdf5(path) as file:
                arrays = [file[str(i)][()] for i in range(len(file))]
                step, state = int(file.attrs["step"]), file.attrs["state"]
                if file.attrs["format"] == FORMAT and file.attrs["sha256"] == _checksum(arrays, step, state):
                    return Checkpoint(step, json.loads(state), arrays, damaged)
        damaged.append(str(path))
    if damaged:
        raise InputError(f"{damaged[0]}: damaged, and so is every other checkpoint of the run; start another run")
    return None


def set_aside(damaged: list[str]) -> None:
    """Rename damaged checkpoints to *.damaged, so that they are not counted among those that are kept."""
    for path in damaged:
        os.replace(path, f"{path}.damaged")


def restore(model, arrays: list[np.ndarray]) -> None:
    """Put the arrays of a checkpoint into the model. InputError if they are not of such a model."""
    variables = variables_of(model)
    expected, got = [tuple(v.shape) for v in variables], [a.shape for a in arrays]
    if expected != got:
        raise InputError(
            f"checkpoint: expected {len(expected)} variables as this network and optimizer have them, got {len(got)} "
            "of other shapes; was it made by another version?"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def check_space(folder: Path, model) -> None:
    """OSError, telling sizes, if the disk has no room for one more checkpoint."""
    needed = sum(int(np.prod(v.shape)) * 4 for v in variables_of(model)) + 1_000_000
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if free < needed:
        raise OSError(f"{folder}: a checkpoint needs {needed / 1e6:.0f} MB, the disk has {free / 1e6:.0f} MB left")


def _checksum(arrays, step, state):
    digest = hashlib.sha256(f"{step} {state}".encode())
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
