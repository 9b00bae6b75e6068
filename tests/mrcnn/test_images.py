"""Masks, molding, samples, batches and metrics with numbers that a person can verify."""

import numpy as np
import pytest

from mrcnn import Config, checks, data, masks, metrics, molding, rpn_targets, visualize
from mrcnn.anchors import config_anchors
from mrcnn.model import MaskRCNN


def rectangle(shape, y1, x1, y2, x2):
    mask = np.zeros(shape, bool)
    mask[y1:y2, x1:x2] = True
    return mask


class Rectangles:
    """n_pictures of 40 x 60 px; picture i has i rectangles, and the last one of picture 3 is a crowd."""

    def __init__(self, n_pictures):
        self.n = n_pictures

    def __len__(self):
        return self.n

    def load_image(self, i):
        return np.full((40, 60, 3), i, np.uint8)

    def load_mask(self, i):
        all_masks = [rectangle((40, 60), 2 * k, 3 * k, 2 * k + 10, 3 * k + 15) for k in range(i)]
        class_ids = np.ones(i, int)
        class_ids[-1:] = -1 if i == 3 else 1
        return np.stack(all_masks, -1) if i else np.zeros((40, 60, 0), bool), class_ids


@pytest.fixture
def config():
    return Config(
        IMAGE_SHAPE=(64, 64, 3),
        NUM_CLASSES=2,
        RPN_ANCHOR_SCALES=(8, 16, 32, 48, 64),
        RPN_TRAIN_ANCHORS_PER_IMAGE=16,
        MAX_GT_INSTANCES=4,
        MINI_MASK_SHAPE=(8, 8),
        IMAGES_PER_GPU=2,
    )


def test_no_masks_and_empty_masks():
    assert masks.extract_bboxes(np.zeros((5, 6, 0), bool)).shape == (0, 4)
    both = np.stack([np.zeros((5, 6), bool), rectangle((5, 6), 1, 2, 4, 6)], -1)
    assert masks.extract_bboxes(both).tolist() == [[0, 0, 0, 0], [1, 2, 4, 6]]
    assert masks.minimize_mask(np.zeros((0, 4)), np.zeros((5, 6, 0), bool), (3, 3)).shape == (3, 3, 0)
    assert masks.compute_overlaps_masks(both, both).tolist() == [[0, 0], [0, 1]]
    assert masks.compute_overlaps_masks(both, both[..., :0]).shape == (2, 0)


def test_resize_samples_between_pixel_centres():
    """Two pixels to four: centres at -0.25, 0.25, 0.75, 1.25. Beyond the edge 0 joins in, but the range is kept."""
    assert masks.resize(np.array([[0.0, 4.0]]), (1, 4)).tolist() == [[0, 1, 3, 3]]
    assert masks.resize(np.array([[2.0, 4.0]]), (1, 4)).tolist() == [[2, 2.5, 3.5, 3]]
    assert masks.resize(np.full((3, 5, 2), 7, np.uint8), (9, 4)).tolist() == np.full((9, 4, 2), 7).tolist()


def test_nearest_neighbour_keeps_the_corners():
    corners = np.zeros((5, 7, 1), bool)
    corners[0, 0] = corners[-1, -1] = True
    resized = masks.resize_mask(corners, 2, [(1, 0), (0, 2), (0, 0)])
    assert resized.shape == (11, 16, 1) and resized[1, 0] and resized[10, 13] and not resized[:, 14:].any()


