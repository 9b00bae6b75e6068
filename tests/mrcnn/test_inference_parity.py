"""Every stage of inference compared with the reference."""

import json

import numpy as np
import pytest

import mrcnn

ATOL = {
    "C": 1e-4,
    "P": 3e-4,
    "rpn_class_logits": 1e-4,
    "rpn_class": 3e-5,
    "rpn_bbox": 1e-4,
    "rpn_rois": 2e-5,
    "mrcnn_class_logits": 2e-4,
    "mrcnn_class": 1e-4,
    "mrcnn_bbox": 1e-4,
    "detections": 1e-4,
}
MEAN = np.array([123.7, 116.8, 103.9], np.float32)


def run(arrays, fill_weights):
    options = json.loads(str(arrays["config_json"]))
    options.pop("pad")
    model = mrcnn.MaskRCNN(mrcnn.Config(**options), mode="inference")
    fill_weights(model, arrays)
    molded = arrays["images_uint8"].astype(np.float32) - MEAN
    return model, molded, mrcnn.stages(model, molded, arrays["image_metas"], model.anchors)


@pytest.fixture(scope="module")
def resnet50(load_parity, fill_weights):
    arrays = load_parity("inference_resnet50_128")
    return arrays, *run(arrays, fill_weights)


def compare_statistics(arrays, got):
    for name in ("C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6"):
        level = got[name].astype(np.float64)
        statistics = np.stack([level.mean((1, 2)), level.std((1, 2))])
        np.testing.assert_allclose(statistics, arrays[f"stat_{name}"], rtol=0, atol=ATOL[name[0]], err_msg=name)


def test_maps(resnet50):
    arrays, _, _, got = resnet50
    compare_statistics(arrays, got)
    for name in ("P2_every_64", "P3_every_32", "P4_every_16", "P5", "P6"):
        level, _, n = name.partition("_every_")
        np.testing.assert_allclose(got[level][..., :: int(n or 1)], arrays[name], rtol=0, atol=ATOL["P"], err_msg=name)


@pytest.mark.parametrize("name", [n for n in ATOL if len(n) > 1 and n not in ("rpn_class", "rpn_bbox")])
def test_stage(resnet50, name):
    arrays, _, _, got = resnet50
    np.testing.assert_allclose(got[name], arrays[name], rtol=0, atol=ATOL[name])


def test_rpn_probabilities_and_deltas(resnet50):
    arrays, _, _, got = resnet50
    np.testing.assert_allclose(got["rpn_bbox"][:, ::4], arrays["rpn_bbox_every_4"], rtol=0, atol=1e-4)
    logits = np.exp(arrays["rpn_class_logits"].astype(np.float64))
    np.testing.assert_allclose(got["rpn_class"], logits / logits.sum(-1, keepdims=True), rtol=0, atol=3e-5)


def test_masks(resnet50):
    arrays, _, _, got = resnet50
    for i in (0, 1):
        plain = ~arrays[f"edge_detections_{i}"]
        expected = arrays["mrcnn_mask_f16"][i].astype(np.float32)
        np.testing.assert_allclose(got["mrcnn_mask"][i][plain], expected[plain], rtol=0, atol=1e-3)
        n = np.arange(len(arrays[f"det{i}_mask_of_class"]))
        own = got["mrcnn_mask"][i][n, :, :, got["detections"][i, n, 4].astype(int)]
        np.testing.assert_allclose(own, arrays[f"det{i}_mask_of_class"], rtol=0, atol=1e-4)


def test_two_passes_give_the_masks_of_one(resnet50):
    """The mask head on the kept detections only, compiled, is the mask head on all rows."""
    arrays, model, molded, got = resnet50
    detections, masks = model.detect_molded(molded, arrays["image_metas"])
    np.testing.assert_allclose(detections, got["detections"], rtol=0, atol=1e-5)
    assert [len(own) for own in masks] == [len(arrays[f"final{i}_class_ids"]) for i in (0, 1)] == [19, 29]
    for i, own in enumerate(masks):
        n = np.arange(len(own))
        expected = got["mrcnn_mask"][i][n, :, :, got["detections"][i, n, 4].astype(int)]
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-4)


def test_detect(resnet50):
    """From pictures to masks in pictures; the second is padded by molding."""
    arrays, model, _, _ = resnet50
    pad = json.loads(str(arrays["config_json"]))["pad"]
    pictures = [arrays["images_uint8"][0], arrays["images_uint8"][1, pad:-pad]]
    results = model.detect(pictures)
    assert len(results) == 2
    for i, result in enumerate(results):
        assert result["rois"].tolist() == arrays[f"final{i}_rois"].tolist()
        assert result["class_ids"].tolist() == arrays[f"final{i}_class_ids"].tolist()
        np.testing.assert_allclose(result["scores"], arrays[f"final{i}_scores"], rtol=0, atol=1e-4)
        shape = arrays[f"final{i}_masks_shape"]
        masks = np.unpackbits(arrays[f"final{i}_masks_packed"])[: np.prod(shape)].reshape(shape)
        assert (result["masks"] != masks).mean() < 1e-3


@pytest.mark.slow
def test_resnet101(load_parity, fill_weights):
    arrays = load_parity("inference_resnet101_128")
    _, _, got = run(arrays, fill_weights)
    compare_statistics(arrays, got)
    for name in ("rpn_rois", "mrcnn_class", "detections"):
        np.testing.assert_allclose(got[name], arrays[name], rtol=0, atol=ATOL[name], err_msg=name)
