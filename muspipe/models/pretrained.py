"""The trained networks that come with the package: `load("twitch-compact")`.

Each is a weight file (float16, checksum inside) in the folder `files`, with a model card of the same name beside it.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from muspipe.errors import InputError
from muspipe.models import weight_files
from muspipe.runtime import load_keras

FOLDER = Path(__file__).parent / "files"
BEST = "best.weights.h5"
"""What is taken of a run folder."""
TASKS = {"segmentation": "seg", "twitch": "twitch"}
"""Setting of a method -> task of the network that it names."""


def names() -> list[str]:
    """The networks that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.h5"))


def path_of(name: str) -> Path:
    """The weight file of a network of the package, or at a path: a file, or the folder of a run. InputError if there is
    none.

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
    if not path.is_file():
        known = ", ".join(names()) or "none"
        raise InputError(f"weights {name!r}: expected a file, a run folder or one of the package's networks: {known}")
    return path


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
