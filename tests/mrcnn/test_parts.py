"""Parts of the network, with numbers that a person can verify."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import Config, boxes, heads, losses, nms, roi_align, rpn, targets
from mrcnn.anchors import config_anchors
from mrcnn.backbone import FoldedConv2D, FrozenBatchNormalization, conv_bn, leaf_layers


def greedy(box, score, threshold, groups):
    """NMS by its definition, box by box."""
    kept, box = [], box.astype(np.float64)
    for i in np.argsort(-score, kind="stable"):
        same = [j for j in kept if groups[j] == groups[i]]
        overlaps = boxes.compute_overlaps(box[i : i + 1], box[same])[0] if same else np.zeros(0)
        area = np.prod(box[i, 2:] - box[i, :2])
        if area <= 0 or not (overlaps > threshold).any():
            kept.append(i)
    return kept


@pytest.mark.parametrize("tile", [5, 64])
def test_nms_is_greedy(tile):
    """With few distinct scores, many tie; on a coarse grid, many boxes have no area or equal another."""
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 12, (8, 60, 2))
    box = np.concatenate([corner, corner + rng.integers(0, 6, (8, 60, 2))], -1).astype(np.float32)
    score, groups = rng.integers(0, 9, (8, 60)).astype(np.float32), rng.integers(0, 2, (8, 60))
    kept, counts = nms.nms(ops.convert_to_tensor(box), score, 0.4, 40, groups=groups, tile=tile)
    kept, counts = ops.convert_to_numpy(kept), ops.convert_to_numpy(counts)
    for i in range(8):
        assert kept[i][counts[i]].tolist() == greedy(box[i], score[i], 0.4, groups[i])[:40]


def test_swapped_corners_are_put_right():
    """The second is the first, from its last corner to its first."""
    box = np.array([[[0, 0, 4, 2], [4, 2, 0, 0], [5, 5, 6, 6]]], np.float32)
    kept, counts = nms.nms(ops.convert_to_tensor(box), np.array([[3, 2, 1]], np.float32), 0.5, 3)
    assert ops.convert_to_numpy(kept).tolist() == [[0, 2, 0]]
    assert ops.convert_to_numpy(counts).tolist() == [[True, True, False]]


def test_roi_align_reads_a_ramp():
    """A map whose value is its column: samples of a box are its columns, evenly spaced from edge to edge."""
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[None, None, :, None], (1, 9, 9, 1))
    box = np.array([[0, 0.25, 1, 0.75], [0, 0.5, 1, 1.5]], np.float32)
    cropped = ops.convert_to_numpy(
        roi_align.crop_and_resize(ops.convert_to_tensor(ramp), box, np.zeros(2, int), (2, 5))
    )
    assert cropped[0, 0, :, 0].tolist() == [2, 3, 4, 5, 6]
    assert cropped[1, 1, :, 0].tolist() == [4, 6, 8, 0, 0]  # outside: 0


@pytest.mark.parametrize("shape", [(1024, 1024), (512, 2048)])
def test_roi_levels_at_paper_scale(shape):
    side = np.array([224, 112, 448, 20, 900, 0], np.float32)
    box = np.stack([side * 0, side * 0, side / shape[0], side / shape[1]], -1)
    box = np.concatenate([box, [[0.5, 0, 0.1, 1], [0, 0, np.nan, 1]]])  # turned over; none
    levels = ops.convert_to_numpy(roi_align.roi_levels(ops.convert_to_tensor(box, "float32"), shape))
    assert levels.tolist() == [4, 3, 5, 2, 5, 2, 2, 2]


def test_pooling_reads_the_map_of_a_boxs_level_and_image():
    """Nothing is square, neither maps nor samples."""
    rng = np.random.default_rng(3)
    maps = [ops.convert_to_tensor(rng.normal(size=(2, 3 * n, 5 * n, 2)).astype(np.float32)) for n in (8, 4, 2, 1)]
    sides = np.array([0.1, 0.4, 0.9, 0.2, 0.6], np.float32)
    box = np.stack([sides * 0, sides / 9, sides, sides * 10 / 9], -1)
    box = np.stack([box, box[::-1]])
    pooled = ops.convert_to_numpy(roi_align.pyramid_roi_align(maps, box, (480, 800), (2, 3)))
    levels = ops.convert_to_numpy(roi_align.roi_levels(ops.convert_to_tensor(box), (480, 800)))
    assert set(levels.flat) == {2, 3, 4, 5}
    for (image, i), level in np.ndenumerate(levels):
        alone = roi_align.crop_and_resize(maps[level - 2], box[image, i : i + 1], np.array([image]), (2, 3))
        np.testing.assert_allclose(pooled[image, i], ops.convert_to_numpy(alone)[0], atol=1e-5)


def test_samples_are_of_the_maps_precision():
    for given, expected in (("bfloat16", "bfloat16"), ("float16", "float16"), ("bool", "float32")):
        image, box = ops.ones((1, 4, 4, 1), given), np.array([[0, 0, 1, 1]], np.float32)
        cropped = roi_align.crop_and_resize(image, box, np.zeros(1, int), (2, 2))
        assert keras.backend.standardize_dtype(cropped.dtype) == expected


@pytest.mark.parametrize(("crop_shape", "expected"), [((14, 14), [8, 2]), ((50, 50), [1] * 10)])
def test_boxes_in_pieces(crop_shape, expected):
    boxes, pieces = np.arange(80).reshape(2, 10, 4), []
    joined = roi_align.in_pieces(lambda some: pieces.append(some.shape[1]) or 2 * some, boxes, crop_shape)
    assert pieces == expected
    np.testing.assert_array_equal(ops.convert_to_numpy(joined), 2 * boxes)


def test_an_rpn_of_a_stride_has_the_anchors_of_its_config():
    config = Config(IMAGE_SHAPE=(64, 128, 3), RPN_ANCHOR_STRIDE=2)
    anchors = config_anchors(config)
    model = rpn.rpn_model(3, config.anchors_per_cell, config.RPN_ANCHOR_STRIDE, hidden=2)
    maps = [ops.ones((2, *shape, 3)) for shape in config.feature_shapes]
    _, probabilities, deltas = rpn.apply_rpn(model, maps, len(anchors))
    assert probabilities.shape == (2, len(anchors), 2) and deltas.shape == (2, len(anchors), 4)


def some_proposals(anchors, probabilities, deltas):
    rest = {"std_dev": (0.1, 0.1, 0.2, 0.2), "pre_nms_limit": 5}
    return rpn.propose(probabilities, deltas, anchors, 4, 0.7, **rest)


def given_proposals():
    rng = np.random.default_rng(4)
    corner = rng.uniform(0, 0.5, (2, 9, 2))
    anchors = np.concatenate([corner, corner + 0.3], -1).astype(np.float32)
    foreground = rng.uniform(size=(2, 9))
    probabilities = np.stack([1 - foreground, foreground], -1).astype(np.float32)
    return anchors, *(ops.convert_to_tensor(x, "float32") for x in (probabilities, rng.normal(size=(2, 9, 4))))


def test_anchors_may_be_each_images_own():
    anchors, probabilities, deltas = given_proposals()
    both = ops.convert_to_numpy(some_proposals(anchors, probabilities, deltas))
    for i in range(2):
        alone = some_proposals(anchors[i], probabilities[i : i + 1], deltas[i : i + 1])
        np.testing.assert_allclose(both[i], ops.convert_to_numpy(alone)[0], atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_proposals_have_no_gradient():
    import tensorflow as tf

    anchors, *given = given_proposals()
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(some_proposals(anchors, *given))
    assert tape.gradient(total, given) == [None, None]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes its gradients with TensorFlow")
def test_roi_align_gradient():
    """Pooling is linear in the maps: <pooled(maps), w> = <maps, gradient>, at any maps. Boxes have none."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    maps = [tf.constant(rng.normal(size=(2, n, n, 3)), tf.float32) for n in (32, 16, 8, 4)]
    corner = rng.uniform(0, 0.5, (2, 40, 2))
    box = tf.constant(np.concatenate([corner, corner + rng.uniform(0, 0.6, (2, 40, 2))], -1), tf.float32)
    weights = rng.normal(size=(2, 40, 7, 7, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch([*maps, box])
        pooled = tf.reduce_sum(roi_align.pyramid_roi_align(maps, box, (512, 512), (7, 7)) * weights)
    *of_maps, of_box = tape.gradient(pooled, [*maps, box])
    assert of_box is None
    others = [rng.normal(size=m.shape).astype(np.float32) for m in maps]
    moved = ops.convert_to_numpy(roi_align.pyramid_roi_align([tf.constant(m) for m in others], box, (512, 512), (7, 7)))
    expected = sum(
        float(np.sum(np.float64(m) * np.asarray(g))) for m, g in zip(others, of_maps, strict=True) if g is not None
    )
    np.testing.assert_allclose(np.sum(np.float64(moved) * weights), expected, rtol=1e-4)


def test_frozen_normalisation_does_not_move():
    layer = FrozenBatchNormalization()
    x = np.random.default_rng(2).normal(3, 5, (4, 6)).astype(np.float32)
    out = layer(x, training=True)
    np.testing.assert_allclose(ops.convert_to_numpy(out), x / np.sqrt(1.001), rtol=1e-5)
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    assert not ops.convert_to_numpy(layer.moving_mean).any()
    free = FrozenBatchNormalization(train_bn=None)
    free(x, training=True)
    assert ops.convert_to_numpy(free.moving_mean).any()
    for made in (layer, free):
        assert FrozenBatchNormalization.from_config(made.get_config()).train_bn == made.train_bn


@pytest.mark.parametrize("more", [{"padding": "same"}, {"stride": 2}])
def test_a_folded_convolution_is_one_and_its_normalisation(more):
    rng = np.random.default_rng(5)
    x, outputs = ops.convert_to_tensor(rng.normal(size=(2, 7, 9, 3)), "float32"), []
    variances = rng.uniform(1e-4, 1, 4)  # as small as what is added to them
    weights = [rng.normal(size=(3, 3, 3, 4)), *rng.normal(size=(4, 4)), variances]
    for folded in (False, True):
        picture = keras.Input((7, 9, 3))
        names = f"conv{folded}", f"norm{folded}"
        model = keras.Model(picture, conv_bn(picture, 4, 3, names, train_bn=False, folded=folded, **more))
        for variable, value in zip([v for layer in leaf_layers(model) for v in layer.weights], weights, strict=True):
            variable.assign(value)
        outputs.append(ops.convert_to_numpy(model(x, training=True)))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-4)


def test_a_folded_convolution_is_folded_in_float32_and_computed_as_the_policy_says():
    """A bias of 300.5 and a mean of 300 are the same in bfloat16; what is between them is the output."""
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        x = keras.Input((4, 4, 1))
        model = keras.Model(x, conv_bn(x, 1, 3, ("conv", "norm"), train_bn=False, folded=True))
    finally:
        keras.config.set_dtype_policy(before)
    (folded,) = (layer for layer in model.layers if isinstance(layer, FoldedConv2D))
    folded.conv.bias.assign([300.5])
    folded.norm.moving_mean.assign([300])
    out = model(np.zeros((1, 4, 4, 1), np.float32))
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(out, "float32")), 0.5, rtol=1e-2)


