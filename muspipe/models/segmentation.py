"""Segmentation network: Conv3D front end in place of the first stage of a Mask R-CNN's ResNet.

B sequences of H x W px and T frames, G ground-truth units at most, A anchors.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass

import keras
import numpy as np

from mrcnn.anchors import config_anchors
from mrcnn.backbone import in_float32
from mrcnn.config import LOSS_NAMES, Config
from mrcnn.data import truth_inputs
from mrcnn.masks import minimize_mask, unmold_mask
from mrcnn.model import MaskRCNN
from mrcnn.molding import compose_image_meta
from mrcnn.weights import load_weights, read_weights
from muspipe.errors import InputError
from muspipe.models.base import Grid, Preset
from muspipe.models.frontend import FrontEndStage, frontend
from muspipe.models.weight_files import is_weight_file, load_into
from simulator.shared.settings import check, setting

REPLACED = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
"""Layers that depend on the number of classes: they keep their own initial weights when others are loaded."""
STAGE_1 = {"conv1", "bn_conv1"}
RESNET = r"(res|bn)[2345].*"

ANCHORS = {
    "matterport-ratio": [16, 32, 64, 128, 256],
    "territory-sized": [6, 12, 24, 48, 96],
    "matterport-default": [32, 64, 128, 256, 512],
}
"""Sides of the square anchors of each level [px] by name, for `changed({"anchors": name})`, with Matterport's ratios.

Ali et al. 2020 keep the implementation's default parameters and do not say which anchors images of 64 px had. Preset
`paper` reads this as the default ratio of side to stride, 8: "matterport-ratio". The default sides themselves fit no
territory of 4-16 px at all. Of 1,680 units in 100 training sequences, 0.22 / 0.33 / 0.00 have an anchor with an IoU of
0.7 or more, and 0.38 / 0.00 / 1.00 none of 0.3 or more (`python experiments/anchors.py`)."""


@dataclass(frozen=True)
class Detection:
    """What of a segmentation network's output is used, unless a method's settings say otherwise."""

    min_score: float = setting(0.7, "detections below are dropped", least=0, most=1)
    mask_level: float | None = setting(0.5, "where a mask of the network, 0..1, begins; none: it has no masks")

    def __post_init__(self):
        check(self)


@dataclass(frozen=True, kw_only=True)
class TerritoryPreset(Preset):
    """What the presets of all segmentation networks hold: a front end, and how its detections are used."""

    task: str = setting("seg", "kind of network", choices=("seg",))
    name: str = setting(MISSING, "name")
    input_shape: tuple[int, int, int, int] = setting(MISSING, "H, W [px], T [frames], 1", least=1)
    grid: Grid = setting(MISSING, "pixel and frame rate")
    frontend: tuple[FrontEndStage, ...] = setting(MISSING, "stages of the front end")
    data: dict = setting(MISSING, "changes of BatchOptions")
    detection: Detection = setting(MISSING, "what of the output is used")


@dataclass(frozen=True, kw_only=True)
class SegmentationPreset(TerritoryPreset):
    """Numbers of a front end with a Mask R-CNN behind it."""

    mask_rcnn: dict = setting(MISSING, "options of mrcnn.Config")

    def __post_init__(self):
        super().__post_init__()
        self.config()  # its options are checked

    def changed(self, changes: dict) -> SegmentationPreset:
        """As for every preset; "anchors" stands for the options of one of ANCHORS."""
        changes = dict(changes)
        name = changes.pop("anchors", None)
        if name is not None and name not in ANCHORS:
            raise InputError(f"anchors: expected one of {', '.join(ANCHORS)}, got {name!r}")
        if name is not None:
            own = {"mask_rcnn.RPN_ANCHOR_SCALES": ANCHORS[name], "mask_rcnn.RPN_ANCHOR_RATIOS": [0.5, 1, 2]}
            changes = own | changes
        return super().changed(changes)

    def config(self) -> Config:
        """Of the Mask R-CNN. InputError for options that it does not take."""
        try:
            return Config(**self.mask_rcnn)
        except (ValueError, TypeError) as error:
            raise InputError(f"preset {self.name}: mask_rcnn: {error}") from error

    def build(self, seed: int = 0, mode: str = "training") -> Segmentation:
        """mode: "training" or "inference"; both have the same weights."""
        keras.utils.set_random_seed(seed)
        return Segmentation(self, mode, seed=seed)

    def build_for_inference(self) -> Segmentation:
        return self.build(mode="inference")


@keras.saving.register_keras_serializable(package="muspipe")
class Segmentation(MaskRCNN):
    """MaskRCNN of velocity sequences: input_image is (B, H, W, T, 1), standardised; classes are background and unit.
    mode, seed: see MaskRCNN."""

    loss_names = LOSS_NAMES
    pixels = "input_image"
    freezable = ("resnet",)

    def __init__(self, preset: SegmentationPreset, mode: str = "training", *, seed: int = 0, name="segmentation"):
        with in_float32():
            stem = frontend(preset.input_shape, preset.frontend)
        super().__init__(preset.config(), mode, seed=seed, stem=stem, name=name)
        self.preset = preset
        self._anchors_px = config_anchors(self.config)

    def batch_inputs(self, batch: dict) -> dict:
        """What the network trains on, from a batch of `detection_batches` and its `rng`, a Generator that thins out the
        RPN's targets."""
        return {self.pixels: batch["images"]} | self.truth_inputs(batch)

    def truth_inputs(self, truth: dict) -> dict[str, np.ndarray]:
        """The same without the images, from a batch's truth and its `rng`."""
        examples = zip(truth["boxes"], truth["masks"], truth["class_ids"], strict=True)
        inputs = [self._truth(boxes, masks, class_ids, truth["rng"]) for boxes, masks, class_ids in examples]
        stacked = {name: np.stack([example[name] for example in inputs]) for name in inputs[0]}
        return {"input_image_meta": self.image_metas(len(inputs))} | stacked

    def image_metas(self, n: int) -> np.ndarray:
        """float32 (n, 14): whole images, nothing resized, both classes active."""
        shape = self.config.IMAGE_SHAPE
        window, active = (0, 0, *shape[:2]), np.ones(self.config.NUM_CLASSES, int)
        return np.tile(compose_image_meta(0, shape, shape, window, 1, active).astype(np.float32), (n, 1))

    def train_all_but(self, part: str | None) -> None:
        """Train all but `part`, "resnet" (its stages 2 to 5), or all of the network (None). Before `compile`."""
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
        boxes = boxes[:n].astype(np.int32)
        masks = np.ascontiguousarray(np.moveaxis(masks[:n], 0, -1))
        if config.USE_MINI_MASK:
            masks = minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
        return truth_inputs(class_ids[:n].astype(np.int32), boxes, masks, self._anchors_px, config, rng)

    def get_config(self):
        return {"preset": self.preset.to_dict(), "mode": self.mode, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(SegmentationPreset(**config["preset"]), config["mode"], seed=config["seed"], name=config["name"])
