"""Weights in the layout of mask_rcnn_coco.h5 that were trained elsewhere, also those of the original's front end: which
of them fit a preset, and how far the network's stages are from theirs."""

from __future__ import annotations

import json
import math
from itertools import groupby

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.stores import listed, open_store, reading

STATES = {
    "matched": "matched",
    "missing": "expected by the network but not in the file",
    "left over": "in the file but not in the network",
    "other shape": "of another shape",
}


def preset_of(name, changes):
    """A segmentation preset with a Mask R-CNN, changed. InputError for another."""
    from muspipe.runtime import load_keras

    load_keras()
    from muspipe.models import get_preset

    preset = get_preset("seg", name)
    if not hasattr(preset, "mask_rcnn"):
        raise InputError(f"--preset {name}: expected one with a Mask R-CNN, paper or compact")
    return preset.changed(changes)


def read_names(path) -> dict[str, str]:
    """{their layer, or layer/weight: ours} of a JSON file; {} for None."""
    if path is None:
        return {}
    with reading(path, "JSON"):
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, dict) or not all(isinstance(ours, str) for ours in names.values()):
            raise InputError(f'{path}: expected one object of names, {{"conv3d_1": "frontend1_conv"}}')
    return names


def loaded(preset, path, names):
    """(network for inference with what fits of a file, a row for each weight). InputError if nothing fits, or the file
    is damaged."""
    from mrcnn.weights import load_weights, named_variables

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    model = preset.build_for_inference()
    with reading(path, "weights in Matterport's layout"):
        report = load_weights(model, path, allow_missing=True, names=names)
    ours = {key: tuple(variable.shape) for key, variable in named_variables(model).items()}
    states = dict.fromkeys(report.matched, "matched") | dict.fromkeys(report.missing, "missing")
    states |= dict.fromkeys(report.unused, "left over") | {key: "other shape" for key, *_ in report.other_shape}
    rows = [
        {"weight": key, "state": state, "network": _text(ours.get(key)), "file": _text(report.in_file.get(key))}
        for key, state in states.items()
    ]
    return model, rows


def _text(shape):
    return "-" if shape is None else " x ".join(map(str, shape)) or "1"


def _size(text):
    return 0 if text == "-" else math.prod(int(side) for side in text.split(" x "))


def in_words(rows) -> str:
    """How many weights and numbers matched, and which layers did not."""
    lines = []
    for state, words in STATES.items():
        own = [row for row in rows if row["state"] == state]
        numbers = sum(_size(row["file" if state == "left over" else "network"]) for row in own)
        line = f"{len(own)} weights {words} ({numbers:,} numbers)"
        if state == "other shape":
            line += "".join(f"\n    {r['weight']}: network {r['network']}, file {r['file']}" for r in own)
        elif state != "matched" and own:
            line += ": " + listed([layer for layer, _ in groupby(own, lambda row: row["weight"].split("/")[0])])
        lines.append(line)
    return "\n".join(lines)


def save(model, path, source):
    """As a weight file of muspipe."""
    from muspipe.models import weight_files

    weight_files.save(model, path, {"from": source.name})


def stages_of(model, recording) -> dict[str, np.ndarray]:
    """{stage: output, batch first} of a sequence: `frontend`, then those of `mrcnn.stages`. InputError if it is not as
    large as the network's input."""
    from keras import ops

    from mrcnn import stages
    from muspipe.data.pixels import standardise
    from muspipe.identification.windows import to_grid

    image = to_grid(recording, model.preset.grid)
    expected = tuple(model.preset.input_shape[:3])
    if image.shape != expected:
        raise InputError(
            f"--input: expected {expected} (height, width, frames) on the network's grid, got {image.shape}"
        )
    images = standardise(image)[None, ..., None]
    frontend = ops.convert_to_numpy(model.stem(images, training=False))
    return {"frontend": frontend} | stages(model, images, model.image_metas(1))


def write_stages(path, outputs):
    with h5py.File(path, "w") as file:
        for name, array in outputs.items():
            file.create_dataset(name, data=array, compression="gzip")


def read_stages(path) -> dict[str, np.ndarray]:
    """The arrays of an .h5 or .npz file."""
    with open_store(path) as store:
        items = {name: store.item(name) for name in store.shapes}
        with reading(path, store.what):
            return {name: np.array(item.array) for name, item in items.items()}


def differences(ours, theirs) -> list[dict]:
    """A row for each stage: the largest difference, the RMS of the differences over that of theirs, the correlation."""
    rows = []
    for name in dict.fromkeys([*ours, *theirs]):
        row = {"stage": name, "ours": "-", "theirs": "-", "largest": "", "relative_rms": "", "correlation": ""}
        if name in ours:
            row["ours"] = _text(ours[name].shape)
        if name in theirs:
            row["theirs"] = _text(theirs[name].shape)
        if name in ours and name in theirs:
            a, b = ours[name].astype(np.float64), theirs[name].astype(np.float64)
            b = b[None] if b.ndim == a.ndim - 1 else b
            if a.shape == b.shape:
                rms = np.sqrt(np.mean((a - b) ** 2)) / max(np.sqrt(np.mean(b**2)), 1e-30)
                constant = a.std() == 0 or b.std() == 0
                correlation = "" if constant else f"{np.corrcoef(a.ravel(), b.ravel())[0, 1]:.6f}"
                row |= {
                    "largest": f"{np.abs(a - b).max():.3g}",
                    "relative_rms": f"{rms:.3g}",
                    "correlation": correlation,
                }
        rows.append(row)
    return rows


def stages_table(rows) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(rows[0]).replace("_", " ") + " |", "|---|---|---|---:|---:|---:|"]
    return "\n".join([*lines, *("| " + " | ".join(value or "-" for value in row.values()) + " |" for row in rows)])
