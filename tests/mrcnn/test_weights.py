"""Weight files in the layout of mask_rcnn_coco.h5, made from the list of its layers."""

import json
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn import Config, MaskRCNN, weights

PARITY = Path(__file__).parent / "parity"
HEADS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask")


def mark(key):
    """A number for each key, which fills its whole array."""
    return np.float32(zlib.crc32(key.encode()) % 10007 / 10007)


def public_file(path, backbone):
    """A file of exactly the public layout but almost no size: HDF5 stores only each array's fill value."""
    layout = json.loads((PARITY / f"matterport_weights_{backbone}_coco.json").read_text())
    with h5py.File(path, "w") as file:
        for name in layout["hdf5_root_attributes"]:
            file.attrs[name] = b"2.1.6"
        file.attrs["layer_names"] = [name.encode() for name in layout["all_layer_names"]]
        stored = dict(layout["layers"])
        for layer in layout["all_layer_names"]:
            group = file.create_group(layer)
            names = [name for name, _ in stored.get(layer, [])]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], "S" if names else "S1")
            for name, shape in stored.get(layer, []):
                key = "/".join(name.partition(":")[0].split("/")[-2:])
                group.create_dataset(name, tuple(shape), "f4", fillvalue=mark(key))
        file.create_group("top_level_model_weights").attrs["weight_names"] = np.array([], "S1")
        file.create_dataset("anchors/anchors/Variable:0", (1, 5, 4), "f4")
    return layout


def test_public_file_in_a_model_of_its_own_classes(tmp_path):
    layout = public_file(tmp_path / "coco.h5", "resnet50")
    model = MaskRCNN(Config(NUM_CLASSES=81, BACKBONE="resnet50", IMAGE_SHAPE=(128, 128, 3)), mode="inference")
    report = weights.load_weights(model, tmp_path / "coco.h5")
    assert report.complete and len(report.matched) == layout["n_weight_arrays"] == 384
    for key, variable in weights.named_variables(model).items():
        values = keras.ops.convert_to_numpy(variable)
        assert values.min() == values.max() == mark(key), key


def test_keys_of_the_resnet101_file(tmp_path):
    layout = public_file(tmp_path / "coco.h5", "resnet101")
    with h5py.File(tmp_path / "coco.h5") as file:
        assert sum(np.prod(d.shape) for d in datasets(file)) - 20 == layout["n_parameters"] == 64158584
    arrays, layers = weights.read_weights(tmp_path / "coco.h5")
    expected = json.loads((PARITY / "layout_resnet101.json").read_text())
    assert {key: list(array.shape) for key, array in arrays.items()} == expected
    assert {*HEADS, "rpn_conv_shared", "rpn_model"} <= layers


def datasets(group):
    found = []
    group.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found


class SmallHeads(keras.Model):
    """Some of the original's head layers, wrapped in TimeDistributed or not, and a nested RPN; few channels."""

    def __init__(self, n_classes=3, wrapped=True, first="conv1"):
        def wrap(layer, name):
            layer.name = name + "_inner" if wrapped else name
            return keras.layers.TimeDistributed(layer, name=name) if wrapped else layer

        layers, x = keras.layers, keras.Input((2, 4, 4, 5) if wrapped else (4, 4, 5), name="rois")
        y = wrap(layers.Conv2D(3, 4), "mrcnn_class_conv1")(x)
        y = wrap(layers.BatchNormalization(), "mrcnn_class_bn1")(y)
        logits = wrap(layers.Dense(n_classes), "mrcnn_class_logits")(y)
        image = keras.Input((8, 8, 3), name="input_image")
        level = layers.Conv2D(4, 3, name=first)(image)
        a = keras.Input((None, None, 4))
        shared = layers.Conv2D(6, 3, name="rpn_conv_shared")(a)
        outputs = [layers.Conv2D(n, 1, name=name)(shared) for n, name in ((6, "rpn_class_raw"), (12, "rpn_bbox_pred"))]
        rpn = keras.Model(a, outputs, name="rpn_model")
        super().__init__([image, x], [logits, rpn(level)])


def randomised(model, seed=0):
    rng = np.random.default_rng(seed)
    for variable in weights.named_variables(model).values():
        variable.assign(rng.normal(size=variable.shape))
    return model


def values(model):
    return {key: keras.ops.convert_to_numpy(v) for key, v in weights.named_variables(model).items()}


@pytest.mark.parametrize(("saved", "loaded"), [(True, True), (True, False), (False, True)])
def test_wrapped_and_plain_layers_have_one_file(tmp_path, saved, loaded):
    source, copy = randomised(SmallHeads(wrapped=saved)), SmallHeads(wrapped=loaded)
    weights.save_weights(source, tmp_path / "w.h5")
    report = weights.load_weights(copy, tmp_path / "w.h5")
    expected, got = values(source), values(copy)
    assert report.complete and set(report.matched) == set(expected) == set(got) and len(got) == 16
    assert all(np.array_equal(got[key], expected[key]) for key in expected)
    assert "rpn_class_raw/bias" in got and "mrcnn_class_bn1/moving_variance" in got


