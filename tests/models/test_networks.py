"""The networks are the paper's, stage by stage; both train, come back from files, and run without their truth."""

import json

import keras
import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.models import PRESETS, get_preset, pretrained, read_preset, weight_files
from muspipe.models.base import freeze
from muspipe.models.frontend import frontend
from muspipe.models.twitch import amplitude_normalised_mse, decorrelation, twitch_layers

TASKS = ("seg", "twitch")


def outputs(model, names):
    return [tuple(model.get_layer(name).output.shape[1:]) for name in names]


def test_front_end_of_the_paper():
    preset = get_preset("seg", "paper")
    model = frontend(preset.input_shape, preset.frontend)
    assert outputs(model, ["frontend1_relu", "frontend2_pool", "frontend3_pool", "frontend4_pool"]) == [
        (32, 32, 80, 8), (32, 32, 16, 16), (32, 32, 4, 32), (32, 32, 1, 64)
    ]  # fmt: skip
    assert model.output.shape == (None, 32, 32, 64)
    kernels = [tuple(w.shape) for w in model.weights if w.path.endswith("conv/kernel")]
    assert kernels == [(7, 7, 7, 1, 8), (3, 3, 7, 8, 16), (3, 3, 5, 16, 32), (3, 3, 5, 32, 64)]


def test_twitch_network_of_the_paper():
    model = twitch_layers(get_preset("twitch", "paper"))
    names = [
        "twitch1_relu",
        "twitch5_relu",
        "flatten",
        "before1",
        "before3",
        "both_ways",
        "after1",
        "after2",
        "velocity",
    ]
    assert outputs(model, names) == [
        (8, 8, 400, 16), (8, 8, 400, 16), (400, 1024), (400, 1024), (400, 256), (400, 1024), (400, 1024), (400, 512),
        (400, 1),
    ]  # fmt: skip
    assert model.count_params() == 5_790_721 and model.output.shape == (None, 400)


def test_segmentation_of_the_paper_is_matterports_but_for_strides_and_classes():
    from mrcnn import Config

    own = get_preset("seg", "paper").mask_rcnn
    changed = {
        "NAME",
        "IMAGE_SHAPE",
        "FEATURE_MAP_SHAPE",
        "BACKBONE_STRIDES",
        "RPN_ANCHOR_SCALES",
        "NUM_CLASSES",
        "IMAGES_PER_GPU",
        "TRAIN_BN",
        "MASK_ROIS",  # a matter of batch statistics alone
        "BACKBONE",
    }
    assert set(own) == changed
    config = Config(**own)
    assert config.BACKBONE == "resnet101" and config.feature_shapes == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]


def test_compact_is_small():
    assert get_preset("seg", "compact").build().count_params() <= 6_000_000
    assert get_preset("twitch", "compact").build().count_params() <= 1_000_000


def test_front_end_must_leave_one_time():
    with pytest.raises(InputError, match="400 frames to 1, they leave 80"):
        frontend((64, 64, 400, 1), PRESETS["seg"]["paper"].frontend[:1])


def test_unknown_presets():
    with pytest.raises(InputError, match="expected one of paper, compact"):
        get_preset("seg", "huge")
    with pytest.raises(InputError, match="expected one of seg, twitch"):
        get_preset("firing", "paper")


ALL_PRESETS = [preset for presets in PRESETS.values() for preset in presets.values()]


@pytest.mark.parametrize("preset", ALL_PRESETS, ids=lambda preset: f"{preset.task}-{preset.name}")
def test_presets_come_back_from_json(preset):
    again = read_preset(json.loads(json.dumps(preset.to_dict())))
    assert type(again) is type(preset) and again == preset and again.to_dict() == preset.to_dict()
    assert PRESETS[preset.task][preset.name] is preset


def test_a_preset_by_name_is_a_copy():
    get_preset("seg", "compact").mask_rcnn["RPN_CHANNELS"] = 8
    assert get_preset("seg", "compact").mask_rcnn["RPN_CHANNELS"] == 128


def test_batches_are_what_the_twitch_network_takes():
    preset = get_preset("twitch", "compact")
    assert preset.batch_options() == {"crop_px": 16, "refit": False}
    changed = preset.changed({"refit": True, "input_shape": [20, 20, 400, 1]})
    assert changed.batch_options() == {"crop_px": 20, "refit": True}
    refit = get_preset("twitch", "refit").batch_options()
    assert refit == {"crop_px": 16, "refit": True, "territory_error": 1.0}


