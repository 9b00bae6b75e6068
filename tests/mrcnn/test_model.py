"""The whole model: training, saving, detection, options, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn import Config, MaskRCNN, checks, training_losses, weights
from mrcnn.anchors import config_anchors
from mrcnn.backbone import FoldedConv2D, FrozenBatchNormalization
from mrcnn.config import LOSS_NAMES
from mrcnn.model import leaf_layers
from mrcnn.stage_outputs import INPUT_NAMES

ROOT = Path(__file__).resolve().parents[2]
INFERENCE = ("input_image", "input_image_meta")


def as_fixture(batch):
    """A batch with the names that training_losses takes."""
    return {name: batch[own] for name, own in INPUT_NAMES.items() if own in batch}


@pytest.fixture(scope="module")
def trained():
    return {}


@pytest.fixture
def model(trained, tiny_config):
    """One compiled model for all tests that do not depend on its weights."""
    if not trained:
        trained["model"] = MaskRCNN(tiny_config(), mode="training")
        trained["model"].compile()
    return trained["model"]


def test_fit_lowers_the_loss(model, tiny_config, make_batch):
    batch = make_batch(model.config, 3, n_images=3)  # batches of two and of one
    history = model.fit(batch, batch_size=2, epochs=8, verbose=0).history
    assert set(history) == {"loss", *LOSS_NAMES}
    assert np.mean(history["loss"][-3:]) < 0.7 * np.mean(history["loss"][:3])
    moving = [w for w in model.non_trainable_variables if w.name == "moving_mean"]
    n_normalisations = 1 + (4 + 3) + 3 * 4 + 2 + 4  # stage 1, two blocks of stage 2, one of each other stage, the heads
    assert len(moving) == n_normalisations and not any(keras.ops.convert_to_numpy(w).any() for w in moving)


@pytest.mark.parametrize("n_instances", [0, 1, 100])
def test_losses_and_gradients_are_finite(model, make_batch, n_instances):
    before = model.get_weights()
    history = model.fit(make_batch(model.config, n_instances, n_images=3), batch_size=2, verbose=0).history
    assert np.isfinite([v for values in history.values() for v in values]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_saved_model_is_the_same(model, make_batch, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.config.to_dict() == model.config.to_dict() and again.compiled
    other = MaskRCNN(model.config, mode="inference")
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    batch = make_batch(model.config, 3)
    for copy in (again, other):
        expected = zip(leaf_layers(model), leaf_layers(copy), strict=True)
        assert all(
            np.array_equal(a, b) for x, y in expected for a, b in zip(x.get_weights(), y.get_weights(), strict=True)
        )
    other.run_eagerly = True  # quicker for one batch
    outputs = other.predict({name: batch[name] for name in INFERENCE}, batch_size=2, verbose=0)
    assert {name: value.shape for name, value in outputs.items()} == {
        "detections": (2, 100, 6),
        "mrcnn_class": (2, 50, 2),
        "mrcnn_bbox": (2, 50, 2, 4),
        "mrcnn_mask": (2, 100, 28, 28, 2),
        "rpn_rois": (2, 50, 4),
        "rpn_class": (2, 1023, 2),
        "rpn_bbox": (2, 1023, 4),
    }
    with pytest.raises(ValueError, match="inference"):
        other.compute_loss()


@pytest.mark.slow
def test_exported_for_tensorflow_serving(tiny_config, make_batch, tmp_path):
    model = MaskRCNN(tiny_config(DETECTION_MIN_CONFIDENCE=0), mode="inference")
    model.export(tmp_path / "exported", verbose=False)
    exported = pytest.importorskip("tensorflow").saved_model.load(tmp_path / "exported")
    batch = make_batch(model.config, 3, n_images=3)
    inputs = {name: batch[name] for name in INFERENCE}
    served, expected = exported.serve(inputs), model(inputs)
    for name in expected:
        assert np.allclose(served[name], expected[name], atol=1e-4), name


def test_detect(tiny_config):
    """Pictures of any size; a threshold of 0 keeps all that is not background."""
    model = MaskRCNN(tiny_config(DETECTION_MIN_CONFIDENCE=0), mode="inference")
    model.run_eagerly = True  # quicker for so few pictures; test_inference_parity has the compiled passes
    model.class_head.get_layer("mrcnn_class_logits").bias.assign([-100.0, 100.0])
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((64, 64, 3), (30, 50, 3), (90, 40, 3))]
    results = model.detect(images)
    for image, result in zip(images, results, strict=True):
        n = len(result["class_ids"])
        assert result["rois"].shape == (n, 4) and result["scores"].shape == (n,)
        assert result["masks"].shape == (*image.shape[:2], n) and result["masks"].dtype == bool
    assert sum(len(result["class_ids"]) for result in results)
    with pytest.raises(ValueError, match=r"images\[1\].*\(64, 64\)"):
        model.detect([images[0], images[0][..., 0]])
    with pytest.raises(ValueError, match="detect_molded"):
        MaskRCNN(tiny_config(FEATURE_MAP_SHAPE=(16, 16, 8)), mode="inference").detect(images)


@pytest.mark.parametrize("mode", ["pad64", "none"])
def test_pictures_that_are_not_resized_may_have_any_size(tiny_config, mode):
    """In pictures of another size a network finds what one of that size with its weights does."""
    rng = np.random.default_rng(0)
    shapes = [(64, 64), (64, 128), (64, 128)]
    padded = [(y - 3 * (mode == "pad64"), x, 3) for y, x in shapes]
    images = [rng.integers(0, 256, shape).astype(np.uint8) for shape in padded]
    options = {"IMAGE_RESIZE_MODE": mode, "DETECTION_MIN_CONFIDENCE": 0, "IMAGE_MIN_DIM": 0, "IMAGES_PER_GPU": 3}

    def network(shape):
        network = MaskRCNN(tiny_config(**options, IMAGE_SHAPE=(*shape, 3)), mode="inference")
        network.run_eagerly = True
        return network

    model = network(shapes[0])
    model.class_head.get_layer("mrcnn_class_logits").bias.assign([-100.0, 100.0])
    other = network(shapes[1])
    other.set_weights(model.get_weights())
    expected = model.detect(images[:1]) + other.detect(images[1:])
    for image, result, same in zip(images, model.detect(images), expected, strict=True):
        assert len(result["scores"]) and result["masks"].shape == (*image.shape[:2], len(result["scores"]))
        assert all(np.array_equal(result[name], same[name]) for name in ("rois", "class_ids", "masks"))
    with pytest.raises(ValueError, match=r"divisible by 32, got \(40, 64\)"):
        model.detect_molded(np.zeros((1, 40, 64, 3)), np.zeros((1, 14)))
    with pytest.raises(ValueError, match=r"input_image: expected shape \(\*, 64, 64, 3\)"):
        model.detect_molded(np.zeros((64, 64, 3)), np.zeros((1, 14)))


@pytest.mark.parametrize("kind", [None, False])
def test_all_normalisations_are_of_the_kind_that_was_asked_for(tiny_config, kind):
    """Frozen ones of the mask head are computed with their convolutions."""
    model = MaskRCNN(tiny_config(TRAIN_BN=kind))
    assert {layer.train_bn for layer in leaf_layers(model) if isinstance(layer, FrozenBatchNormalization)} == {kind}
    folded = [layer.conv.name for layer in model.mask_head.layers if isinstance(layer, FoldedConv2D)]
    assert folded == ([] if kind is None else [f"mrcnn_mask_conv{i}" for i in (1, 2, 3, 4)])


def test_set_trainable(tiny_config):
    model = MaskRCNN(tiny_config())
    n_all = len(model.trainable_variables)
    heads = model.set_trainable("heads")
    assert "rpn_conv_shared" in heads and "fpn_c5p5" in heads and "mrcnn_mask" in heads and "res5a_branch1" not in heads
    assert {v.path.split("/")[-2] for v in model.trainable_variables} == set(heads)
    for name, first in (("5+", "res5a_branch2a"), ("4+", "res4a_branch2a"), ("3+", "res3a_branch2a"), ("all", "conv1")):
        assert model.set_trainable(name)[0] == first
    assert len(model.trainable_variables) == n_all
    assert model.set_trainable("mrcnn_mask") == ["mrcnn_mask"]
    with pytest.raises(ValueError, match="heads, 3.*regular expression.*got 'mask_of_nobody'"):
        model.set_trainable("mask_of_nobody")


@pytest.mark.parametrize(
    "options",
    [{"FEATURE_MAP_SHAPE": (16, 16, 64)}, {"FEATURE_MAP_SHAPE": (64, 64, 2), "BACKBONE_STRIDES": (1, 2, 4, 8, 16)}],
)
def test_feature_map_in_place_of_the_first_stage(tiny_config, make_batch, options):
    config = tiny_config(**options)
    model = MaskRCNN(config)
    assert not any(layer.name == "conv1" for layer in leaf_layers(model))
    side = config.FEATURE_MAP_SHAPE[0]
    assert model.features.output[0].shape == (None, side, side, 32)
    assert all(np.isfinite(value).all() for value in training_losses(model, as_fixture(make_batch(config, 3))).values())


def test_stem_of_your_own(tiny_config, make_batch):
    """The losses depend on a stem, and it is trained with the network."""
    stem = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(8, 4, strides=4, name="mine")])
    model = MaskRCNN(tiny_config(FEATURE_MAP_SHAPE=(16, 16, 8)), stem=stem)
    batch = make_batch(model.config, 2)
    batch["input_image"] = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    first, again = (training_losses(model, as_fixture(batch))["loss_total"] for _ in range(2))
    assert np.isfinite(first) and first == again
    stem.layers[0].kernel.assign(2 * stem.layers[0].kernel)
    assert training_losses(model, as_fixture(batch))["loss_total"] != first
    assert "mine" in model.set_trainable("all") and any(v is stem.layers[0].kernel for v in model.trainable_variables)


def test_layers_and_weights_are_matterports(tiny_config):
    """Names and shapes of all weights, 81 classes, ResNet-101."""
    layout = json.loads((Path(__file__).parent / "parity" / "layout_resnet101.json").read_text())
    model = MaskRCNN(Config(NUM_CLASSES=81), mode="inference")
    got = {f"{layer.name}/{v.name}": list(v.shape) for layer in leaf_layers(model) for v in layer.weights}
    assert got == layout and model.count_params() == 64158584


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"BACKBONE": "resnet18"}, "resnet18"),
        ({"NUM_CLASS": 2}, "did you mean NUM_CLASSES"),
        ({"IMAGE_SHAPE": (64, 64)}, "IMAGE_SHAPE"),
        ({"IMAGE_SHAPE": (100, 64, 3)}, "divisible by 32"),
        ({"FEATURE_MAP_SHAPE": (32, 32, 8)}, "BACKBONE_STRIDES"),
        ({"LOSS_WEIGHTS": {"mask": 1}}, "LOSS_WEIGHTS"),
        ({"RPN_ANCHOR_SCALES": (8, 16)}, "expected 5 values"),
        ({"COMPUTE_BACKBONE_SHAPE": None}, "left out"),
        ({"MASK_SHAPE": (56, 56)}, "MASK_POOL_SIZE"),
    ],
)
def test_bad_options_are_refused(tiny_config, options, message):
    with pytest.raises(ValueError, match=message):
        tiny_config(**options)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("input_image", lambda x: x[0], "input_image"),
        ("input_image", lambda x: x[..., :2], r"64, 64, 3.*64, 64, 2"),
        ("input_gt_masks", lambda x: x[..., :7], "as many as boxes"),
        ("input_gt_boxes", lambda x: x + 60, "inside an image of 64 x 64"),
        ("input_gt_class_ids", lambda x: np.full_like(x, 2), "below NUM_CLASSES = 2, got 2"),
        ("input_gt_class_ids", lambda x: np.full_like(x, -2), "below NUM_CLASSES = 2, got 2"),
        ("input_gt_class_ids", lambda x: x[:, 1:], "a class id an instance"),
        ("input_gt_boxes", lambda x: x[:, 1:], "a box an instance"),
        ("input_gt_masks", lambda x: x[:, 1:], "a mask an instance"),
        ("input_rpn_match", lambda x: x[:, 1:], "one value an anchor"),
        ("input_rpn_match", lambda x: x[..., 0], "input_rpn_match: expected shape"),
        ("input_rpn_bbox", lambda x: x[:, 1:], "deltas of the positive anchors"),
        ("input_image_meta", lambda x: x[:, 1:], "a meta vector an image"),
        ("input_rpn_match", None, "missing.*input_rpn_match"),
    ],
)
def test_bad_inputs_are_refused(model, make_batch, name, change, message):
    batch = make_batch(model.config, 2)
    value = batch.pop(name)
    if change is not None:
        batch[name] = change(value)
    with pytest.raises(ValueError, match=message):
        checks.check_values(batch, model.config)
        checks.check_inputs(batch, model.config, "training")


def test_inputs_that_a_model_takes(tiny_config):
    config = tiny_config(IMAGE_SHAPE=(64, 96, 3), RPN_ANCHOR_STRIDE=2, USE_RPN_ROIS=False, USE_MINI_MASK=False)
    shapes = checks.expected_shapes(config, "training")
    assert shapes["input_rpn_match"][0] == (None, len(config_anchors(config)), 1)
    assert shapes["input_gt_masks"][0] == (None, 64, 96, config.MAX_GT_INSTANCES)
    assert shapes["input_rois"][0] == (None, None, 4) and shapes["input_image"][0] == (None, 64, 96, 3)
    assert set(checks.expected_shapes(config, "inference")) == set(INFERENCE)
    assert set(checks.expected_shapes(config, "inference", with_stem=True)) == {"input_image_meta"}
    checks.check_values([], config)  # a data set gives nothing to look at
    unknown = {
        "input_image": keras.KerasTensor((None, None, None, 3)),
        "input_image_meta": keras.KerasTensor((2, None)),
    }
    checks.check_inputs(unknown, config, "inference")


@pytest.mark.parametrize(
    "box", [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 11, 5), (0, 0, 5, 21), (5, 0, 4, 5), (0, 5, 5, 4)]
)
def test_boxes_beyond_the_image_or_turned_over_are_refused(box):
    good = [(0, 0, 10, 20), (10, 20, 10, 20)]
    checks.check_boxes("rois", good, (10, 20))
    with pytest.raises(ValueError, match=rf"rois: .*image of 10 x 20 px, got \[{', '.join(map(str, box))}\]"):
        checks.check_boxes("rois", [*good, box], (10, 20))


def test_config():
    class Shapes(Config):
        NAME = "shapes"
        NUM_CLASSES = 4
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
        MINE = 1

    config = Shapes(RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128), LOSS_WEIGHTS={"mrcnn_mask_loss": 2.0})
    assert (config.IMAGE_SHAPE, config.IMAGE_META_SIZE, config.BATCH_SIZE, config.max_positive_rois) == (
        (128, 128, 3),
        16,
        2,
        66,
    )
    assert config.feature_shapes == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]
    assert config.LOSS_WEIGHTS["mrcnn_mask_loss"] == 2 and config.LOSS_WEIGHTS["rpn_class_loss"] == 1
    assert Shapes(**config.to_dict()).to_dict() == config.to_dict()
    assert Config(IMAGE_SHAPE=(64, 128, 1)).to_dict()["IMAGE_SHAPE"] == [64, 128, 1]
    again = Config.from_dict(config.to_dict())  # without the class itself, as a saved model has it
    assert again.to_dict() == config.to_dict() and again.MINE == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RPN_NMS_THRESHOLD", float("nan"), "a number from 0 to 1"),
        ("DETECTION_MIN_CONFIDENCE", 1.5, "a number from 0 to 1"),
        ("NUM_CLASSES", "two", "finite numbers"),
        ("RPN_ANCHOR_SCALES", (8, 16, 32, 64, float("inf")), "finite numbers"),
        ("POOL_SIZE", True, "finite numbers"),
        ("MASK_SHAPE", 3, "2 values"),
    ],
)
def test_options_that_are_no_such_numbers(name, value, expected):
    with pytest.raises(ValueError, match=f"{name}: expected {expected}"):
        Config(**{name: value})


def test_image_shape_of_a_subclass_is_that_of_a_keyword():
    class Small(Config):
        IMAGE_SHAPE = (64, 128, 1)

    assert Small().to_dict() == Config(IMAGE_SHAPE=(64, 128, 1)).to_dict()


@pytest.mark.parametrize("name", ["BATCH_SIZE", "IMAGE_META_SIZE", "COMPUTE_BACKBONE_SHAPE"])
def test_options_that_follow_from_others_are_not_set(name):
    with pytest.raises(ValueError, match=f"option {name}"):
        type("Mine", (Config,), {name: 3})
    with pytest.raises(ValueError, match=f"option {name}"):
        Config(**{name: 3})
    if name != "COMPUTE_BACKBONE_SHAPE":
        with pytest.raises(ValueError, match=f"option {name} follows from others: set [IN]"):
            setattr(Config(), name, 3)


def test_image_shape_is_given_when_a_configuration_is_made():
    with pytest.raises(ValueError, match="IMAGE_SHAPE follows from others: set IMAGE_MAX_DIM"):
        Config().IMAGE_SHAPE = np.array([64, 64, 3])


@pytest.mark.parametrize("config", ["training", Config])
def test_something_else_than_a_configuration(config):
    """Matterport's order of arguments, and a class."""
    with pytest.raises(ValueError, match="config: expected an object of Config"):
        MaskRCNN(config, Config())