def test_written_layout(tmp_path):
    """Groups and names of the public files; the RPN's layers are in one group."""
    weights.save_weights(SmallHeads(), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        # without these it would be read as one of Keras 1
        assert (file.attrs["backend"], file.attrs["keras_version"]) == ("tensorflow", "2.1.6")
        assert {b"conv1", b"rpn_model", b"mrcnn_class_bn1"} <= set(file.attrs["layer_names"])
        assert b"rpn_conv_shared" not in file.attrs["layer_names"]
        assert [*file["mrcnn_class_bn1"].attrs["weight_names"]] == [
            f"mrcnn_class_bn1/{name}:0".encode() for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        assert file["conv1/conv1/kernel:0"].shape == (3, 3, 3, 4)
        assert file["rpn_model/rpn_conv_shared/kernel:0"].shape == (3, 3, 4, 6)
        assert len(file["rpn_model"].attrs["weight_names"]) == 6 and not len(file["rois"].attrs["weight_names"])


def test_layout_of_a_whole_model_is_the_public_one(tmp_path):
    """All groups with weights, their weights' names and shapes, for 2 classes: only the class count differs."""
    model = MaskRCNN(Config(NUM_CLASSES=2, BACKBONE="resnet50", IMAGE_SHAPE=(64, 64, 3)), mode="inference")
    weights.save_weights(model, tmp_path / "w.h5")
    layout = json.loads((PARITY / "matterport_weights_resnet50_coco.json").read_text())
    expected = {layer: {n: tuple(s) for n, s in stored} for layer, stored in layout["layers"]}
    with h5py.File(tmp_path / "w.h5") as file:
        groups = [name.decode() for name in file.attrs["layer_names"]]
        got = {g: {n.decode(): file[g][n].shape for n in file[g].attrs["weight_names"]} for g in groups}
    assert set(HEADS) <= set(got)  # one has no weights, but may be excluded too
    got = {group: stored for group, stored in got.items() if stored}
    assert {g: list(s) for g, s in got.items()} == {g: list(s) for g, s in expected.items()}
    assert {g for g in got if got[g] != expected[g]} == {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}


def test_long_lists_of_names(tmp_path):
    """A name of 12,000 characters makes all entries of layer_names as long, more than one attribute can hold."""
    name = "c" * 12000
    source, copy = randomised(SmallHeads(first=name)), SmallHeads(first=name)
    weights.save_weights(source, tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names" not in file.attrs and "layer_names1" in file.attrs
    assert weights.load_weights(copy, tmp_path / "w.h5").complete
    expected, got = values(source), values(copy)
    assert all(np.array_equal(got[key], expected[key]) for key in expected)


def test_other_classes(tmp_path):
    weights.save_weights(randomised(SmallHeads(5)), tmp_path / "w.h5")
    model = randomised(SmallHeads(2), seed=1)
    before = values(model)
    with pytest.raises(ValueError, match=r"mrcnn_class_logits/kernel expected \(3, 2\) received \(3, 5\)"):
        weights.load_weights(model, tmp_path / "w.h5")
    assert all(np.array_equal(value, before[key]) for key, value in values(model).items())
    report = weights.load_weights(model, tmp_path / "w.h5", exclude="mrcnn_class_logits")
    assert report.complete and report.excluded == ["mrcnn_class_logits/kernel", "mrcnn_class_logits/bias"]
    assert np.array_equal(values(model)["mrcnn_class_logits/kernel"], before["mrcnn_class_logits/kernel"])
    assert not np.array_equal(values(model)["conv1/kernel"], before["conv1/kernel"])
    report = weights.load_weights(model, tmp_path / "w.h5", exclude=["mrcnn_class_logits", "rpn_model"])
    assert {key.split("/")[0] for key in report.excluded} == {
        "mrcnn_class_logits",
        *("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"),  # the layers of rpn_model
    }
    report = weights.load_weights(model, tmp_path / "w.h5", allow_missing=True)
    assert report.other_shape[0] == ("mrcnn_class_logits/kernel", (3, 2), (3, 5)) and len(report.matched) == 14


def test_missing_and_unused(tmp_path):
    weights.save_weights(SmallHeads(first="conv0"), tmp_path / "w.h5")
    with pytest.raises(ValueError, match="(?s)conv1/kernel.*conv0/kernel"):
        weights.load_weights(SmallHeads(), tmp_path / "w.h5")
    report = weights.load_weights(SmallHeads(), tmp_path / "w.h5", allow_missing=True)
    assert report.missing == ["conv1/kernel", "conv1/bias"] and report.unused == ["conv0/kernel", "conv0/bias"]
    assert not report.complete and "2 expected by the model but not in the file" in str(report)
    assert weights.load_weights(SmallHeads(), tmp_path / "w.h5", exclude=["conv0", "conv1"]).complete


def test_layers_that_are_called_otherwise(tmp_path):
    """Whole layers, or single weights; layers of a model within the model go by their own names, whatever it is."""
    source = randomised(SmallHeads(first="conv3d_7"))
    weights.save_weights(source, tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.move("rpn_model", "model_1")
        file.attrs["layer_names"] = [name.replace(b"rpn_model", b"model_1") for name in file.attrs["layer_names"]]
    model = SmallHeads()
    report = weights.load_weights(model, tmp_path / "w.h5", names={"conv3d_7": "conv1"})
    assert report.complete and report.in_file["conv1/kernel"] == (3, 3, 3, 4)
    assert np.array_equal(values(model)["conv1/bias"], values(source)["conv3d_7/bias"])
    names = {"conv3d_7/kernel": "conv1/kernel"}
    report = weights.load_weights(SmallHeads(), tmp_path / "w.h5", allow_missing=True, names=names)
    assert report.missing == ["conv1/bias"] and report.unused == ["conv3d_7/bias"]
    with pytest.raises(ValueError, match="exclude: expected names of layers, got 'conv3d_7'"):  # it is conv1 now
        weights.load_weights(SmallHeads(), tmp_path / "w.h5", names={"conv3d_7": "conv1"}, exclude=["conv3d_7"])
    for wrong, message in (({"conv3d_8": "conv1"}, "did you mean 'conv3d_7'"), ({"conv3d_7": "rpn_class_raw"}, "two")):
        with pytest.raises(ValueError, match=message):
            weights.load_weights(SmallHeads(), tmp_path / "w.h5", names=wrong)


@pytest.mark.parametrize("kind", ["missing", "unused", "other_shape"])
def test_a_report_names_the_first_five_of_each_kind(kind):
    keys = [("k0", (1,), (2,))] if kind == "other_shape" else ["k0"]
    report = weights.LoadReport(matched=["a"] * 7, excluded=["b", "c"], **{kind: keys})
    assert not report.complete
    assert str(report).startswith("7 weights loaded, 2 excluded\n1 ") and str(report).count("k0") == 1
    of_five, of_six = (
        str(weights.LoadReport(missing=[f"k{i}" for i in range(n)])).partition("the file: ")[2] for n in (5, 6)
    )
    assert (of_five, of_six) == ("k0, k1, k2, k3, k4", "k0, k1, k2, k3, k4, ..")


def test_files_of_other_versions_of_keras_2(tmp_path):
    """A whole saved model; layers that were numbered anew, nested twice, or without a scope; anchors, if listed."""
    given = {
        "conv1": ["conv1_4/kernel:0", "conv1_4/bias:0"],
        "model_1": ["outer/a/kernel:0", "outer/b/kernel:0"],
        "mine": ["scale:0"],
        "anchors": ["anchors/Variable:0"],
        "add": None,
    }
    with h5py.File(tmp_path / "w.h5", "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [*given]
        for group, names in given.items():
            stored = root.create_group(group)
            for name in names or ():
                stored[name] = np.ones(2)
            if names is not None:
                stored.attrs["weight_names"] = names
    arrays, layers = weights.read_weights(tmp_path / "w.h5")
    assert set(arrays) == {"conv1/kernel", "conv1/bias", "a/kernel", "b/kernel", "mine/scale"}
    assert layers == {*given, "a", "b"}


def test_two_layers_of_one_name_are_refused(tmp_path):
    """Those of the RPN go by their own names."""
    with pytest.raises(ValueError, match="two weights of the model are called 'rpn_class_raw/kernel'"):
        weights.save_weights(SmallHeads(first="rpn_class_raw"), tmp_path / "w.h5")
    assert not any(tmp_path.iterdir())


def test_files_of_something_else(tmp_path):
    model = SmallHeads()
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="mine")])
    weights.save_weights(other, tmp_path / "other.h5")
    with pytest.raises(ValueError, match="nothing fits"):
        weights.load_weights(model, tmp_path / "other.h5", allow_missing=True)
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match="expected an HDF5 file"):
        weights.load_weights(model, tmp_path / "text.h5")
    model.save_weights(tmp_path / "keras3.weights.h5")
    with pytest.raises(ValueError, match="layer_names.*model.load_weights"):
        weights.load_weights(model, tmp_path / "keras3.weights.h5")
    with pytest.raises(FileNotFoundError):
        weights.load_weights(model, tmp_path / "nowhere.h5")
    weights.save_weights(model, tmp_path / "w.h5")
    with pytest.raises(ValueError, match="did you mean 'mrcnn_class_logits'"):
        weights.load_weights(model, tmp_path / "w.h5", exclude=["mrcnn_class_logit"])


def test_a_broken_save_leaves_the_old_file(tmp_path):
    """HDF5 cannot store a name of 70,000 characters; by then the weights are written."""
    path = tmp_path / "w.h5"
    weights.save_weights(SmallHeads(), path)
    before = path.read_bytes()
    with pytest.raises((OSError, RuntimeError, ValueError)):
        weights.save_weights(SmallHeads(first="c" * 70000), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["w.h5"]
    weights.save_weights(SmallHeads(first="conv0"), path)
    assert path.read_bytes() != before