def one_image_targets(seed):
    """9 RoIs on the only instance and 20 beside it, for 10 places.

    int(10 * 0.33) = 3 are positive, int(3 / 0.33) - 3 = 6 negative.
    """
    hit, miss = np.array([[0.1, 0.1, 0.5, 0.5]]), np.array([[0.6, 0.6, 0.9, 0.9]])
    jitter = np.arange(29)[:, None] * 1e-3
    rois = np.concatenate([hit.repeat(9, 0), miss.repeat(20, 0)]) + jitter
    inputs = (
        rois[None],
        np.array([[1, 0]]),
        np.array([[[0.1, 0.1, 0.5, 0.5], [0, 0, 0, 0]]]),
        np.ones((1, 4, 4, 2), bool),
    )
    rest = {"n_rois": 10, "positive_ratio": 0.33, "std_dev": (0.1, 0.1, 0.2, 0.2), "mask_shape": (4, 4)}
    t = targets.detection_targets(*(ops.convert_to_tensor(x) for x in inputs), **rest, seed=seed)
    return [ops.convert_to_numpy(x)[0] for x in t]


def test_targets_are_taken_at_random_by_seed():
    rois, class_ids, *_ = one_image_targets(None)
    assert class_ids.tolist() == [1] * 3 + [0] * 7
    np.testing.assert_allclose(rois[:, 0], [0.1, 0.101, 0.102] + [0.609 + 0.001 * i for i in range(6)] + [0], atol=1e-6)
    drawn = [one_image_targets(keras.random.SeedGenerator(s))[0] for s in (5, 5, 6)]
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    assert (drawn[2][:3, 0] < 0.2).all() and (drawn[2][3:9, 0] > 0.6).all() and not drawn[2][9].any()