def test_resize_image_modes():
    image = np.full((30, 50, 3), 9, np.uint8)
    square, window, scale, padding, _ = molding.resize_image(image, 60, 128)
    assert square.shape == (128, 128, 3) and window == (34, 14, 94, 114) and scale == 2
    assert padding == [(34, 34), (14, 14), (0, 0)]
    assert molding.resize_image(image, 64, mode="pad64")[0].shape == (64, 128, 3)
    assert molding.resize_image(image, 30, 128, 2)[1] == (34, 14, 94, 114)
    rng = np.random.default_rng(0)
    part, window, scale, _, crop = molding.resize_image(image, 60, mode="crop", rng=rng)
    assert part.shape == (60, 60, 3) and window == (0, 0, 60, 60) and scale == 2
    assert crop[0] == 0 and 0 <= crop[1] <= 40 and crop[2:] == (60, 60)
    drawn = {molding.resize_image(image, 60, mode="crop", rng=np.random.default_rng(s))[4][1] for s in range(5)}
    assert len(drawn) > 1
    assert masks.resize_mask(np.ones((30, 50, 2), bool), scale, [(0, 0)] * 3, crop).shape == (60, 60, 2)
    floats = np.linspace(0, 1, 30 * 50, dtype=np.float32).reshape(30, 50, 1)
    assert molding.resize_image(floats, 60, 128)[0].dtype == np.float32


def test_molding_and_back(config):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    molded = molding.mold_image(image, config)
    assert molded.dtype == np.float32 and molded[0, 0, 0] == image[0, 0, 0] - np.float32(123.7)
    assert np.array_equal(molding.unmold_image(molded, config), image)


def test_pictures_of_another_range_are_refused(config):
    picture = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    with pytest.raises(ValueError, match="expected values of 0 to 255"):
        molding.mold_image(picture, config)
    molding.mold_image(np.zeros_like(picture), config)  # black is black
    picture[3, 4, 0] = np.nan
    with pytest.raises(ValueError, match="expected finite values"):
        molding.mold_image(255 * picture, config)


def test_no_detections():
    found = molding.unmold_detections(
        np.zeros((3, 6)), np.zeros((3, 28, 28, 2)), (40, 60, 3), (64, 64, 3), (12, 2, 52, 62)
    )
    assert [part.shape for part in found] == [(0, 4), (0,), (0,), (40, 60, 0)]


def test_detection_of_the_whole_picture():
    window = np.array([12, 2, 52, 62])
    whole = (window - [0, 0, 1, 1]) / 63
    rows = np.array([[*whole, 1, 0.9], np.zeros(6)], np.float32)
    boxes, class_ids, _, full = molding.unmold_detections(
        rows, np.full((2, 28, 28, 2), 0.6, np.float32), (80, 120, 3), (64, 64, 3), window
    )
    assert boxes.tolist() == [[0, 0, 80, 120]] and class_ids.tolist() == [1] and full.all()


def test_anchors_without_ground_truth_are_negative_and_crowds_are_left_alone(config):
    anchors, rng = config_anchors(config), np.random.default_rng(0)
    match, deltas = rpn_targets.build_rpn_targets(anchors, np.zeros(0, int), np.zeros((0, 4)), config, rng)
    assert np.count_nonzero(match == -1) == 16 and not (match == 1).any() and not deltas.any()
    match, _ = rpn_targets.match_anchors(anchors, np.zeros((0, 4)), np.array([[0, 0, 64, 64]]))
    inside = (anchors[:, 2:] > 0).all(1) & (anchors[:, :2] < 64).all(1)
    assert (match[~inside] == -1).all() and not match[inside].all()


def test_of_two_boxes_as_near_an_anchor_takes_the_first():
    anchors, boxes = np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 8], [0, 2, 10, 10]])
    match, nearest = rpn_targets.match_anchors(anchors, boxes, np.zeros((0, 4)))
    assert match.tolist() == [1] and nearest.tolist() == [0]


def test_positives_take_at_most_half_of_the_budget(config):
    anchors = config_anchors(config)
    boxes = anchors[::60][:12]
    match, deltas = rpn_targets.build_rpn_targets(anchors, np.ones(12, int), boxes, config, np.random.default_rng(0))
    assert np.count_nonzero(match == 1) == np.count_nonzero(match == -1) == 8
    assert not deltas.any()  # each of these anchors is its own box


