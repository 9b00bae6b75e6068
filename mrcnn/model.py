"""The whole network as a keras.Model: `fit` trains it on its own losses, `detect` runs it on pictures.

B images, A anchors, T training RoIs, of which P can be positive, at most G ground-truth instances and D detections.
Boxes  (y1, x1, y2, x2)  are normalised inside the network; ground-truth boxes and given RoIs come in pixels.

Accidents of Matterport's TensorFlow 2 port are not copied: here anchors are constants, the targets send no gradient
into the RPN, the weight decay is part of the loss, and gradients are clipped by their joint norm.
"""

import re

import keras
from keras import ops

from mrcnn import checks, losses, weights
from mrcnn.anchors import normalized_anchors
from mrcnn.backbone import fpn, in_float32, leaf_layers, resnet
from mrcnn.boxes import norm_boxes_graph
from mrcnn.config import LOSS_NAMES, Config
from mrcnn.data import data_generator, load_image_gt
from mrcnn.heads import apply_class_head, apply_mask_head, class_head, detect_boxes, mask_head, meta_windows
from mrcnn.inference import Detector
from mrcnn.molding import compose_image_meta, mold_image, parse_image_meta, unmold_image
from mrcnn.roi_align import in_pieces, pyramid_roi_align
from mrcnn.rpn import apply_rpn, propose, rpn_model
from mrcnn.targets import detection_targets, positive_rows

__all__ = [  # the last are what Matterport's mrcnn.model also holds
    "MaskRCNN",
    "leaf_layers",
    "compose_image_meta",
    "data_generator",
    "load_image_gt",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
]

HEADS = r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)"
LAYER_SETS = {
    "heads": HEADS,
    "3+": r"(res[345].*)|(bn[345].*)|" + HEADS,
    "4+": r"(res[45].*)|(bn[45].*)|" + HEADS,
    "5+": r"(res5.*)|(bn5.*)|" + HEADS,
    "all": r".*",
}
INFERENCE_OUTPUTS = ("detections", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "rpn_rois", "rpn_class", "rpn_bbox")