def test_presets_of_earlier_versions_are_completed():
    centre, refit = get_preset("seg", "centre"), get_preset("twitch", "refit")
    old = {name: value for name, value in centre.to_dict().items() if name not in ("detection", "grid")}
    assert read_preset(old) == centre
    old = {k: v for k, v in refit.to_dict().items() if k not in ("own_scale", "correlation_weight")}
    assert read_preset(old) == refit
    old = {name: value for name, value in get_preset("seg", "paper").to_dict().items() if name != "data"}
    assert read_preset(old).batch_options() == {}


@pytest.mark.parametrize(
    "values, said",
    [
        ({}, "expected the values of a network of this version"),
        ({"task": "firing", "name": "paper"}, "expected the values of a network of this version"),
        ({"task": "twitch", "name": "mine"}, "expected the values of a network of this version"),
        ({**PRESETS["twitch"]["paper"].to_dict(), "heads": 3}, "heads"),
        ({**PRESETS["twitch"]["paper"].to_dict(), "gru": 0}, "preset paper: gru: expected an integer from 1, got 0"),
    ],
)
def test_values_that_are_no_preset(values, said):
    with pytest.raises(InputError, match=said):
        read_preset(values)


def test_anchors_by_name():
    paper = get_preset("seg", "paper")
    assert paper.changed({"anchors": "matterport-ratio"}).config().to_dict() == paper.config().to_dict()
    small = paper.changed({"anchors": "territory-sized"})
    assert small.mask_rcnn["RPN_ANCHOR_SCALES"] == [6, 12, 24, 48, 96] and small.config().anchors_per_cell == 3
    assert get_preset("seg", "compact").changed({"anchors": "matterport-default"}).config().anchors_per_cell == 3
    with pytest.raises(InputError, match="anchors: expected one of matterport-ratio, territory-sized, matterport-def"):
        paper.changed({"anchors": "round"})
    with pytest.raises(InputError, match="no setting 'anchors'"):
        get_preset("seg", "centre").changed({"anchors": "territory-sized"})


def test_changes_of_a_preset():
    seg, centre = get_preset("seg", "compact"), get_preset("seg", "centre")
    assert seg.changed({"mask_rcnn.RPN_CHANNELS": 8}).config().RPN_CHANNELS == 8
    assert seg.config().RPN_CHANNELS == 128  # the preset itself is as it was
    assert centre.changed({"centre.radii_px": [4], "data.max_units": 3}).centre.radii_px == (4.0,)
    for preset, changes, said in (
        (seg, {"mask_rcnn.MASK_SHAPE": 3}, "preset compact: mask_rcnn: MASK_SHAPE: expected 2 values, got 3"),
        (seg, {"mask_rcnn.RPN_CHANELS": 8}, "mask_rcnn: unknown option 'RPN_CHANELS'; did you mean RPN_CHANNELS"),
        (seg, {"centre.maps": 3}, "preset compact has no setting 'centre.maps'; it has task, name"),
        (centre, {"centre.near": 2}, "near: expected a number from 0 to 1, got 2"),
        (centre, {"centre.loss_weights": {}}, "loss_weights: expected one for each of peak_loss"),
        (seg, {"frontend": [{"maps": 3, "kernel": [3, 3]}]}, "kernel: expected 3 values"),
        (seg, {"frontend": [{"maps": 3}]}, "frontend: expected a list, each FrontEndStage or a dictionary"),
    ):
        with pytest.raises(InputError, match=said):
            preset.changed(changes)


def test_amplitude_normalised_loss_on_paper():
    trains, predictions = np.array([[2.0, 0.0], [0.0, 10.0]], "float32"), np.array([[1.0, 0.0], [5.0, 10.0]], "float32")
    loss = amplitude_normalised_mse(trains, predictions, np.array([2.0, 10.0], "float32"))
    assert float(loss) == pytest.approx((0.25 + 0.25) / 4)


