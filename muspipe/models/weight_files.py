"""The format of weight files: HDF5, one dataset for each weight, and the preset of the network. No pickle.

float16 halves a file; the values come back as float32, and an array with values above 65,504 stays so. The checksum is
over names, shapes and values. Wherever a file is read, the index of one in parts may stand for it (weight_parts.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

import h5py
import numpy as np

import muspipe
from muspipe.errors import InputError
from muspipe.models import weight_parts
from simulator.shared.files import atomic_path
from simulator.shared.hdf5 import open_hdf5

FORMAT = "muspipe weights 1"


def arrays_of(model) -> dict[str, np.ndarray]:
    """{path: float32 array} of all weights, moving statistics included; random states are not weights."""
    from keras import ops

    arrays = {}
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        name = weight.path.split("/", 1)[1] if weight.path.startswith(model.name + "/") else weight.path
        if name in arrays:
            raise ValueError(f"two weights of the network are called {name!r}")
        arrays[name] = np.asarray(ops.convert_to_numpy(weight))
    return arrays


def save(model, path, meta: dict | None = None, dtype: str = "float32") -> str:
    """Write the weights of a model made by a preset; returns the checksum. meta: plain values to keep. An array that
    the dtype cannot hold, as a large variance in float16, stays as it is. ValueError for weights that are not finite.
    """
    arrays = arrays_of(model)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(f"{path}: weights are not finite; nothing was written")
    with np.errstate(over="ignore"):  # such arrays are not taken
        narrow = {name: array.astype(dtype) for name, array in arrays.items()}
    arrays = {name: array if np.isfinite(array).all() else arrays[name] for name, array in narrow.items()}
    checksum = _checksum(arrays)
    with atomic_path(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["muspipe_version"] = muspipe.__version__
        file.attrs["preset"] = json.dumps(model.preset.to_dict())
        file.attrs["meta"] = json.dumps(meta or {})
        file.attrs["sha256"] = checksum
        for name, array in arrays.items():
            file.create_dataset(name.replace("/", "|"), data=array)
    return checksum


def read(path) -> tuple[dict, dict[str, np.ndarray], dict]:
    """(values of the preset, {name: float32 array}, meta) of a file. InputError for another kind of file, or damage."""
    with _opened(path) as file:
        preset, meta = json.loads(file.attrs["preset"]), json.loads(file.attrs["meta"])
        arrays = {name.replace("|", "/"): file[name][()] for name in file}
        expected = file.attrs["sha256"]
    if _checksum(arrays) != expected:
        raise InputError(f"{path}: its checksum does not match, the file is damaged; get it again")
    return preset, {name: array.astype(np.float32) for name, array in arrays.items()}, meta


def is_weight_file(path) -> bool:
    """Whether it is a file of this module's format, or the index of one; False for what cannot be opened, too."""
    if weight_parts.is_index(path):
        return True
    try:
        with open_hdf5(path) as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def checksum_of(path) -> str:
    """The checksum that a file states. InputError as in `read`, but the values are not checked against it."""
    with _opened(path) as file:
        return file.attrs["sha256"]


def stored_preset(path) -> dict:
    """The plain values of the preset in a file. InputError as in `read`."""
    with _opened(path) as file:
        return json.loads(file.attrs["preset"])


def load_into(model, path, part: str = "") -> dict:
    """Fill a model from a file of the same preset; returns the meta values. InputError if anything does not fit; the
    model is then unchanged. part: only the weights whose names begin with it; the others may be another network's."""
    _, arrays, meta = read(path)
    arrays = {name: array for name, array in arrays.items() if name.startswith(part)}
    everything = arrays_of(model)
    own = {name: array for name, array in everything.items() if name.startswith(part)}
    problems = [f"{name} is missing" for name in own if name not in arrays]
    problems += [f"{name} is not of this network" for name in arrays if name not in own]
    problems += [
        f"{name}: expected {own[name].shape}, got {arrays[name].shape}"
        for name in own
        if name in arrays and own[name].shape != arrays[name].shape
    ]
    if problems:
        raise InputError(
            f"{path}: weights of another network than {model.preset.task} {model.preset.name}: {problems[0]}"
            + (f", and {len(problems) - 1} more" if len(problems) > 1 else "")
        )
    variables = dict(zip(everything, _weights(model), strict=True))
    for name, array in arrays.items():
        variables[name].assign(array)
    return meta


def load_alike(model, path) -> list[str]:
    """Fill those weights of a model that a file of another preset has too, by name and shape -> their names. InputError
    if there are none."""
    _, arrays, _ = read(path)
    own = arrays_of(model)
    alike = [name for name in own if name in arrays and own[name].shape == arrays[name].shape]
    if not alike:
        raise InputError(f"{path}: no weight is like one of {model.preset.task} {model.preset.name}")
    variables = dict(zip(own, _weights(model), strict=True))
    for name in alike:
        variables[name].assign(arrays[name])
    return alike


@contextlib.contextmanager
def _opened(path):
    """The HDF5 file; InputError for one of another kind, one that is cut short, or one in parts that are not whole."""
    try:
        with _whole(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path}: expected a file of format {FORMAT!r}, got {file.attrs.get('format')!r}")
            yield file
    except (FileNotFoundError, InputError):
        raise
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a weight file of muspipe, got something else or a part: {error}") from error


def _whole(path):
    """The HDF5 file; parts have been compared with their checksums."""
    return h5py.File(weight_parts.joined(path), "r") if weight_parts.is_index(path) else open_hdf5(path)


def _weights(model):
    return [weight for weight in model.weights if "seed_generator" not in weight.path]


def _checksum(arrays):
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
