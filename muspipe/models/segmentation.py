"""Segmentation network: Conv3D front end in place of the first stage of a Mask R-CNN's ResNet.

B sequences of H x W px and T frames, G ground-truth units at most, A anchors.
"""

from __future__ import annotations

import keras
import numpy as np

from mrcnn.anchors import config_anchors
from mrcnn.config import LOSS_NAMES, Config
from mrcnn.masks import minimize_mask, unmold_mask
from mrcnn.model import MaskRCNN
from mrcnn.molding import compose_image_meta
from mrcnn.rpn_targets import build_rpn_targets
from mrcnn.weights import load_weights, read_weights
from muspipe.errors import InputError
from muspipe.models.frontend import frontend
from muspipe.models.weights import is_weight_file, load_into

REPLACED = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
"""Layers that depend on the number of classes: they start anew when other classes' weights are loaded."""
STAGE_1 = {"conv1", "bn_conv1"}
RESNET = r"(res|bn)[2345].*"


@keras.saving.register_keras_serializable(package="muspipe")
class Segmentation(MaskRCNN):
    """MaskRCNN of velocity sequences: input_image is (B, H, W, T, 1), standardised; classes are background and unit.

    preset: see muspipe.models.presets. mode, seed: as of MaskRCNN.
    """

    loss_names = LOSS_NAMES

    def __init__(self, preset: dict, mode: str = "training", *, seed: int = 0, name: str = "segmentation"):
        stem = frontend(preset["input_shape"], preset["frontend"])
        super().__init__(Config(**preset["mask_rcnn"]), mode, seed=seed, stem=stem, name=name)
        self.preset = preset
        self._anchors_px = config_anchors(self.config)

    def batch_inputs(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What the network trains on, from a batch of `detection_batches`; rng thins out the RPN's targets."""
        examples = zip(batch["boxes"], batch["masks"], batch["class_ids"], strict=True)
        truth = [self._truth(boxes, masks, class_ids, rng) for boxes, masks, class_ids in examples]
        inputs = {name: np.stack([example[name] for example in truth]) for name in truth[0]}
        return {"input_image": batch["images"], "input_image_meta": self.image_metas(len(truth))} | inputs

    def image_metas(self, n: int) -> np.ndarray:
        """float32 (n, 14): whole images, nothing resized, both classes active."""
        shape = self.config.IMAGE_SHAPE
        window, active = (0, 0, *shape[:2]), np.ones(self.config.NUM_CLASSES, int)
        return np.tile(compose_image_meta(0, shape, shape, window, 1, active).astype(np.float32), (n, 1))

    def freeze(self, part: str | None) -> None:
        """Train all but `part`, "resnet" (stages 2 to 5), or all of the network (None). Before `compile`."""
        if part not in (None, "resnet"):
            raise InputError(f"freeze: expected 'resnet' or None, got {part!r}")
        self.set_trainable("all" if part is None else rf"(?!{RESNET}).*")

    def load_initial_weights(self, path) -> object:
        """All weights from a file of muspipe of the same preset; or, from one in the layout of mask_rcnn_coco.h5,
        ResNet, pyramid, RPN and heads, while the front end and the layers that depend on the number of classes stay as
        they are. -> mrcnn.weights.LoadReport in that case. InputError if the file does not fit."""
        if is_weight_file(path):
            return load_into(self, path)
        own = {layer.name for layer in self.stem.layers if layer.weights}
        try:
            _, in_file = read_weights(path)
            return load_weights(self, path, exclude={*REPLACED, *own, *(STAGE_1 & in_file)})
        except (ValueError, OSError) as error:
            raise InputError(str(error)) from error

    def territories(self, images: np.ndarray, level: float):
        """Yields (territories bool (n, H, W), scores float32 (n,)), best first, of each of the images (B, H, W, T),
        standardised. level: where a mask of the network, 0..1, begins."""
        detections, masks = self.detect_molded(images[..., None], self.image_metas(len(images)))
        height, width = images.shape[1:3]
        size = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
        for rows, own in zip(detections, masks, strict=True):
            boxes = np.round(rows[: len(own), :4] * size + [0, 0, 1, 1]).astype(int)  # as the reference denormalises
            found = np.zeros((len(own), height, width), bool)
            for territory, mask, box in zip(found, own, boxes, strict=True):
                if (box[2:] > box[:2]).all():
                    territory[:] = unmold_mask(mask, box, (height, width), level)
            yield found, rows[: len(own), 5].astype(np.float32)

    def _truth(self, boxes, masks, class_ids, rng):
        config = self.config
        n = int(np.count_nonzero(class_ids))
        if n > config.MAX_GT_INSTANCES:
            raise InputError(
                f"MAX_GT_INSTANCES: expected at least {n}, the units of a sequence, got {config.MAX_GT_INSTANCES}"
            )
        pixels = boxes[:n].astype(np.int32)
        match, deltas = build_rpn_targets(self._anchors_px, class_ids[:n], pixels, config, rng)
        masks = np.ascontiguousarray(np.moveaxis(masks[:n], 0, -1))
        if config.USE_MINI_MASK:
            masks = minimize_mask(pixels, masks, config.MINI_MASK_SHAPE)
        rest = config.MAX_GT_INSTANCES - n
        return {
            "input_rpn_match": match[:, None],
            "input_rpn_bbox": deltas.astype(np.float32),
            "input_gt_class_ids": np.pad(class_ids[:n].astype(np.int32), (0, rest)),
            "input_gt_boxes": np.pad(pixels, [(0, rest), (0, 0)]),
            "input_gt_masks": np.pad(masks, [(0, 0), (0, 0), (0, rest)]),
        }

    def get_config(self):
        return {"preset": self.preset, "mode": self.mode, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
