"""Weight files of the original Mask R-CNN (Keras 2 HDF5, as mask_rcnn_coco.h5), read and written by layer name.

A weight's key is `layer/name`: `conv1/kernel`, `bn2a_branch2a/moving_variance`, `mrcnn_class_bn1/gamma`; layers of the
nested RPN go by their own names, `rpn_conv_shared/kernel`. In the file each layer is a group with an attribute
weight_names, except that a model within the model, as the RPN, rpn_model, is one group with the names of its layers.
"""

import contextlib
import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn.backbone import FoldedConv2D

NESTED = ("rpn_model",)  # models stored as one group; the weights' names hold those of the inner layers
IGNORED = ("anchors",)
MAX_ATTRIBUTE_BYTES = 64000  # HDF5 limits attributes to 64 KiB; Keras splits longer lists into name0, name1, ..


@dataclass
class LoadReport:
    """What became of the weights, by their keys."""

    matched: list = field(default_factory=list)
    excluded: list = field(default_factory=list)
    missing: list = field(default_factory=list)  # in the model, not in the file
    unused: list = field(default_factory=list)  # in the file, not in the model
    other_shape: list = field(default_factory=list)  # (key, shape in the model, shape in the file)
    in_file: dict = field(default_factory=dict)  # {key: shape} of all that the file holds

    @property
    def complete(self):
        """Whether nothing but what was excluded is missing, unused or of another shape."""
        return not (self.missing or self.unused or self.other_shape)

    def __str__(self):
        lines = [f"{len(self.matched)} weights loaded, {len(self.excluded)} excluded"]
        shapes = [f"{key} expected {expected} received {got}" for key, expected, got in self.other_shape]
        for name, keys in (
            ("of another shape", shapes),
            ("expected by the model but not in the file", self.missing),
            ("in the file but not in the model", self.unused),
        ):
            if keys:
                lines.append(f"{len(keys)} {name}: " + ", ".join(keys[:5]) + (", .." if len(keys) > 5 else ""))
        return "\n".join(lines)


def _groups(model):
    """(group in the file, layer) of all layers that are not models themselves, in order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model | FoldedConv2D):
            nested = layer.name in NESTED
            yield from ((layer.name if nested else group, inner) for group, inner in _groups(layer))
        else:
            yield layer.name, layer


def named_variables(model):
    """{key: variable} of all weights; it makes no difference whether layers are wrapped in TimeDistributed."""
    variables = {}
    for _, layer in _groups(model):
        for variable in layer.weights:
            key = f"{layer.name}/{variable.name}"
            if variables.setdefault(key, variable) is not variable:
                raise ValueError(f"two weights of the model are called {key!r}; layer names must differ")
    return variables


def read_weights(path):
    """{key: array} of a file, and the names of all its layers, including those without weights."""
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: expected an HDF5 file of Keras-2 weights, got something else: {error}") from error
    with file:
        root = file["model_weights"] if "model_weights" in file else file  # a whole saved model
        groups = _read_names(root, "layer_names")
        if groups is None:
            raise ValueError(
                f"{path}: expected the Keras-2 layout with an attribute layer_names, got an HDF5 file with "
                f"{sorted(root)[:5]}; for Keras 3's .weights.h5 use model.load_weights"
            )
        arrays, layers = {}, set(groups)
        for group in groups:
            if group in IGNORED:
                continue
            names = _read_names(root[group], "weight_names") or ()
            inner = {name.split("/")[-2] for name in names if "/" in name}
            for name in names:
                layer = name.split("/")[-2] if len(inner) > 1 else group
                arrays[f"{layer}/{name.split('/')[-1].partition(':')[0]}"] = root[group][name][()]
                layers.add(layer)
    return arrays, layers


def renamed(arrays, layers, names):
    """What `read_weights` returns with the names of a model. names: {layer, or layer/name, of the file: that of the
    model}."""
    for name in names:
        if name not in layers and name not in arrays:
            near = difflib.get_close_matches(name, {*layers, *arrays}, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"names: expected layers or weights of the file, got {name!r}{hint}")
    new = {}
    for key, array in arrays.items():
        layer, _, weight = key.partition("/")
        target = names.get(key, f"{names.get(layer, layer)}/{weight}")
        if target in new:
            raise ValueError(f"names: two weights of the file would be called {target!r}")
        new[target] = array
    return new, {names.get(layer, layer) for layer in layers}


def load_weights(model, path, exclude=(), allow_missing=False, names=None):
    """Load a file into the model, by name. -> LoadReport

    exclude: names of layers, or of a group of them such as rpn_model, that keep their weights. To load
    mask_rcnn_coco.h5 for classes other than COCO's, these are mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_bbox and
    mrcnn_mask. Anything else that does not fit is an error, which leaves the model as it was; allow_missing=True loads
    what fits and reports the rest.
    names: {layer, or layer/name, of the file: that of the model}, for files whose layers are called otherwise; the
    report has the model's.
    """
    variables = named_variables(model)
    arrays, file_layers = renamed(*read_weights(path), names or {})
    exclude = {exclude} if isinstance(exclude, str) else set(exclude)
    groups = list(_groups(model))
    _check_exclude(exclude, file_layers | {layer.name for _, layer in groups})
    exclude |= {layer.name for group, layer in groups if group in exclude}
    report = LoadReport(in_file={key: array.shape for key, array in arrays.items()})
    for key in dict.fromkeys([*variables, *arrays]):
        if key.split("/")[0] in exclude:
            report.excluded.append(key)
        elif key not in arrays:
            report.missing.append(key)
        elif key not in variables:
            report.unused.append(key)
        elif tuple(variables[key].shape) != arrays[key].shape:
            report.other_shape.append((key, tuple(variables[key].shape), arrays[key].shape))
        else:
            report.matched.append(key)
    if not report.matched or not (report.complete or allow_missing):
        advice = "nothing fits" if not report.matched else "exclude layers, or load what fits with allow_missing=True"
        raise ValueError(f"{path} does not fit the model ({advice}).\n{report}")
    for key in report.matched:
        variables[key].assign(arrays[key])
    return report


def _check_exclude(exclude, known):
    for name in sorted(exclude - known):
        near = difflib.get_close_matches(name, known, 1)
        raise ValueError(
            f"exclude: expected names of layers, got {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )


def save_weights(model, path):
    """Write the layout of mask_rcnn_coco.h5, whole or not at all; the original loads it with by_name=True."""
    named_variables(model)  # refuses two layers of one name
    with _whole(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.1.6"
        names = {}
        for group, layer in _groups(model):
            weights = names.setdefault(group, [])
            for variable in layer.weights:
                weights.append(f"{layer.name}/{variable.name}:0")
                file.create_dataset(f"{group}/{weights[-1]}", data=keras.ops.convert_to_numpy(variable))
        for group, weights in names.items():
            _write_names(file.require_group(group), "weight_names", weights)
        _write_names(file, "layer_names", list(names))


@contextlib.contextmanager
def _whole(path):
    """A path beside `path` that replaces it if all goes well."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_names(group, attribute, names):
    array = np.array([name.encode() for name in names])
    n_parts = -(-array.nbytes // MAX_ATTRIBUTE_BYTES)
    if n_parts <= 1:
        group.attrs[attribute] = array
        return
    for i, part in enumerate(np.array_split(array, n_parts)):
        group.attrs[f"{attribute}{i}"] = part


def _read_names(group, attribute):
    """List of str, or None where there is no such attribute."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        parts, i = [], 0
        while f"{attribute}{i}" in group.attrs:
            parts.append(group.attrs[f"{attribute}{i}"])
            i += 1
        if not parts:
            return None
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]
