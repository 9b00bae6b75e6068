"""Trained networks by name: `load("twitch-compact")`.

Each that comes with the package is a weight file (float16, checksum inside) in the folder `files`, with a model card of
the same name beside it. More are found in the folders that the environment variable MUSPIPE_NETWORKS lists, separated
as in PATH: NAME.h5, or NAME.parts.json with its parts.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

from muspipe.errors import InputError
from muspipe.models import weight_files, weight_parts
from muspipe.runtime import load_keras

FOLDER = Path(__file__).parent / "files"
BEST = "best.weights.h5"
"""What is taken of a run folder."""
TASKS = {"segmentation": "seg", "twitch": "twitch"}
"""Setting of a method -> task of the network that it names."""
VARIABLE = "MUSPIPE_NETWORKS"


def names() -> list[str]:
    """The networks that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.h5"))


def folders() -> list[Path]:
    """Where networks are sought by name: the package's own, then those of MUSPIPE_NETWORKS."""
    return [FOLDER, *(Path(folder).expanduser() for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder)]


def path_of(name: str) -> Path:
    """The weight file, or the index of one in parts, of a network by name, or at a path: a file, the folder of a run,
    or FOLDER/NAME of such a file. What is at the very path goes before a name in MUSPIPE_NETWORKS. InputError if there
    is none.

    Of a run folder it is best.weights.h5, the best of the last phase that the run has reached: after a schedule with
    noise, the network of the noise. Any other weights of the run are taken by their own path."""
    if name in names():
        return FOLDER / f"{name}.h5"
    path = Path(name)
    if (path / "config.json").is_file() and not (path / BEST).is_file():
        raise InputError(
            f"weights {name!r}: expected {BEST} in the run folder, but no validation is done yet; train on"
        )
    if path.is_dir() and (path / BEST).is_file():
        return path / BEST
    if path.is_file():
        return path
    for found in (_named(folder / name) for folder in (Path(), *folders())):
        if found is not None:
            return found
    known = ", ".join(names()) or "none"
    raise InputError(
        f"weights {name!r}: expected a file, a run folder, one of the package's networks ({known}) or one in a folder "
        f"of {VARIABLE}, which is {os.environ.get(VARIABLE) or 'not set'}"
    )


def _named(path):
    """The weight file of a network at FOLDER/NAME or FOLDER/NAME.h5; None if there is none."""
    if not path.name:
        return None
    whole = path if path.suffix == ".h5" else path.with_name(f"{path.name}.h5")
    return next((found for found in (whole, weight_parts.index_of(whole)) if found.is_file()), None)


def checksum_for(setting: str, name: str) -> str:
    """The checksum of the network that a setting of a method names. InputError if there is none, or for one that was
    trained for another task."""
    path = path_of(name)
    preset = weight_files.stored_preset(path)
    task = preset.get("task") if isinstance(preset, dict) else None
    if task != TASKS[setting]:
        what = next((other for other, of in TASKS.items() if of == task), "network of another kind")
        raise InputError(f"{setting}: expected a {setting} network, {name} is a {what} network")
    return weight_files.checksum_of(path)


def load(name: str):
    """The network of a name or path as in `path_of`, ready for use. InputError if it is missing or damaged."""
    if "keras" not in sys.modules:
        load_keras()
    return _load(str(path_of(name)))


@functools.lru_cache(maxsize=4)
def _load(path):
    return load_model(path)[0]


def load_model(path):
    """(network, meta values) from a weight file alone: the network of the preset in it, for inference. InputError if
    the file is damaged or of another kind."""
    from muspipe.models.presets import read_preset  # here, as it loads Keras

    model = read_preset(weight_files.stored_preset(path)).build_for_inference()
    return model, weight_files.load_into(model, path)