def test_decorrelation_on_paper():
    trains = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "float32")
    predictions = np.array([[10.0, 20.0, 30.0], [3.0, 2.0, 1.0]], "float32")
    assert float(decorrelation(trains, predictions)) == pytest.approx(1 - (1 - 1) / 2, abs=1e-5)
    assert float(decorrelation(trains, 5 * trains + 2)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("refit", [False, True])
def test_on_its_own_scale_a_network_does_not_see_the_amplitude(small_presets, batches, refit):
    preset = small_presets["twitch"].changed({"refit": refit, "input_shape": [16, 16, 40, 1]})
    short = {name: array[..., :40, :] if name == "crops" else array for name, array in batches["twitch"].items()}
    short["trains"] = short["signals"] = batches["twitch"]["trains"][:, :40]
    for own_scale in (True, False):
        model = preset.changed({"own_scale": own_scale}).build(seed=1)
        model.layers_model.get_layer("velocity").kernel.assign(np.ones((4, 1)))
        inputs = model.batch_inputs(short)
        louder = inputs | {name: 3 * inputs[name] for name in ("crops", "signals") if name in inputs}
        one, three = (keras.ops.convert_to_numpy(model(x)) for x in (inputs, louder))
        assert np.allclose(three, 3 * one, rtol=1e-4, atol=1e-4) == own_scale


@pytest.mark.parametrize("task, falls", [("seg", "rpn_class_loss"), ("twitch", "loss")])
def test_trains_and_the_loss_falls(task, falls, small_presets, batches):
    """Of the segmentation the RPN's loss: those of the heads are of other RoIs in every step."""
    model = small_presets[task].build(seed=1)
    inputs = model.batch_inputs(batches[task])
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    losses = []
    for _ in range(8):
        logs = model.train_on_batch(inputs, return_dict=True)
        losses.append(float(logs[falls]))
        assert np.isfinite(list(logs.values())).all()
        model.reset_metrics()
    assert losses[-1] < 0.95 * losses[0]
    assert set(logs) == {"loss", *model.loss_names}


@pytest.mark.parametrize("task", TASKS)
def test_weights_come_back(task, small_presets, tmp_path):
    model = small_presets[task].build(seed=1)
    weight_files.save(model, tmp_path / "w.h5", {"steps": 3})
    again, meta = pretrained.load_model(tmp_path / "w.h5")
    assert meta == {"steps": 3} and again.preset == model.preset
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, weight_files.arrays_of(again)[name])
    half = tmp_path / "half.h5"
    weight_files.save(model, half, dtype="float16")
    _, arrays, _ = weight_files.read(half)
    assert all(a.dtype == np.float32 for a in arrays.values())
    assert half.stat().st_size < (tmp_path / "w.h5").stat().st_size


def test_wrong_weight_files(small_presets, tmp_path):
    path = tmp_path / "w.h5"
    twitch = small_presets["twitch"].build(seed=1)
    weight_files.save(twitch, path)
    before = next(iter(weight_files.arrays_of(twitch).values()))
    wider = small_presets["twitch"].changed({"dense_after": [5]}).build(seed=2)
    with pytest.raises(InputError, match="another network than twitch compact: after1/kernel: expected"):
        weight_files.load_into(wider, path)
    other = small_presets["seg"].build()
    with pytest.raises(InputError, match="frontend1_conv/kernel is missing, and"):
        weight_files.load_into(other, path)
    data = bytearray(path.read_bytes())
    at = bytes(data).rfind(before.tobytes()[:16])
    data[at] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="checksum"):
        weight_files.load_into(twitch, path)
    path.write_bytes(bytes(data[:500]))
    with pytest.raises(InputError, match="expected a weight file of muspipe"):
        weight_files.read(path)
    with pytest.raises(FileNotFoundError):
        weight_files.read(tmp_path / "none.h5")
    twitch.weights[0].assign(np.full(twitch.weights[0].shape, np.inf))
    with pytest.raises(ValueError, match="weights are not finite"):
        weight_files.save(twitch, tmp_path / "inf.h5", dtype="float16")
    assert not (tmp_path / "inf.h5").exists()


def test_what_float16_cannot_hold_stays_as_it_is(small_presets, tmp_path):
    """A variance of 968,393 is what one of the paper's networks had."""
    twitch = small_presets["twitch"].build()
    twitch.weights[0].assign(np.full(twitch.weights[0].shape, 968_393.0))
    before = weight_files.arrays_of(twitch)
    weight_files.save(twitch, tmp_path / "large.h5", dtype="float16")
    _, after, _ = weight_files.read(tmp_path / "large.h5")
    large = [name for name, array in before.items() if np.abs(array).max() > 65_504]
    assert len(large) == 1
    for name, array in before.items():
        expected = array if name in large else array.astype(np.float16)
        np.testing.assert_array_equal(after[name], expected.astype(np.float32))