def test_overlaps_that_just_reach_a_threshold():
    """70 and 30 of an anchor's 100 px, 1 of 1000 px in a crowd; the last two anchors are the boxes' own."""
    anchors = np.array([[0, 0, 10, 10], [0, 20, 10, 30], [0, 40, 20, 90], [0, 0, 10, 7], [0, 20, 10, 23]])
    match, _ = rpn_targets.match_anchors(anchors, anchors[3:], np.array([[0, 40, 1, 41]]))
    assert match.tolist() == [1, 0, 0, 1, 1]


@pytest.mark.parametrize("box", [[10, 0, 20, 10], [-10, 0, 0, 10], [0, 10, 10, 20], [0, -10, 10, 0]])
def test_an_anchor_that_a_box_only_touches_is_background(box):
    match, _ = rpn_targets.match_anchors(np.array([[0, 0, 10, 10]]), np.array([box]), np.zeros((0, 4)))
    assert match.tolist() == [-1]


def test_rows_of_padding_are_neither_objects_nor_crowds(config):
    anchors = np.array([[0, 0, 10, 10], [20, 20, 30, 30]])
    match, _ = rpn_targets.build_rpn_targets(anchors, [1, 0], anchors, config, np.random.default_rng(0))
    assert match.tolist() == [1, -1]


def test_one_anchor_beyond_the_budget_is_dropped(config):
    anchors = np.arange(17)[:, None] * 20 + np.array([0, 0, 10, 10])
    nothing = np.zeros(0, int), np.zeros((0, 4))
    match, _ = rpn_targets.build_rpn_targets(anchors, *nothing, config, np.random.default_rng(0))
    assert np.count_nonzero(match == -1) == 16


def test_targets_lead_from_anchors_to_boxes(config):
    from mrcnn.boxes import apply_box_deltas

    anchors, box = config_anchors(config), np.array([[10, 20, 40, 50]])
    match, deltas = rpn_targets.build_rpn_targets(anchors, [1], box, config, np.random.default_rng(0))
    n = np.count_nonzero(match == 1)
    moved = apply_box_deltas(anchors[match == 1], deltas[:n] * config.RPN_BBOX_STD_DEV)
    np.testing.assert_allclose(moved, np.repeat(box, n, 0), atol=1e-4)


def test_flip(config):
    plain, flipped = (data.load_image_gt(Rectangles(3), config, 2, flip=flip) for flip in (False, True))
    assert np.array_equal(flipped.image_meta, plain.image_meta)
    left, right = plain.boxes, flipped.boxes
    assert np.array_equal(left[:, [0, 2]], right[:, [0, 2]])
    assert np.abs(64 - left[:, 3] - right[:, 1]).max() <= 1 and right[0, 3] > 50


def test_batches_have_fixed_shapes_and_every_picture_once(config):
    batches = data.Batches(Rectangles(7), config, seed=5, flip=True)
    epochs = []
    for _ in range(2):
        found = []
        for i in range(len(batches)):
            batch = batches[i]
            found += batch["input_image_meta"][:, 0].astype(int).tolist()
            checks.check_inputs(batch, config, "training")
            checks.check_values(batch, config)
            counts = np.count_nonzero(batch["input_gt_class_ids"], axis=1)
            assert counts.tolist() == [min(n, 4) for n in found[2 * i : 2 * i + 2]]
            assert np.array_equal(counts, batch["input_gt_masks"].any((1, 2)).sum(1))
        epochs.append(found)
        batches.on_epoch_end()
    assert len(batches) == 4 and sorted(epochs[0]) == sorted(epochs[1]) == list(range(7)) and epochs[0] != epochs[1]


