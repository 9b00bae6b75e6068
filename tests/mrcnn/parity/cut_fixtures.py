"""Make this folder's *_cut.npz from the full parity fixtures: `python cut_fixtures.py FOLDER_OF_FIXTURES`.

The fixtures hold inputs and outputs of the public TensorFlow 2 port of Matterport's Mask R-CNN; names are theirs. Left
out are arrays that others imply (`molded_images` from `images_uint8`) and most channels or anchors of large ones:
`X_every_N` is `X[..., ::N]`, and `X[:, ::N]` for `rpn_bbox`.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
HELPERS = (
    "anchors",
    "norm",
    "denorm",
    "deltas",
    "clip",
    "refine",
    "iou",
    "nms",
    "tfnms",
    "topk",
    "roialign",
    "roialignbig",
    "crop",
    "proposal",
    "detect",
    "dettarget",
    "sl1",
    "bce",
)
IMAGES = ("maskiou", "rpnt", "masks", "unmold", "image", "meta", "unmolddet", "ap", "trim", "loadgt")
DETECTIONS = (
    "images_uint8",
    "image_metas",
    "class_bias_offset",
    "fill_kernel_mult_json",
    "config_json",
    "rpn_rois",
    "mrcnn_class",
    "detections",
    "stat_",
)
STAGES = (*DETECTIONS, "rpn_class_logits", "mrcnn_", "P5", "P6", "edge_detections", "final", "det0", "det1")


def cut_helpers(source):
    kept = {name: source[name] for name in source.files if name.split("__")[0] in HELPERS}
    kept["roialign__pooled14"] = kept["roialign__pooled14"][..., :2]
    return kept


def cut_images(source):
    return {name: source[name] for name in source.files if name.split("__")[0] in IMAGES}


def cut_inference(source, names, every):
    kept = {name: source[name] for name in source.files if name.startswith(names)}
    for name, n in every.items():
        kept[f"{name}_every_{n}"] = source[name][:, ::n] if name == "rpn_bbox" else source[name][..., ::n]
    return kept


def cut_losses(source):
    kept = {
        name: source[name] for name in source.files if name not in ("anchors_norm", "gt_masks_full", "out_rpn_bbox")
    }
    kept["out_mrcnn_mask_pos"] = kept["out_mrcnn_mask_pos"][:8]
    return kept


def main(folder):
    def load(name):
        return np.load(Path(folder) / f"{name}.npz", allow_pickle=False)

    every = {"P2": 64, "P3": 32, "P4": 16, "rpn_bbox": 4}
    cuts = {
        "utils": cut_helpers(load("utils")),
        "images": cut_images(load("utils")),
        "inference_resnet50_128": cut_inference(load("inference_resnet50_128"), STAGES, every),
        "inference_resnet101_128": cut_inference(load("inference_resnet101_128"), DETECTIONS, {}),
        "losses_resnet50_128": cut_losses(load("losses_resnet50_128")),
    }
    for name, arrays in cuts.items():
        np.savez_compressed(HERE / f"{name}_cut.npz", **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