def test_ground_truth_of_a_batch(small_presets, batches):
    model = small_presets["seg"].build()
    batch = batches["seg"]
    inputs = model.batch_inputs(batch)
    n = np.count_nonzero(batch["class_ids"], axis=1)
    for i in range(2):
        np.testing.assert_array_equal(inputs["input_gt_boxes"][i, : n[i]], batch["boxes"][i, : n[i]])
        assert not inputs["input_gt_boxes"][i, n[i] :].any()
        assert inputs["input_gt_masks"][i, ..., : n[i]].any((0, 1)).all()
    assert inputs["input_image"].shape == (2, 64, 64, 400, 1)
    assert (inputs["input_rpn_match"] == 1).any((1, 2)).all()


def test_resnet_frozen_then_all(small_presets):
    model = small_presets["seg"].build()
    everything = len(model.trainable_variables)
    freeze(model, "resnet")
    names = {v.path.split("/")[0] for v in model.trainable_variables}
    assert not any(name.startswith(("res", "bn")) for name in names)
    assert {"frontend1_conv", "fpn_p2", "rpn_conv_shared", "mrcnn_mask"} <= names
    freeze(model, None)
    assert len(model.trainable_variables) == everything
    with pytest.raises(InputError, match=r"preset compact has no part 'heads' .*\(it has resnet\)"):
        freeze(model, "heads")
    twitch = small_presets["twitch"].build()
    freeze(twitch, None)
    with pytest.raises(InputError, match=r"has no part 'resnet' .*\(it has none\)"):
        freeze(twitch, "resnet")


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_network_is_the_same(task, small_presets, batches, tmp_path):
    model = small_presets[task].build(seed=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.preset == model.preset and type(again) is type(model)
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, weight_files.arrays_of(again)[name])


def test_other_classes_weights_fill_all_but_front_end_and_classifiers(small_presets, tmp_path):
    from mrcnn import Config, MaskRCNN
    from mrcnn.weights import named_variables, save_weights

    options = {**small_presets["seg"].mask_rcnn, "NUM_CLASSES": 5}
    whole = MaskRCNN(Config(**options), mode="training")
    for key, variable in named_variables(whole).items():
        variable.assign(np.full(variable.shape, len(key)))
    save_weights(whole, tmp_path / "coco.h5")
    model = small_presets["seg"].build()
    report = model.load_initial_weights(tmp_path / "coco.h5")
    own = named_variables(model)
    filled = {key for key, variable in own.items() if np.all(keras.ops.convert_to_numpy(variable) == len(key))}
    assert filled == set(report.matched) and "res2a_branch2a/kernel" in filled
    left = {key.split("/")[0] for key in set(own) - filled}
    assert left == {f"frontend{i}_{kind}" for i in (1, 2, 3, 4) for kind in ("conv", "bn")} | {
        "mrcnn_class_logits",
        "mrcnn_bbox_fc",
        "mrcnn_mask",
    }
    weight_files.save(model, tmp_path / "own.h5")
    again = small_presets["seg"].build(seed=5)
    again.load_initial_weights(tmp_path / "own.h5")
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, weight_files.arrays_of(again)[name])
    with pytest.raises(InputError, match="expected an HDF5 file"):
        (tmp_path / "text.h5").write_text("no")
        model.load_initial_weights(tmp_path / "text.h5")


def test_outputs_of_batches_of_several_sizes_are_compiled_once():
    model, rng = pretrained.load("twitch-refit"), np.random.default_rng(0)
    shapes = {name: tensor.shape[1:] for name, tensor in model.layers_model.input.items()}
    traced, whole = [], model.call
    model._compiled, model.call = None, lambda *args, **more: traced.append(1) or whole(*args, **more)
    try:
        for n in (3, 1, 9):
            inputs = {name: rng.random((n, *shape), np.float32) for name, shape in shapes.items()}
            found = model.outputs_of(inputs)
            expected = np.asarray(whole({name: keras.ops.convert_to_tensor(array) for name, array in inputs.items()}))
            assert found.shape == expected.shape == (n, 400)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    finally:
        model._compiled, model.call = None, whole
    assert len(traced) == 1 or keras.backend.backend() != "tensorflow"