def test_batches_follow_from_the_seed(config):
    def batch(seed, i=1):
        return data.Batches(Rectangles(7), config, seed=seed, flip=True)[i]

    first, again, other = batch(1), batch(1), batch(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_batches_flip_some_pictures_and_choose_among_too_many_instances(config):
    """Pictures of 6 instances, side by side from left to right, of which 4 are kept."""

    class Six(Rectangles):
        def load_mask(self, i):
            return super().load_mask(6)

    batches = [data.Batches(Six(2), config, seed=seed, shuffle=False, flip=True)[0] for seed in range(5)]
    left = np.concatenate([batch["input_gt_boxes"][:, :, 1] for batch in batches])
    flipped = (np.diff(left, axis=1) < 0).all(1)
    assert 0 < flipped.sum() < 10 and (np.diff(left[~flipped], axis=1) > 0).all()
    assert len({tuple(row) for row in left[~flipped]}) > 1


def test_augmentation_makes_another_picture_of_any_size(config):
    """A function that doubles both sides, brightens, and moves picture and masks down, by chance."""

    def moved(image, all_masks, rng):
        rows = int(rng.integers(1, 30))
        image, all_masks = (np.roll(x.repeat(2, 0).repeat(2, 1), rows, axis=0) for x in (image, all_masks))
        return image + np.uint8(rows), all_masks

    config.MEAN_PIXEL = (0, 0, 0)
    plain, first, again = (
        data.Batches(Rectangles(2), config, shuffle=False, augmentation=function)[0]
        for function in (None, moved, moved)
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    rows = first["input_image"][1].max() - 1
    assert 1 <= rows < 30 and rows != first["input_image"][0].max()
    assert molding.parse_image_meta(first["input_image_meta"])["original_image_shape"].tolist() == [[80, 120, 3]] * 2
    before, after = (batch["input_gt_boxes"][1, 0] for batch in (plain, first))  # both 64 px wide
    assert np.abs(after - before - np.rint(rows * 64 / 120) * np.array([1, 0, 1, 0])).max() <= 1


def test_a_picture_without_instances_may_have_masks_of_no_size(config):
    class Empty(Rectangles):
        def load_mask(self, i):
            return np.empty([0, 0, 0]), np.empty([0], np.int32)

    batch = data.Batches(Empty(2), config)[0]
    checks.check_inputs(batch, config, "training")
    assert not batch["input_gt_class_ids"].any() and set(np.unique(batch["input_rpn_match"])) == {-1, 0}


def test_crowds_and_full_masks(config):
    config.USE_MINI_MASK = False
    batches = data.Batches(Rectangles(4), config, shuffle=False)
    batch = batches[1]
    checks.check_inputs(batch, config, "training")
    assert batch["input_gt_class_ids"].tolist() == [[1, 1, 0, 0], [1, 1, -1, 0]]
    assert batch["input_gt_masks"].shape == (2, 64, 64, 4)


@pytest.mark.slow
def test_fit_on_batches(tiny_config):
    config = tiny_config(IMAGES_PER_GPU=2)
    model = MaskRCNN(config)
    model.compile()
    history = model.fit(data.Batches(Rectangles(3), config), verbose=0).history
    assert np.isfinite(list(history.values())).all() and history["mrcnn_class_loss"][0] > 0


def test_metrics_on_paper():
    """Two objects, three detections: a hit, a miss, a hit. Precision 1, 2/3, 2/3 at recall 1/2, 1/2, 1: AP 5/6."""
    truth = np.stack([rectangle((10, 10), 0, 0, 4, 4), rectangle((10, 10), 5, 5, 9, 9)], -1)
    found = np.stack([truth[..., 1], truth[..., 0], rectangle((10, 10), 0, 6, 3, 9)], -1)
    boxes, found_boxes = masks.extract_bboxes(truth), masks.extract_bboxes(found)
    prediction = found_boxes, [1, 1, 1], [0.5, 0.9, 0.7], found
    ap, precisions, recalls, overlaps = metrics.compute_ap(boxes, [1, 1], truth, *prediction)
    assert ap == pytest.approx(5 / 6) and overlaps.tolist() == [[1, 0], [0, 0], [0, 1]]
    assert recalls.tolist() == [0, 0.5, 0.5, 1, 1] and precisions[0] == 1
    assert metrics.compute_ap(boxes, [1, 2], truth, *prediction)[0] == pytest.approx(0.5)
    assert metrics.compute_ap_range(boxes, [1, 1], truth, *prediction) == pytest.approx(5 / 6)
    assert metrics.compute_recall(found_boxes[1:], boxes)[0] == 0.5
    nothing = np.zeros((0, 4)), [], [], truth[..., :0]
    assert metrics.compute_ap(boxes, [1, 1], truth, *nothing)[0] == 0
    assert np.isnan(metrics.compute_ap(*(nothing[0], [], nothing[3]), *prediction)[0])


def test_a_detection_takes_the_ground_truth_it_overlaps_most():
    truth = np.stack([rectangle((4, 10), 0, 0, 4, 4), rectangle((4, 10), 0, 4, 4, 10)], -1)  # 0.4 and 0.6 of the whole
    arguments = masks.extract_bboxes(truth), [1, 1], truth, np.array([[0, 0, 4, 10]]), [1], [0.9], np.ones((4, 10, 1))
    assert metrics.compute_matches(*arguments, iou_threshold=0.3)[1].tolist() == [1]
    assert metrics.compute_matches(*arguments, iou_threshold=float(np.float32(0.6)))[1].tolist() == [1]  # just reached
    assert metrics.compute_matches(*arguments, iou_threshold=0.3, score_threshold=0.7)[1].tolist() == [-1]


MASK, BOX, PICTURE = np.ones((8, 8, 1), bool), np.array([[0, 0, 8, 8]]), np.zeros((40, 60, 3), np.uint8)
SQUARE = PICTURE[:8, :8]


class Wrong(Rectangles):
    def __init__(self, image=PICTURE, truth=None):
        self.image, self.truth = image, truth or (np.ones((40, 60, 1), bool), [1])

    load_image, load_mask = (lambda self, i: self.image), (lambda self, i: self.truth)


def _without_last_row(image, masks, rng):
    return image, masks[:-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: masks.extract_bboxes(MASK[..., 0]), r"\(height, width, instances\).*\(8, 8\)"),
        (lambda c: masks.minimize_mask(BOX + [0, 0, 1, 0], MASK, (4, 4)), "inside an image of 8 x 8.*9"),
        (lambda c: masks.minimize_mask(np.zeros((1, 4)), MASK, (4, 4)), "area above 0"),
        (lambda c: masks.expand_mask(np.zeros((2, 4)), MASK, (8, 8)), r"\(1, 4\).*\(2, 4\)"),
        (lambda c: masks.unmold_mask(MASK[..., 0], [0, 0, 9, 9], (8, 8)), "inside an image"),
        (lambda c: masks.unmold_mask(MASK, BOX[0], (8, 8)), r"\(height, width\), got \(8, 8, 1\)"),
        (lambda c: masks.compute_overlaps_masks(MASK, MASK[:4]), "one height and width"),
        (lambda c: molding.resize_image(PICTURE[..., 0]), r"\(height, width, channels\).*\(40, 60\)"),
        (lambda c: molding.resize_image(PICTURE, 64, 128, mode="big"), "'big'"),
        (lambda c: molding.resize_image(PICTURE, 100, mode="pad64"), "multiple of 64"),
        (lambda c: molding.resize_image(PICTURE, 40, mode="crop"), "Generator.*'square'"),
        (
            lambda c: checks.check_image("photo", None, 3),
            r"photo: expected an array \(height, width, 3\), got NoneType",
        ),
        (lambda c: checks.check_image("grey", PICTURE[..., 0], 3), r"np.repeat\(picture\[..., None\], 3, -1\); got"),
        (lambda c: checks.check_image("alpha", PICTURE.repeat(2, -1)[..., :4], 3), r"picture\[..., :3\]; got"),
        (lambda c: molding.mold_inputs([PICTURE[..., :2]], c), r"\(\*, \*, 3\).*\(40, 60, 2\)"),
        (lambda c: molding.mold_inputs([], c), "at least one"),
        (lambda c: molding.resize_for(PICTURE, Config(IMAGE_SHAPE=(64, 128, 3))), r"\(64, 128, 3\).*\(40, 60, 3\)"),
        (
            lambda c: molding.mold_inputs([PICTURE, PICTURE[:20]], Config(IMAGE_RESIZE_MODE="none")),
            r"one size after IMAGE_RESIZE_MODE 'none', got \[\(40, 60, 3\), \(20, 60, 3\)\]",
        ),
        (lambda c: molding.parse_image_meta(np.zeros(14)), r"\(14,\)"),
        (lambda c: molding.unmold_detections(np.zeros((3, 5)), MASK, (8, 8), (8, 8), BOX[0]), r"\(3, 5\)"),
        (lambda c: rpn_targets.build_rpn_targets(BOX, [1, 2], BOX, c, None), r"\(2, 4\).*\(1, 4\)"),
        (lambda c: data.load_image_gt(Wrong(PICTURE[:20]), c, 0), r"20, 60, 'instances'.*\(40, 60, 1\)"),
        (lambda c: data.load_image_gt(Wrong(PICTURE[..., :1]), c, 0), r"\(\*, \*, 3\)"),
        (lambda c: data.load_image_gt(Wrong(truth=(np.ones((40, 60, 1)), [1, 1])), c, 0), "1 class ids"),
        (lambda c: data.load_image_gt(Wrong(truth=(np.ones((40, 60, 1)), [2])), c, 0), r"from 1 to 1.*\[2\]"),
        (lambda c: data.Batches(Rectangles(0), c), "at least one picture"),
        (lambda c: metrics.compute_matches(BOX, [1, 1], MASK, BOX, [1], [1], MASK), r"gt_masks.*\(8, 8, 1\)"),
        (lambda c: metrics.compute_matches(BOX, [1], MASK, BOX, [1], [1, 2], MASK), "pred_scores: expected 1"),
        (lambda c: visualize.draw_detections(PICTURE, BOX, MASK, [1], ["b", "a"]), r"\(40, 60, 1\).*\(8, 8, 1\)"),
        (lambda c: visualize.draw_detections(PICTURE / 255, BOX, MASK, [1], ["b", "a"]), "whole numbers"),
        (
            lambda c: visualize.draw_detections(PICTURE + np.uint16(256), BOX, MASK, [1], ["b", "a"]),
            "255, got uint16, 256 to 256",
        ),
        (lambda c: data.load_image_gt(Rectangles(2), c, 1, augmentation=_without_last_row), "got .39, 60, 1."),
        (lambda c: visualize.draw_detections(np.zeros((8, 8, 4), int), BOX, MASK, [1], ["b", "a"]), r"got shape .*4\)"),
        (
            lambda c: visualize.draw_detections(SQUARE, BOX, MASK, [1, 1], ["b", "a"]),
            r"expected 1, one a box, got \(2,\)",
        ),
        (lambda c: visualize.draw_detections(SQUARE, BOX, MASK, [1], ["b", "a"], [1, 1]), r"expected 1.* and \(2,\)"),
        (lambda c: visualize.draw_detections(SQUARE, BOX, MASK, [2], ["b", "a"]), "expected 0 to 1, got 2"),
        (lambda c: visualize.draw_detections(SQUARE, BOX, MASK, [-1], ["b", "a"]), "expected 0 to 1, got -1"),
    ],
)
def test_bad_input_is_refused(config, call, message):
    with pytest.raises(ValueError, match=message):
        call(config)