@keras.saving.register_keras_serializable(package="mrcnn")
class MaskRCNN(keras.Model):
    """Mask R-CNN.

    config: Config. mode: "training" or "inference"; both have the same weights. seed: of the random choice of training
    RoIs. stem: a layer that turns `input_image` into the feature map of config.FEATURE_MAP_SHAPE; without it the input
    is that map.

    The model takes a dict. Always: input_image float (B, H, W, C), input_image_meta (B, IMAGE_META_SIZE); optionally
    input_anchors (A, 4) in place of the model's own. In training also input_rpn_match int (B, A, 1), input_rpn_bbox
    (B, N, 4), input_gt_class_ids int (B, G), input_gt_boxes (B, G, 4) [px], input_gt_masks (B, h, w, G), and input_rois
    (B, R, 4) [px] in place of the RPN's proposals: required if USE_RPN_ROIS is off, otherwise optional.
    """

    def __init__(self, config, mode="training", *, seed=0, stem=None, name="mask_rcnn", **kwargs):
        if "model_dir" in kwargs:
            raise ValueError("model_dir: expected none, as only callbacks of `fit` write files; leave it out")
        if not isinstance(config, Config):
            raise ValueError(f"config: expected an object of Config or of a subclass, MyConfig(), got {config!r}")
        super().__init__(name=name, autocast=False, **kwargs)
        if mode not in ("training", "inference"):
            raise ValueError(f"mode: expected 'training' or 'inference', got {mode!r}")
        config.check()
        self.config, self.mode, self.seed = config, mode, seed
        self.stem = stem
        channels, n_classes, bn = config.TOP_DOWN_PYRAMID_SIZE, config.NUM_CLASSES, config.TRAIN_BN
        size = (None, None) if config.any_size else config.input_shape[:2]
        image = keras.Input((*size, config.input_shape[2]), name="input_image")
        with in_float32():
            c_maps = resnet(
                image,
                config.BACKBONE,
                with_stem=config.FEATURE_MAP_SHAPE is None,
                train_bn=bn,
                blocks=config.RESNET_BLOCKS,
                filters=config.RESNET_FILTERS,
            )
            self.features = keras.Model(image, c_maps + fpn(c_maps, channels), name="features")
        self.rpn_model = rpn_model(channels, config.anchors_per_cell, config.RPN_ANCHOR_STRIDE, config.RPN_CHANNELS)
        self.class_head = class_head(config.POOL_SIZE, channels, n_classes, config.FPN_CLASSIF_FC_LAYERS_SIZE, bn)
        self.mask_head = mask_head(config.MASK_POOL_SIZE, channels, n_classes, bn, config.MASK_CHANNELS)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.loss_trackers = {loss: keras.metrics.Mean(name=loss) for loss in LOSS_NAMES}
        self._anchors = normalized_anchors(config)  # NumPy: a constant, not a weight
        self._detector = None
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # slower on CPUs; compile(jit_compile=True) turns it on
        self.built = stem is None or stem.built

    @property
    def anchors(self):
        """float32 (A, 4), normalised."""
        return self._anchors

    def call(self, inputs, training=False):
        checks.check_inputs(inputs, self.config, self.mode, self.stem is not None)
        if self.mode == "training":
            return self.training_outputs(inputs, self.seed_generator, training=training)
        image, metas = inputs["input_image"], inputs["input_image_meta"]
        outputs = self.inference_boxes(image, metas, inputs.get("input_anchors"))
        outputs["mrcnn_mask"] = self.masks(outputs["maps"], outputs["detections"][..., :4])
        return {name: outputs[name] for name in INFERENCE_OUTPUTS}

    def pyramid(self, image, training=False):
        """[C2..C5], [P2..P6] of the network's input (B, H, W, C)."""
        image = image if self.stem is None else self.stem(image, training=training)
        maps = self.features(image, training=training)
        return maps[:4], maps[4:]

    def proposals(self, maps, anchors, count):
        """RPN on P2..P6 -> dict of rpn_class_logits, rpn_class, rpn_bbox and rpn_rois (B, count, 4)."""
        config, anchors = self.config, self._anchors if anchors is None else anchors
        logits, probabilities, deltas = apply_rpn(self.rpn_model, maps, anchors.shape[-2])
        rois = propose(
            probabilities,
            deltas,
            anchors,
            count,
            config.RPN_NMS_THRESHOLD,
            std_dev=config.RPN_BBOX_STD_DEV,
            pre_nms_limit=config.PRE_NMS_LIMIT,
        )
        return {"rpn_class_logits": logits, "rpn_class": probabilities, "rpn_bbox": deltas, "rpn_rois": rois}

    def _image_shape(self, maps):
        """(height, width) of the molded pictures that these maps are of [px]."""
        return [4 * n for n in maps[0].shape[1:3]] if self.config.any_size else self.config.IMAGE_SHAPE[:2]

    def classify(self, maps, rois, training=False):
        """Class head on rois (B, R, 4) -> dict of mrcnn_class_logits, mrcnn_class, mrcnn_bbox."""
        pool, image_shape = (self.config.POOL_SIZE,) * 2, self._image_shape(maps)
        pooled = in_pieces(lambda some: pyramid_roi_align(maps[:4], some, image_shape, pool), rois, pool)
        logits, probabilities, deltas = apply_class_head(_with(self.class_head, training), pooled)
        return {"mrcnn_class_logits": logits, "mrcnn_class": probabilities, "mrcnn_bbox": deltas}

    def masks(self, maps, boxes, training=False):
        """Mask head on boxes (B, R, 4) -> (B, R, h, w, classes)."""
        pool, image_shape = (self.config.MASK_POOL_SIZE,) * 2, self._image_shape(maps)

        def masks_of(some):
            pooled = pyramid_roi_align(maps[:4], some, image_shape, pool)
            return apply_mask_head(_with(self.mask_head, training), pooled)

        whole = training and self.config.TRAIN_BN is None  # the statistics are those of all rows
        return masks_of(boxes) if whole else in_pieces(masks_of, boxes, pool)

    def inference_boxes(self, image, metas, anchors=None):
        """All outputs of inference but the masks, as a dict; c_maps are C2..C5, maps P2..P6."""
        config = self.config
        c_maps, maps = self.pyramid(image)
        outputs = {"c_maps": c_maps, "maps": maps, **self.proposals(maps, anchors, config.POST_NMS_ROIS_INFERENCE)}
        outputs |= self.classify(maps, outputs["rpn_rois"])
        outputs["detections"] = detect_boxes(
            outputs["rpn_rois"],
            outputs["mrcnn_class"],
            outputs["mrcnn_bbox"],
            meta_windows(metas, self._image_shape(maps)),
            std_dev=config.BBOX_STD_DEV,
            min_confidence=config.DETECTION_MIN_CONFIDENCE,
            nms_threshold=config.DETECTION_NMS_THRESHOLD,
            max_instances=config.DETECTION_MAX_INSTANCES,
        )
        return outputs

    def training_outputs(self, inputs, seed=None, *, training=True):
        """What the losses need, as a dict. The mask head sees only the P rows that can be positive, or those that are.

        seed: a keras.random.SeedGenerator; None takes RoIs in their given order instead of at random.
        """
        config = self.config
        _, maps = self.pyramid(inputs["input_image"], training)
        outputs = self.proposals(maps, inputs.get("input_anchors"), config.POST_NMS_ROIS_TRAINING)
        rois = outputs["rpn_rois"]
        if "input_rois" in inputs:
            rois = norm_boxes_graph(inputs["input_rois"], config.IMAGE_SHAPE)
        target = detection_targets(
            rois,
            inputs["input_gt_class_ids"],
            norm_boxes_graph(inputs["input_gt_boxes"], config.IMAGE_SHAPE),
            inputs["input_gt_masks"],
            n_rois=config.TRAIN_ROIS_PER_IMAGE,
            positive_ratio=config.ROI_POSITIVE_RATIO,
            std_dev=config.BBOX_STD_DEV,
            mask_shape=config.MASK_SHAPE,
            mini_masks=config.USE_MINI_MASK,
            seed=seed,
        )
        outputs |= self.classify(maps, target.rois, training)
        outputs |= {f"target_{name}": value for name, value in target._asdict().items()}
        return outputs | self._masks_of_targets(maps, target, training)

    def _masks_of_targets(self, maps, target, training):
        """What the mask loss needs: mrcnn_mask, mask_class_ids, mask_targets, of (B, P) rows or, if only positives are
        computed, of (1, N)."""
        rows = {"rois": target.rois, "mask_class_ids": target.class_ids, "mask_targets": target.masks}
        most = self.config.MASK_ROIS_PER_IMAGE or self.config.max_positive_rois  # positives first, at random
        rows = {name: value[:, : min(most, self.config.max_positive_rois)] for name, value in rows.items()}
        rois = rows.pop("rois")
        if self.config.MASK_ROIS == "possible":
            return rows | {"mrcnn_mask": self.masks(maps, rois, training)}
        index, class_ids = positive_rows(rows["mask_class_ids"])

        def chosen(x):
            return ops.take(ops.reshape(x, (-1, *x.shape[2:])), index, axis=0)

        pool = (self.config.MASK_POOL_SIZE,) * 2
        image = index // rois.shape[1]
        pooled = pyramid_roi_align(maps[:4], chosen(rois), self.config.IMAGE_SHAPE, pool, box_index=image)
        masks = ops.cast(self.mask_head(pooled, training=training), "float32")
        found = {"mask_class_ids": class_ids, "mask_targets": chosen(rows["mask_targets"]), "mrcnn_mask": masks}
        return {name: value[None] for name, value in found.items()}

    def losses_of(self, inputs, outputs):
        """The five losses, unweighted, by Matterport's names."""
        match = ops.cast(inputs["input_rpn_match"], "int32")[..., 0]
        n = self.config.max_positive_rois
        class_ids = outputs["target_class_ids"]
        active = inputs["input_image_meta"][:, 12:]
        return {
            "rpn_class_loss": losses.rpn_class_loss(match, outputs["rpn_class_logits"]),
            "rpn_bbox_loss": losses.rpn_bbox_loss(match, inputs["input_rpn_bbox"], outputs["rpn_bbox"]),
            "mrcnn_class_loss": losses.mrcnn_class_loss(class_ids, outputs["mrcnn_class_logits"], active),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(
                class_ids[:, :n], outputs["target_deltas"][:, :n], outputs["mrcnn_bbox"][:, :n]
            ),
            "mrcnn_mask_loss": losses.mrcnn_mask_loss(
                outputs["mask_class_ids"], outputs["mask_targets"], outputs["mrcnn_mask"]
            ),
        }

    def weight_decay(self):
        """Weight decay of all trainable kernels and biases; LOSS_WEIGHTS does not apply to it."""
        return losses.weight_decay(self.trainable_variables, self.config.WEIGHT_DECAY)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if self.mode != "training":
            raise ValueError('this model is of mode "inference"; build MaskRCNN(config, mode="training") to train')
        total = self.weight_decay()
        for name, loss in self.losses_of(x, y_pred).items():
            self.loss_trackers[name].update_state(loss)
            total = total + self.config.LOSS_WEIGHTS[name] * loss
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def compile(self, optimizer=None, **kwargs):
        """optimizer: by default SGD with the configuration's rate, momentum and clipping."""
        if optimizer is None:
            c = self.config
            optimizer = keras.optimizers.SGD(c.LEARNING_RATE, c.LEARNING_MOMENTUM, global_clipnorm=c.GRADIENT_CLIP_NORM)
        kwargs.setdefault("jit_compile", False if keras.backend.backend() == "tensorflow" else "auto")
        super().compile(optimizer=optimizer, **kwargs)
        self._compile_options = kwargs
        if self.built and self.mode == "training":
            self.optimizer.build(self.trainable_variables)  # or TensorFlow traces the first step twice

    def compile_from_config(self, config):
        """Compile a loaded model as it was saved; Keras asks for this where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(self, x=None, *args, **kwargs):
        """As keras.Model.fit. Ground truth given as NumPy arrays is checked first."""
        checks.check_values(x, self.config)
        return super().fit(x, *args, **kwargs)

    @property
    def keras_model(self):
        """The model itself; in Matterport's code the model holds the Keras model."""
        return self

    def __dir__(self):
        """All but keras_model: Keras saves and loads everything in here, and would follow it round in circles."""
        return [name for name in super().__dir__() if name != "keras_model"]

    def save_weights(self, filepath, *args, **kwargs):
        """.weights.h5 in Keras' layout, other .h5 in that of mask_rcnn_coco.h5 by `mrcnn.weights.save_weights`."""
        if _is_matterports(filepath):
            return weights.save_weights(self, filepath)
        return super().save_weights(filepath, *args, **kwargs)

    def load_weights(self, filepath, *args, by_name=True, exclude=(), **kwargs):
        """.weights.h5 in Keras' layout, other .h5 in that of mask_rcnn_coco.h5 by `mrcnn.weights.load_weights`.

        -> its report. by_name: taken for Matterport's calls; layers are always matched by name.
        """
        if _is_matterports(filepath):
            if not by_name:
                raise ValueError("by_name: expected True, as layers are matched by their names, got False")
            return weights.load_weights(self, filepath, exclude or (), *args, **kwargs)
        if exclude:
            raise ValueError("exclude: only for files that save_weights('x.h5') wrote, not for .weights.h5 or .keras")
        return super().load_weights(filepath, *args, **kwargs)

    def export(self, filepath, *args, **kwargs):
        """As keras.Model.export, for any number of pictures; with a stem give its input_signature."""
        if self.mode == "inference" and self.stem is None:
            shapes = checks.expected_shapes(self.config, self.mode)
            signature = {name: keras.InputSpec("float32", shape) for name, (shape, _) in shapes.items()}
            kwargs.setdefault("input_signature", [signature])
        return super().export(filepath, *args, **kwargs)

    def set_trainable(self, layers):
        """Train only the layers whose whole name matches a regular expression, or "heads", "3+", "4+", "5+", "all".

        -> their names. A compiled model is compiled again, and its optimizer starts afresh.
        """
        pattern = re.compile(LAYER_SETS.get(layers, layers))
        chosen = []
        for layer in leaf_layers(self):
            layer.trainable = pattern.fullmatch(layer.name) is not None
            chosen += [layer.name] if layer.trainable and layer.weights else []
        if not chosen:
            sets = ", ".join(LAYER_SETS)
            raise ValueError(
                f"layers: expected a name of {sets} or a regular expression of layers' names, got {layers!r}"
            )
        if self.compiled:
            optimizer = type(self.optimizer).from_config(self.optimizer.get_config())
            self.compile(optimizer, **self._compile_options)
        return chosen

    def detect(self, images, verbose=0):
        """Detections in a list of pictures, uint8 (h, w, channels) each, of any number and sizes.

        For each a dict of rois int32 (n, 4) [px], class_ids int32 (n,), scores float32 (n,), masks bool (h, w, n).
        verbose: taken for Matterport's calls; nothing is printed.
        """
        return self._passes().detect(images)

    def detect_molded(self, molded_images, image_metas):
        """Detections (B, D, 6) and a list of each image's masks, of molded images (B, H, W, C) and their metas.

        Detections are  (y1, x1, y2, x2, class id, score), normalised, zero-padded; an image's masks float (n, h, w),
        0..1, one for each of its n detections.
        """
        return self._passes().run(molded_images, image_metas)

    def _passes(self):
        if self._detector is None:
            self._detector = Detector(self)
        return self._detector

    def get_config(self):
        stem = None if self.stem is None else keras.saving.serialize_keras_object(self.stem)
        return {"config": self.config.to_dict(), "mode": self.mode, "seed": self.seed, "stem": stem, "name": self.name}

    @classmethod
    def from_config(cls, config):
        stem = None if config["stem"] is None else keras.saving.deserialize_keras_object(config["stem"])
        options = Config.from_dict(config["config"])
        return cls(options, config["mode"], seed=config["seed"], stem=stem, name=config["name"])


def _is_matterports(filepath):
    return str(filepath).endswith(".h5") and not str(filepath).endswith(".weights.h5")


def _with(head, training):
    return lambda rows: head(rows, training=training)
