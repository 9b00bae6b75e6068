"""Single functions compared with the reference."""

import numpy as np
import pytest
from keras import ops

from mrcnn import Config, anchors, boxes, heads, losses, nms, roi_align, rpn, targets

STD_DEV = (0.1, 0.1, 0.2, 0.2)


def near(got, expected, atol):
    got = ops.convert_to_numpy(got)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


@pytest.fixture
def tensors(utils):
    return {name: ops.convert_to_tensor(value) for name, value in utils.items() if value.dtype == np.float32}


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_anchors(utils, case):
    u = {name.split("_", 3)[-1]: value for name, value in utils.items() if name.startswith(f"anchors__{case}_")}
    pixels = anchors.pyramid_anchors(
        u["scales"], u["ratios"], u["backbone_shapes"], (4, 8, 16, 32, 64), int(u["anchor_stride"])
    )
    near(pixels, u["pixels"], 1e-9)
    near(boxes.norm_boxes(pixels, u["image_shape"]), u["norm"], 1e-6)


def test_default_anchors(utils):
    pixels = anchors.config_anchors(Config())
    assert len(pixels) == utils["anchors__default1024_count"] == 261888
    near(pixels[utils["anchors__default1024_index"]], utils["anchors__default1024_pixels"], 1e-9)


def test_norm_and_denorm(utils):
    shape = utils["norm__shape"]
    near(boxes.norm_boxes(utils["norm__pixels"], shape), utils["norm__normalized"], 1e-7)
    near(boxes.norm_boxes_graph(utils["norm__pixels"], shape), utils["norm__graph_normalized"], 1e-7)
    near(boxes.denorm_boxes(utils["denorm__normalized"], shape), utils["denorm__pixels"], 0)
    near(boxes.denorm_boxes(utils["denorm__half_normalized"], shape), utils["denorm__half_pixels"], 0)
    near(boxes.denorm_boxes_graph(utils["denorm__normalized"], shape), utils["denorm__graph_pixels"], 0)


def test_deltas_clip_refinement(utils, tensors):
    near(boxes.apply_box_deltas(utils["deltas__boxes"], utils["deltas__deltas"]), utils["deltas__applied"], 2e-5)
    applied = boxes.apply_box_deltas_graph(tensors["deltas__boxes"], tensors["deltas__deltas"])
    near(applied, utils["deltas__applied_graph"], 2e-5)
    near(boxes.clip_boxes_graph(tensors["clip__boxes"], tensors["clip__window"][None]), utils["clip__clipped"], 0)
    near(boxes.box_refinement(utils["refine__boxes"], utils["refine__gt"]), utils["refine__deltas"], 1e-6)
    refined = boxes.box_refinement_graph(tensors["refine__boxes"], tensors["refine__gt"])
    near(refined, utils["refine__deltas_graph"], 1e-6)


def test_overlaps(utils):
    overlaps = boxes.compute_overlaps(utils["iou__boxes1"], utils["iou__boxes2"])
    near(overlaps, utils["iou__overlaps"], 1e-12)
    near(overlaps[:, 0], utils["iou__single"], 1e-12)
    pair = (ops.convert_to_tensor(utils[f"iou__boxes{i}"], "float32") for i in (1, 2))
    near(boxes.overlaps_graph(*pair), utils["iou__overlaps_graph"], 1e-6)


@pytest.mark.parametrize("tile", [256, 16, 7])
@pytest.mark.parametrize(
    ("inputs", "threshold", "limit", "expected"),
    [
        ("tfnms", 0.3, 77, "tfnms__keep_03"),
        ("tfnms", 0.7, 77, "tfnms__keep_07"),
        ("tfnms", 0.7, 10, "tfnms__keep_07_max10"),
        ("tfnms__exact", 0.5, 4, "tfnms__exact_keep_05"),
        ("nms", 0.3, 72, "nms__keep_03"),
        ("nms", 0.5, 72, "nms__keep_05"),
        ("nms", 0.7, 72, "nms__keep_07"),
        ("nms__int", 0.5, 72, "nms__int_keep_05"),
    ],
)
def test_nms(utils, inputs, threshold, limit, expected, tile):
    prefix = inputs + ("_" if "__" in inputs else "__")
    box, score = utils[prefix + "boxes"], utils.get(prefix + "scores", utils["nms__scores"])
    batch = (ops.convert_to_tensor(x[None], "float32") for x in (box, score))
    kept, counts = (ops.convert_to_numpy(x)[0] for x in nms.nms(*batch, threshold, limit, tile=tile))
    assert kept[counts].tolist() == utils[expected].tolist()


