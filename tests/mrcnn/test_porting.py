"""Scripts written for Matterport's Mask R-CNN: the calls of the table in mrcnn/README.md."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from skimage.io import imsave

import mrcnn
import mrcnn.model as modellib
from mrcnn import molding, utils, visualize
from mrcnn.config import Config
from mrcnn.weights import named_variables

SIDE_PX = 64


class BlocksConfig(Config):
    NAME = "blocks"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE_PX
    RPN_ANCHOR_SCALES = (8, 16, 32, 48, 64)
    TRAIN_ROIS_PER_IMAGE = 8
    RPN_TRAIN_ANCHORS_PER_IMAGE = 16
    PRE_NMS_LIMIT = POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 32
    MAX_GT_INSTANCES = 3
    # to be quick
    RESNET_BLOCKS, RESNET_FILTERS = (1, 1, 1, 1), (4, 4, 4, 4)
    RPN_CHANNELS = MASK_CHANNELS = TOP_DOWN_PYRAMID_SIZE = FPN_CLASSIF_FC_LAYERS_SIZE = 8


class InferenceConfig(BlocksConfig):
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


class Blocks(utils.Dataset):
    """Each picture has a wide block, the odd ones also a tall one."""

    def load_blocks(self, n):
        self.add_class("blocks", 1, "wide")
        self.add_class("blocks", 2, "tall")
        for i in range(n):
            self.add_image("blocks", image_id=100 + i, path=None, blocks=["wide", "tall"] if i % 2 else ["wide"])

    def load_image(self, image_id):
        return np.repeat(200 * self.load_mask(image_id)[0].any(-1, keepdims=True).astype(np.uint8), 3, -1)

    def load_mask(self, image_id):
        names = self.image_info[image_id]["blocks"]
        masks = np.zeros((SIDE_PX, SIDE_PX, len(names)), bool)
        masks[4:14, 8:48, 0] = True
        masks[30:60, 20:30, 1:] = True
        return masks, np.array([self.class_names.index(name) for name in names])


@pytest.fixture(scope="module")
def dataset():
    blocks = Blocks()
    blocks.load_blocks(4)
    blocks.prepare()
    return blocks


def test_data_set(dataset):
    assert dataset.class_names == ["BG", "wide", "tall"] and dataset.num_classes == BlocksConfig.NUM_CLASSES
    assert dataset.image_ids.tolist() == [0, 1, 2, 3] and dataset.image_info[3]["id"] == 103
    assert dataset.map_source_class_id("blocks.2") == 2 and dataset.get_source_class_id(2, "blocks") == 2
    with pytest.raises(ValueError, match="a class of 'other', got 2, of 'blocks'"):
        dataset.get_source_class_id(2, "other")
    assert dataset.num_images == 4 and dataset.class_ids.tolist() == [0, 1, 2]
    assert dataset.image_reference(3) == ""
    with pytest.raises(ValueError, match=r"expected one of \['blocks.1', 'blocks.2'\], got 'blocks.7'"):
        dataset.map_source_class_id("blocks.7")
    dataset.add_class("blocks", 2, "tall")  # a second time
    assert dataset.num_classes == 3
    with pytest.raises(ValueError, match="at least one class and one picture, got 0 and 0"):
        utils.Dataset().prepare()
    with pytest.raises(NotImplementedError, match=r"Dataset.load_mask\(i\)"):
        utils.Dataset().load_mask(0)


def test_classes_of_another_source_are_not_active():
    both = Blocks()
    both.load_blocks(1)
    both.add_class("other", 1, "round")
    both.add_image("other", "a", None, blocks=["wide"])
    assert [both.active_class_ids(i) for i in (0, 1)] == [[0, 1, 2], [0, 3]]
    metas = [modellib.load_image_gt(both, BlocksConfig(NUM_CLASSES=4), i)[1] for i in (0, 1)]
    flags = [modellib.parse_image_meta(meta[None])["active_class_ids"][0].tolist() for meta in metas]
    assert flags == [[1, 1, 1, 0], [1, 0, 0, 1]]


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_pictures_from_files(tmp_path, shape):
    """Grey, RGB, RGB with alpha."""
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    imsave(tmp_path / "picture.png", picture, check_contrast=False)
    files = utils.Dataset()
    files.add_image("files", 1, tmp_path / "picture.png")
    assert files.image_reference(0) == tmp_path / "picture.png"
    assert np.array_equal(files.load_image(0), np.broadcast_to(picture.reshape(5, 7, -1)[..., :3], (5, 7, 3)))


def test_ground_truth_with_and_without_mini_masks(dataset):
    config = BlocksConfig()
    image, meta, class_ids, boxes, masks = modellib.load_image_gt(dataset, config, 1, use_mini_mask=False)
    assert class_ids.tolist() == [1, 2] and boxes.tolist() == [[4, 8, 14, 48], [30, 20, 60, 30]]
    assert masks.shape == (SIDE_PX, SIDE_PX, 2) and masks.sum((0, 1)).tolist() == [400, 300]
    assert meta[0] == 1 and image.shape == (SIDE_PX, SIDE_PX, 3)
    assert modellib.load_image_gt(dataset, config, 1).masks.shape == (56, 56, 2)
    config.USE_MINI_MASK = False
    assert modellib.load_image_gt(dataset, config, 1).masks.shape == (SIDE_PX, SIDE_PX, 2)
    assert modellib.load_image_gt(dataset, config, 1, use_mini_mask=True).masks.shape == (56, 56, 2)


def test_data_generator(dataset):
    generator = modellib.data_generator(dataset, BlocksConfig(), shuffle=True, batch_size=3)
    batches = [next(generator) for _ in range(4)]
    seen = [inputs["input_image_meta"][:, 0].astype(int).tolist() for inputs, _ in batches]
    assert [len(ids) for ids in seen] == [3, 1, 3, 1] and all(outputs is None for _, outputs in batches)
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == [0, 1, 2, 3] and seen[:2] != seen[2:]
    inputs, _ = next(modellib.data_generator(dataset, BlocksConfig(), shuffle=False))
    assert inputs["input_gt_class_ids"].tolist() == [[1, 0, 0]]


def test_training_and_detection(dataset, tmp_path, monkeypatch):
    """Train the heads, save, load in inference mode, detect, score, draw."""
    config = BlocksConfig()
    model = modellib.MaskRCNN(mode="training", config=config)
    model.set_trainable("heads")
    model.compile(run_eagerly=True)  # quicker for two steps
    before = {name: value.numpy() for name, value in named_variables(model).items()}
    batches = modellib.data_generator(dataset, config, batch_size=config.BATCH_SIZE)
    history = model.keras_model.fit(batches, steps_per_epoch=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    after = {name: value.numpy() for name, value in named_variables(model).items()}
    moved = {name.split("/")[0] for name in after if (after[name] != before[name]).any()}
    assert {"mrcnn_class_logits", "fpn_p2"} <= moved and not any(name.startswith("res") for name in moved)

    path = tmp_path / "mask_rcnn_blocks.h5"
    model.keras_model.save_weights(path)
    config = InferenceConfig()
    model = modellib.MaskRCNN(mode="inference", config=config)
    report = model.load_weights(path, by_name=True)
    assert report.complete and set(report.matched) == set(after)
    assert all((value.numpy() == after[name]).all() for name, value in named_variables(model).items())
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    assert len(model.load_weights(path, by_name=True, exclude=heads).excluded) == 6

    classes = model.class_head.get_layer("mrcnn_class_logits")
    classes.kernel.assign(np.zeros(classes.kernel.shape))
    classes.bias.assign([-100.0, 100.0, 0.0])  # all is "wide"
    image, _, class_ids, boxes, masks = modellib.load_image_gt(dataset, config, 1, use_mini_mask=False)
    model.run_eagerly = True
    r = model.detect([image], verbose=1)[0]
    n = len(r["class_ids"])
    assert n and set(r["class_ids"]) == {1} and r["rois"].shape == (n, 4) and r["masks"].shape == (*image.shape[:2], n)
    ap, precisions, _, overlaps = utils.compute_ap(
        boxes, class_ids, masks, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    assert 0 <= ap <= 0.5 and len(precisions) == n + 2 and overlaps.shape == (n, 2)  # "tall" is never found
    axes = plt.figure().add_subplot()
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("axes of one's own are shown by their owner"))
    visualize.display_instances(
        image, r["rois"], r["masks"], r["class_ids"], dataset.class_names, r["scores"], ax=axes, title="found"
    )
    plt.close("all")
    assert len(axes.texts) == n and axes.texts[0].get_text().startswith("wide") and axes.get_title() == "found"


def test_a_figure_of_its_own_is_shown(dataset, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    image, _, class_ids, boxes, masks = modellib.load_image_gt(dataset, BlocksConfig(), 1, use_mini_mask=False)
    figure = visualize.display_instances(image, boxes, masks, class_ids, dataset.class_names, figsize=(4, 4))
    plt.close("all")
    assert shown == [figure] and figure.get_size_inches().tolist() == [4, 4]
    assert [text.get_text() for text in figure.axes[0].texts] == ["wide", "tall"]


def test_molding_by_the_names_of_mrcnn_model(dataset):
    config = BlocksConfig()
    image = dataset.load_image(0)
    assert np.array_equal(modellib.unmold_image(modellib.mold_image(image, config), config), image)
    molded, metas, windows = molding.mold_inputs([image], config)
    assert molded.shape == (1, SIDE_PX, SIDE_PX, 3) and windows.tolist() == [[0, 0, SIDE_PX, SIDE_PX]]
    meta = modellib.compose_image_meta(0, image.shape, (SIDE_PX, SIDE_PX, 3), windows[0], 1, [0, 0, 0])
    assert np.array_equal(metas[0], meta)


def test_what_the_table_calls_the_same_exists():
    """Of its rows that begin with a module, in which further names follow after commas or a colon."""
    text = (Path(mrcnn.__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(modellib|utils|visualize)\.(.+?) \| same", text, re.MULTILINE)
    names = {(module, name) for module, cell in rows for name in re.findall(r"(?:^|`)(\w+)", cell)}
    assert {("utils", "add_class"), ("utils", "unmold_mask"), ("modellib", "mold_image")} <= names and len(names) > 30
    places = {"modellib": [modellib], "utils": [utils, utils.Dataset, utils.Dataset()], "visualize": [visualize]}
    assert [pair for pair in sorted(names) if not any(hasattr(place, pair[1]) for place in places[pair[0]])] == []


def test_config_as_text():
    lines = str(BlocksConfig()).splitlines()
    assert "NUM_CLASSES                    3" in lines and "BATCH_SIZE                     2" in lines
    assert "IMAGE_SHAPE                    (64, 64, 3)" in lines and len(lines) == len(set(lines))


def test_no_folder_for_the_model():
    with pytest.raises(ValueError, match="model_dir: .*leave it out"):
        modellib.MaskRCNN(mode="training", config=BlocksConfig(), model_dir="logs")
