"""`detect`: two compiled passes, so that the mask head runs on detections alone.

The first pass gives the boxes of a batch, the second the masks of the K detections found, each for its own class. K is
rounded up to one of a few sizes, so that the second pass is compiled for few shapes. The result equals that of the mask
head on all rows.
"""

import itertools

import keras
import numpy as np
from keras import ops

from mrcnn import checks, molding
from mrcnn.anchors import normalized_anchors
from mrcnn.roi_align import pyramid_roi_align

SIZES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def rounded_up(count):
    """The number of rows to compute for `count` detections."""
    return next((n for n in SIZES if n >= count), -(-count // 256) * 256)


class _BoxPass(keras.Model):
    def __init__(self, model, config):
        super().__init__(name="box_pass", autocast=False)
        self.model, self.anchors = model, normalized_anchors(config)
        self.built = True

    def call(self, inputs):
        outputs = self.model.inference_boxes(inputs["input_image"], inputs["input_image_meta"], self.anchors)
        return {"detections": outputs["detections"], **{f"P{i}": outputs["maps"][i - 2] for i in (2, 3, 4, 5)}}


class _MaskPass(keras.Model):
    def __init__(self, model, config):
        super().__init__(name="mask_pass", autocast=False)
        self.model, self.config = model, config
        self.built = True

    def call(self, inputs):
        """boxes (K, 4), image int (K,), class_ids int (K,) and P2..P5 -> (K, h, w)"""
        config = self.config
        maps = [inputs[f"P{i}"] for i in (2, 3, 4, 5)]
        pool = (config.MASK_POOL_SIZE,) * 2
        pooled = pyramid_roi_align(maps, inputs["boxes"], config.IMAGE_SHAPE, pool, box_index=inputs["image"])
        masks = ops.cast(self.model.mask_head(pooled, training=False), "float32")
        return ops.take_along_axis(masks, inputs["class_ids"][:, None, None, None], axis=-1)[..., 0]


class _Passes:
    """The two passes of a model for molded pictures of one size; they run eagerly if the model did so at the time."""

    def __init__(self, model, config):
        self.config, self.with_stem = config, model.stem is not None
        self.box_pass, self.mask_pass = _BoxPass(model, config), _MaskPass(model, config)
        for stage in (self.box_pass, self.mask_pass):
            stage.run_eagerly = model.run_eagerly
            if keras.backend.backend() == "tensorflow":
                stage.jit_compile = False

    def run(self, molded_images, image_metas):
        """-> detections (B, D, 6) and, for each image, the masks of its n detections in their own class, (n, h, w)."""
        inputs = {
            "input_image": np.asarray(molded_images, np.float32),
            "input_image_meta": np.asarray(image_metas, np.float32),
        }
        checks.check_inputs(inputs, self.config, "inference", self.with_stem)
        outputs = self.box_pass.predict_on_batch(inputs)
        detections = np.asarray(outputs.pop("detections"))
        counts = np.argmin(np.pad(detections[..., 4], [(0, 0), (0, 1)]) > 0, axis=1)
        image = np.repeat(np.arange(len(counts)), counts)
        rows = np.concatenate([detections[i, :n] for i, n in enumerate(counts)])
        if not len(rows):
            return detections, [np.zeros((0, *self.config.MASK_SHAPE), np.float32) for _ in counts]
        rest = rounded_up(len(rows)) - len(rows)
        rows, image = np.pad(rows, [(0, rest), (0, 0)]), np.pad(image, (0, rest))
        boxes, class_ids = rows[:, :4], rows[:, 4].astype(np.int32)
        masks = self.mask_pass.predict_on_batch(
            {**outputs, "boxes": boxes, "image": image.astype(np.int32), "class_ids": class_ids}
        )
        return detections, np.split(np.asarray(masks)[: len(masks) - rest], np.cumsum(counts)[:-1])


class Detector:
    """Detections of a model; its passes are compiled for each size of molded pictures when the first of it comes."""

    def __init__(self, model):
        self.model, self.config, self.passes = model, model.config, {}

    def run(self, molded_images, image_metas):
        """See _Passes.run."""
        own = self.config.IMAGE_SHAPE[:2]
        size = np.shape(molded_images)[1:3] if self.config.any_size and np.ndim(molded_images) == 4 else own
        if size not in self.passes:
            self.passes[size] = _Passes(self.model, self.config if size == own else self.config.of_size(*size))
        return self.passes[size].run(molded_images, image_metas)

    def detect(self, images):
        if self.config.FEATURE_MAP_SHAPE is not None:
            raise ValueError("detect takes pictures, but this network sees feature maps: use detect_molded")
        for i, image in enumerate(images):
            checks.check_image(f"images[{i}]", image, self.config.IMAGE_CHANNEL_COUNT)
        if not len(images):
            raise ValueError("images: expected at least one picture, got none")
        size, config = self.config.BATCH_SIZE, self.config
        molded = ((image, *molding.mold_inputs([image], config)) for image in images)
        results = []  # of batches of consecutive pictures that have one size when molded
        for _, group in itertools.groupby(enumerate(molded), lambda one: (one[0] // size, one[1][1].shape)):
            results += self._detect_batch(*zip(*(one for _, one in group), strict=True))
        return results

    def _detect_batch(self, images, molded, metas, windows):
        molded, metas, windows = (np.concatenate(parts) for parts in (molded, metas, windows))
        results = []
        for image, window, detections, masks in zip(images, windows, *self.run(molded, metas), strict=True):
            final = molding.unmold_detections(detections, masks, image.shape, molded.shape[1:], window)
            results.append(dict(zip(("rois", "class_ids", "scores", "masks"), final, strict=True)))
        return results