def test_detections_of_two_classes_do_not_suppress_each_other():
    rois = np.array([[[0.1, 0.1, 0.5, 0.5]] * 3], np.float32)
    probabilities = np.array([[[0.1, 0.9, 0], [0.2, 0.8, 0], [0.3, 0, 0.7]]], np.float32)
    rows = heads.detect_boxes(
        ops.convert_to_tensor(rois),
        ops.convert_to_tensor(probabilities),
        ops.zeros((1, 3, 3, 4)),
        ops.convert_to_tensor([[0, 0, 1, 1.0]]),
        std_dev=(1, 1, 1, 1),
        min_confidence=0.7,  # the last is just so sure
        nms_threshold=0.3,
        max_instances=5,
    )
    rows = ops.convert_to_numpy(rows)[0]
    assert rows[:, 4].tolist() == [1, 2, 0, 0, 0]
    np.testing.assert_allclose(rows[:2, 5], [0.9, 0.7])


def test_losses_of_nothing_are_zero():
    zeros = ops.zeros
    assert float(losses.rpn_class_loss(zeros((1, 3), "int32"), zeros((1, 3, 2)))) == 0
    assert float(losses.rpn_bbox_loss(zeros((1, 3), "int32"), zeros((1, 2, 4)), zeros((1, 3, 4)))) == 0
    assert float(losses.mrcnn_class_loss(zeros((1, 3), "int32"), zeros((1, 3, 2)), zeros((1, 2)))) == 0
    assert float(losses.mrcnn_bbox_loss(zeros((1, 3), "int32"), zeros((1, 3, 4)), zeros((1, 3, 2, 4)))) == 0
    assert float(losses.mrcnn_mask_loss(zeros((1, 3), "int32"), zeros((1, 3, 2, 2)), zeros((1, 3, 2, 2, 2)))) == 0