def test_matterports_way_to_load_weights(tiny_config, tmp_path):
    first, second = (MaskRCNN(tiny_config(), "inference", seed=seed) for seed in (1, 2))
    weights.save_weights(first, tmp_path / "mine.h5")
    report = second.load_weights(tmp_path / "mine.h5", by_name=True, exclude=["mrcnn_mask"])
    assert report.matched and not any(key.startswith("mrcnn_mask/") for key in report.matched)
    one, two = (weights.named_variables(model) for model in (first, second))
    same = {key for key in one if np.array_equal(*map(keras.ops.convert_to_numpy, (one[key], two[key])))}
    assert same >= set(report.matched) and "mrcnn_mask/kernel" not in same
    with pytest.raises(ValueError, match="by_name: expected True"):
        second.load_weights(tmp_path / "mine.h5", by_name=False)
    first.save_weights(tmp_path / "mine.weights.h5")
    with pytest.raises(ValueError, match="exclude: only for files"):
        second.load_weights(tmp_path / "mine.weights.h5", by_name=True, exclude=["mrcnn_mask"])


def test_no_pictures(tiny_config):
    with pytest.raises(ValueError, match="expected at least one picture"):
        MaskRCNN(tiny_config(), "inference").detect([])


def test_import_loads_no_keras():
    heavy = "sorted({'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    code = f"import sys, mrcnn; print(mrcnn.Config.NUM_CLASSES, {heavy})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