def test_equal_scores_lower_index_first(utils, tensors):
    _, index = ops.top_k(tensors["topk__scores"], 6)
    assert ops.convert_to_numpy(index).tolist() == utils["topk__indices"].tolist()


@pytest.mark.parametrize(("name", "pools"), [("roialign", (7, 14)), ("roialignbig", (7,))])
def test_roi_align(utils, tensors, name, pools):
    side = int(utils[f"{name}__image_size"])
    box, maps = tensors[f"{name}__boxes"], [tensors[f"{name}__P{i}"] for i in (2, 3, 4, 5)]
    near(roi_align.roi_levels(box, (side, side)), utils[f"{name}__level"], 0)
    for pool in pools:
        expected, edge = utils[f"{name}__pooled{pool}"], utils[f"{name}__edge{pool}"]
        pooled = ops.convert_to_numpy(roi_align.pyramid_roi_align(maps, box, (side, side), (pool, pool)))
        near(pooled[~edge][..., : expected.shape[-1]], expected[~edge], 1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (1, 1)])
def test_crop_and_resize(utils, tensors, shape):
    cropped = roi_align.crop_and_resize(tensors["crop__images"], tensors["crop__boxes"], utils["crop__box_ind"], shape)
    near(cropped, utils[f"crop__out_{shape[0]}x{shape[1]}"], 1e-5)


@pytest.mark.parametrize(("count", "threshold"), [(50, 7), (280, 7), (40, 4)])
def test_proposals(utils, tensors, count, threshold):
    rois = rpn.propose(
        tensors["proposal__probs"],
        tensors["proposal__deltas"],
        utils["proposal__anchors"],
        count,
        threshold / 10,
        std_dev=STD_DEV,
        pre_nms_limit=int(utils["proposal__pre_nms_limit"]),
    )
    near(rois, utils[f"proposal__rois_{count}_0{threshold}"], 1e-6)


@pytest.mark.parametrize("case", ["a", "b", "c", "none"])
def test_detections(utils, tensors, case):
    confidence, threshold, count = utils[f"detect__cfg_{case}"]
    windows = heads.meta_windows(tensors["detect__metas"], utils["detect__metas"][0, 4:7].astype(int))
    rows = heads.detect_boxes(
        tensors["detect__rois"],
        tensors["detect__probs"],
        tensors["detect__deltas"],
        windows,
        std_dev=STD_DEV,
        min_confidence=confidence,
        nms_threshold=threshold,
        max_instances=int(count),
    )
    near(rows, utils[f"detect__out_{case}"], 1e-6)


@pytest.mark.parametrize("case", ["mini", "full", "crowd"])
def test_detection_targets(utils, case):
    u = {name.removeprefix(f"dettarget__{case}_"): value for name, value in utils.items()}
    shape = u["gt_masks_shape"]
    masks = np.unpackbits(u["gt_masks_packed"])[: np.prod(shape)].reshape(shape).astype(bool)
    inputs = (ops.convert_to_tensor(x[None]) for x in (u["proposals"], u["gt_class_ids"], u["gt_boxes"], masks))
    t = targets.detection_targets(
        *inputs, n_rois=60, positive_ratio=0.33, std_dev=STD_DEV, mask_shape=(28, 28), mini_masks=case != "full"
    )
    near(t.rois[0], u["out_rois"], 1e-6)
    near(t.class_ids[0], u["out_class_ids"], 0)
    near(t.deltas[0], u["out_deltas"], 1e-5)
    got = ops.convert_to_numpy(t.masks[0])
    n = len(got)
    assert not ((got != u["out_masks"][:n]) & ~u["out_masks_near_tie"][:n]).any()
    assert not u["out_masks"][n:].any()


def test_target_budgets(utils):
    near(targets.negative_budget(ops.arange(80, dtype="int32"), 0.33), utils["dettarget__neg_budget"], 0)
    for n_rois, expected in utils["dettarget__pos_budget"]:
        assert Config(TRAIN_ROIS_PER_IMAGE=int(n_rois)).max_positive_rois == expected


def test_elementwise_losses(utils, tensors):
    near(losses.smooth_l1(tensors["sl1__true"], tensors["sl1__pred"]), utils["sl1__loss"], 1e-6)
    near(losses.binary_cross_entropy(tensors["bce__true"], tensors["bce__pred"]), utils["bce__elementwise"], 1e-5)
