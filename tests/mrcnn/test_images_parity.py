"""Masks, molding, RPN targets, metrics and samples compared with the reference."""

import numpy as np
import pytest

from mrcnn import Config, anchors, data, masks, metrics, molding, rpn_targets

RESIZES = ("square", "pad64", "none", "squaresmall")


@pytest.fixture(scope="module")
def images(load_parity):
    return load_parity("images")


def unpacked(bits, *shape):
    return np.unpackbits(bits)[: np.prod(shape)].reshape(shape).astype(bool)


def truncated_alike(got, expected):
    """Equal but for at most 5 values that are off by one: rounding errors before both truncate to whole numbers."""
    assert got.dtype == np.uint8 and got.shape == expected.shape
    different = np.abs(got.astype(int) - expected)
    return different.max() <= 1 and np.count_nonzero(different) <= 5


def small_config(**options):
    return Config(IMAGE_MIN_DIM=96, IMAGE_MAX_DIM=128, NUM_CLASSES=3, **options)


def test_boxes_of_masks(images):
    full = unpacked(images["masks__full_packed"], *images["masks__shape"])
    assert masks.extract_bboxes(full).tolist() == images["masks__bboxes"].tolist()


def test_mini_masks(images):
    height, width, _ = images["masks__shape"]
    full = unpacked(images["masks__full_packed"], *images["masks__shape"])[..., :5]
    boxes, mini_shape = images["masks__bboxes"][:5], tuple(images["masks__mini_shape"])
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        resized = masks.resize(full[y1:y2, x1:x2, i], mini_shape)
        np.testing.assert_allclose(resized, images["masks__mini_float"][..., i], rtol=0, atol=1e-12)
    minis = masks.minimize_mask(boxes, full, mini_shape)
    assert np.array_equal(minis, unpacked(images["masks__mini_packed"], *mini_shape, 5))
    expanded = masks.expand_mask(boxes, minis, (height, width))
    assert np.array_equal(expanded, unpacked(images["masks__expanded_packed"], height, width, 5))


def test_unmold_mask(images):
    small, boxes, shape = images["unmold__small_masks"], images["unmold__boxes"], tuple(images["unmold__image_shape"])
    expected = unpacked(images["unmold__full_packed"], *shape[:2], 5)
    for i, box in enumerate(boxes):
        assert np.array_equal(masks.unmold_mask(small[i], box, shape), expected[..., i])
    for i, name in ((3, "resized_1"), (4, "resized_4")):
        resized = images[f"unmold__{name}"]
        np.testing.assert_allclose(masks.resize(small[i], resized.shape), resized, rtol=0, atol=1e-6)