def test_boxes_without_area_overlap_with_nothing():
    """And not with themselves, where nothing would be divided by nothing."""
    both = np.array([[1, 1, 1, 1], [0, 0, 2, 2]], np.float32)
    np.testing.assert_array_equal(boxes.compute_overlaps(both, both), [[0, 0], [0, 1]])
    of_graph = boxes.overlaps_graph(*[ops.convert_to_tensor(both)] * 2)
    np.testing.assert_array_equal(ops.convert_to_numpy(of_graph), [[0, 0], [0, 1]])


def test_boxes_apart_in_both_directions_do_not_overlap():
    """Two negative sides would make a positive area."""
    apart = np.array([[0, 0, 1, 1], [3, 3, 4, 4]], np.float32)
    np.testing.assert_array_equal(boxes.compute_overlaps(apart, apart), np.eye(2))


def test_a_proposal_at_half_is_positive_and_none_in_a_crowd_is_negative():
    """The instance has half of the first; the second lies in a crowd, the third beside both."""
    rois = np.array([[[0, 0, 0.5, 0.25], [0.6, 0.6, 0.7, 0.7], [0.6, 0.1, 0.7, 0.2]]])
    gt_boxes = np.array([[[0, 0, 0.25, 0.25], [0.5, 0.5, 0.9, 0.9]]])
    rest = {"n_rois": 6, "positive_ratio": 0.5, "std_dev": (0.1, 0.1, 0.2, 0.2), "mask_shape": (4, 4)}
    inputs = rois, np.array([[1, -1]]), gt_boxes, np.ones((1, 4, 4, 2), bool)
    found = targets.detection_targets(*(ops.convert_to_tensor(x) for x in inputs), **rest)
    np.testing.assert_allclose(ops.convert_to_numpy(found.rois)[0], [*rois[0, [0, 2]], *np.zeros((4, 4))], atol=1e-6)
    assert ops.convert_to_numpy(found.class_ids)[0].tolist() == [1, 0, 0, 0, 0, 0]


def test_losses_on_paper():
    """Logits 0 and ln 3: probabilities 1/4 and 3/4."""
    logits = np.array([[[0, np.log(3)]] * 3], np.float32)
    loss = losses.rpn_class_loss(np.array([[1, -1, 0]]), ops.convert_to_tensor(logits))
    assert float(loss) == pytest.approx((np.log(4 / 3) + np.log(4)) / 2, rel=1e-5)  # the last counts for nothing
    # the first target is that of the second anchor, off by 0.5 and 3 in two of four; the third has none
    match, deltas = np.array([[-1, 1, 1]]), np.zeros((1, 3, 4), np.float32)
    deltas[0, 2] = 9
    target = np.array([[[0.5, 3, 0, 0]]], np.float32)
    assert float(losses.rpn_bbox_loss(match, target, ops.convert_to_tensor(deltas))) == pytest.approx((0.125 + 2.5) / 4)


def test_normalisations_do_not_decay():
    """0.1 times the mean of squares of 1 and 3."""
    made = [keras.Variable(np.array([1.0, 3.0]), name=name) for name in ("kernel", "gamma", "beta")]
    assert float(losses.weight_decay(made, 0.1)) == pytest.approx(0.5)