def test_overlaps_of_masks(images):
    pair = (unpacked(images[f"maskiou__masks{i}"], *images[f"maskiou__shape{i}"]) for i in (1, 2))
    overlaps = masks.compute_overlaps_masks(*pair)
    np.testing.assert_allclose(overlaps, images["maskiou__overlaps"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RESIZES)
def test_resize_image(images, name):
    expected = {key: images[f"image__{name}_{key}"] for key in ("image", "window", "scale", "padding", "args")}
    limits = (int(n) for n in expected["args"])
    got, window, scale, padding, crop = molding.resize_image(
        images["image__original"], *limits, name.removesuffix("small")
    )
    assert truncated_alike(got, expected["image"])
    assert window == tuple(expected["window"]) and scale == expected["scale"] and crop is None
    assert np.array_equal(padding, expected["padding"])
    mask = unpacked(images["image__mask_packed"], 60, 100, 1)
    expected_mask = unpacked(images[f"image__{name}_mask_packed"], *images[f"image__{name}_mask_shape"])
    assert np.array_equal(masks.resize_mask(mask, scale, padding), expected_mask)


def test_mold_inputs(images):
    molded, metas, windows = molding.mold_inputs([images["image__original"]], small_config())
    expected = images["image__molded"]
    different = np.abs(molded - expected)
    assert molded.dtype == np.float32 and np.count_nonzero(different > 1e-4) <= 5 and different.max() < 1.001
    assert np.array_equal(metas, images["image__molded_meta"]) and np.array_equal(
        windows, images["image__molded_window"]
    )
    assert np.array_equal(molding.unmold_image(expected[0], small_config()), images["image__unmolded"])


def test_meta(images):
    parts = molding.parse_image_meta(images["meta__vector"][None])
    for name, value in parts.items():
        assert np.array_equal(value, images[f"meta__{name}"]) and value.dtype == images[f"meta__{name}"].dtype, name
    assert np.array_equal(
        molding.compose_image_meta(7, (60, 100, 3), (128, 128, 3), (26, 0, 102, 128), 1.28, [1, 0, 1]),
        images["meta__vector"],
    )


@pytest.mark.parametrize("own_class_only", [False, True])
def test_unmold_detections(images, own_class_only):
    u = {name.removeprefix("unmolddet__"): value for name, value in images.items()}
    small = u["masks"]
    if own_class_only:
        small = small[np.arange(12), :, :, u["detections"][:12, 4].astype(int)]
    boxes, class_ids, scores, full = molding.unmold_detections(
        u["detections"], small, u["original_shape"], u["image_shape"], u["window"]
    )
    assert np.array_equal(boxes, u["boxes"]) and boxes.dtype == np.int32
    assert np.array_equal(class_ids, u["class_ids"]) and np.array_equal(scores, u["scores"])
    assert np.array_equal(full, unpacked(u["full_packed"], *u["full_shape"]))


@pytest.mark.parametrize("case", ["plain", "crowd", "tiny", "exact", "near", "twin"])
def test_rpn_targets(images, case):
    u = {name.removeprefix(f"rpnt__{case}_"): value for name, value in images.items()}
    config = rpn_config(images, 20000)
    match, deltas = rpn_targets.build_rpn_targets(
        anchors.config_anchors(config), u["gt_class_ids"], u["gt_boxes"], config, np.random.default_rng(0)
    )
    assert match.dtype == np.int8 and np.array_equal(match, u["match"])
    np.testing.assert_allclose(deltas[: len(u["deltas"])], u["deltas"], rtol=0, atol=1e-12)
    assert not deltas[len(u["deltas"]) :].any()


def rpn_config(images, budget):
    side = int(images["rpnt__image_size"])
    return Config(
        IMAGE_SHAPE=(side, side, 3),
        RPN_ANCHOR_SCALES=tuple(images["rpnt__scales"].tolist()),
        RPN_ANCHOR_RATIOS=tuple(images["rpnt__ratios"].tolist()),
        RPN_TRAIN_ANCHORS_PER_IMAGE=budget,
    )


@pytest.mark.parametrize("budget", [256, 16])
def test_rpn_budget(images, budget):
    config = rpn_config(images, budget)
    truth = images["rpnt__plain_gt_class_ids"], images["rpnt__plain_gt_boxes"]
    boxes = anchors.config_anchors(config)

    def targets(seed):
        return rpn_targets.build_rpn_targets(boxes, *truth, config, np.random.default_rng(seed))

    match, deltas = targets(3)
    assert [np.count_nonzero(match == v) for v in (1, -1, 0)] == images[f"rpnt__plain{budget}_counts"].tolist()
    assert deltas.shape == (budget, 4)
    assert np.array_equal(match, targets(3)[0]) and not np.array_equal(match, targets(4)[0])


@pytest.mark.parametrize("percent", [50, 75])
def test_average_precision(images, percent):
    truth, prediction, scores = detected(images)
    gt_match, pred_match, overlaps = metrics.compute_matches(*truth, *prediction, iou_threshold=percent / 100)
    assert np.array_equal(gt_match, images[f"ap__gt_match_{percent}"])
    assert np.array_equal(pred_match, images[f"ap__pred_match_{percent}"])
    np.testing.assert_allclose(overlaps, images["ap__overlaps"], rtol=0, atol=1e-6)
    got = metrics.compute_ap(*truth, *prediction, iou_threshold=percent / 100)
    for value, name in zip(got, ("map", "precisions", "recalls"), strict=False):
        np.testing.assert_allclose(value, images[f"ap__{name}_{percent}"], rtol=0, atol=1e-7)


def detected(images):
    height, width = images["ap__mask_hw"]
    gt_masks = unpacked(images["ap__gt_masks_packed"], height, width, 5)
    pred_masks = unpacked(images["ap__pred_masks_packed"], height, width, 12)
    truth = images["ap__gt_boxes_padded"], images["ap__gt_class_ids"], gt_masks
    scores = images["ap__pred_scores"]
    return truth, (images["ap__pred_boxes_padded"], images["ap__pred_class_ids"], scores, pred_masks), scores


def test_average_precision_over_a_range_and_recall_of_boxes(images):
    truth, prediction, _ = detected(images)
    assert metrics.compute_ap_range(*truth, *prediction) == pytest.approx(float(images["ap__range"]), abs=1e-7)
    gt_boxes, pred_boxes = metrics.trim_zeros(truth[0]), metrics.trim_zeros(prediction[0])
    recall, positive = metrics.compute_recall(pred_boxes, gt_boxes, 0.5)
    assert recall == images["ap__recall_50"] and np.array_equal(positive, images["ap__recall_positive_ids"])
    assert np.array_equal(metrics.trim_zeros(images["trim__in"]), images["trim__out"])


class OnePicture:
    def __init__(self, images):
        self.image = images["image__original"]
        self.masks = unpacked(images["loadgt__in_masks_packed"], *images["loadgt__in_masks_shape"])

    def __len__(self):
        return 1

    def load_image(self, i):
        return self.image

    def load_mask(self, i):
        return self.masks, np.array([1, 2, 1])

    def active_class_ids(self, i):
        return [0, 1, 2]


@pytest.mark.parametrize("mini", [True, False])
def test_sample(images, mini):
    config = Config(IMAGE_MIN_DIM=96, IMAGE_MAX_DIM=128, NUM_CLASSES=4, USE_MINI_MASK=mini)
    sample = data.load_image_gt(OnePicture(images), config, 0)
    assert truncated_alike(sample.image, images["loadgt__image"])
    assert np.array_equal(sample.image_meta, images["loadgt__meta"])
    assert np.array_equal(sample.class_ids, images["loadgt__class_ids"])
    assert np.array_equal(sample.boxes, images["loadgt__bbox"])
    kind = "mini" if mini else "full"
    assert np.array_equal(sample.masks, unpacked(images[f"loadgt__{kind}_packed"], *images[f"loadgt__{kind}_shape"]))
