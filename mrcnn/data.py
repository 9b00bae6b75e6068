"""From a data set of pictures and masks to the batches that a MaskRCNN trains on.

A data set is any object with the methods of `Dataset`. B images, A anchors, G = MAX_GT_INSTANCES.
"""

from typing import NamedTuple, Protocol

import keras
import numpy as np

from mrcnn import checks
from mrcnn.anchors import config_anchors
from mrcnn.masks import extract_bboxes, minimize_mask, resize_mask
from mrcnn.molding import compose_image_meta, mold_image, resize_for
from mrcnn.rpn_targets import build_rpn_targets


class Dataset(Protocol):
    """What is asked of a data set. It may also have `active_class_ids(i)`: the class ids that the source of picture i
    knows of, background included; without it, all classes."""

    def __len__(self): ...

    def load_image(self, i):
        """Picture uint8 (h, w, C)."""

    def load_mask(self, i):
        """Masks bool (h, w, N) and class ids int (N,): 1 and up, below 0 a crowd."""


class Sample(NamedTuple):
    """One picture, resized, with its truth."""

    image: np.ndarray  # (H, W, C), dtype of the picture
    image_meta: np.ndarray  # float64 (12 + classes,), see molding
    class_ids: np.ndarray  # int32 (N,)
    boxes: np.ndarray  # int32 (N, 4)  (y1, x1, y2, x2) [px]
    masks: np.ndarray  # bool (H, W, N), or mini-masks (h, w, N)


def load_image_gt(dataset, config, index, *, flip=False, rng=None):
    """Sample of one picture; instances of which nothing is left are dropped.

    flip: left to right. rng: numpy Generator, needed only for IMAGE_RESIZE_MODE "crop".
    """
    image, (masks, class_ids) = np.asarray(dataset.load_image(index)), dataset.load_mask(index)
    masks, class_ids = np.asarray(masks), np.asarray(class_ids)
    _check_truth(image, masks, class_ids, config, index)
    original_shape = image.shape
    if flip:
        image, masks = image[:, ::-1], masks[:, ::-1]
    image, window, scale, padding, crop = resize_for(image, config, rng)
    masks = resize_mask(masks.astype(bool), scale, padding, crop)
    some = masks.any(axis=(0, 1))
    masks, class_ids = masks[:, :, some], class_ids[some].astype(np.int32)
    boxes = extract_bboxes(masks)
    if config.USE_MINI_MASK:
        masks = minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
    active = np.ones(config.NUM_CLASSES, int)
    if hasattr(dataset, "active_class_ids"):
        active = np.isin(np.arange(config.NUM_CLASSES), dataset.active_class_ids(index)).astype(int)
    meta = compose_image_meta(index, original_shape, image.shape, window, scale, active)
    return Sample(image, meta, class_ids, boxes, masks)


def _check_truth(image, masks, class_ids, config, index):
    name = f"picture {index}"
    checks.check_image(name, image, config.IMAGE_CHANNEL_COUNT)
    if masks.ndim != 3 or masks.shape[:2] != image.shape[:2]:
        raise ValueError(f"{name}: expected masks of shape {(*image.shape[:2], 'instances')}, got {masks.shape}")
    if class_ids.shape != masks.shape[2:]:
        raise ValueError(f"{name}: expected {masks.shape[2]} class ids, one a mask, got shape {class_ids.shape}")
    if len(class_ids) and (np.abs(class_ids).max() >= config.NUM_CLASSES or (class_ids == 0).any()):
        raise ValueError(
            f"{name}: expected class ids from 1 to {config.NUM_CLASSES - 1}, or below 0 for crowds, "
            f"got {np.unique(class_ids).tolist()}"
        )


class Batches(keras.utils.PyDataset):
    """Training batches of a data set, as `MaskRCNN.fit` takes them; every picture once an epoch.

    The last batch of an epoch is smaller where BATCH_SIZE does not divide the number of pictures. shuffle: the order is
    drawn anew each epoch; flip: every other picture, by chance, is turned left to right. Both follow from seed, epoch
    and picture alone, whatever the number of workers; but `fit(shuffle=True)`, Keras' default, mixes whole batches once
    more by Python's own generator: pass shuffle=False to `fit` for equal runs. Further options: keras.utils.PyDataset.
    """

    def __init__(self, dataset, config, *, seed=0, shuffle=True, flip=False, **kwargs):
        super().__init__(**kwargs)
        if not len(dataset):
            raise ValueError("dataset: expected at least one picture, got none")
        if not config.USE_RPN_ROIS:
            raise ValueError("USE_RPN_ROIS: expected True, as a data set has no RoIs to give; got False")
        self.dataset, self.config = dataset, config
        self.seed, self.shuffle, self.flip = seed, shuffle, flip
        self.epoch = 0
        self._anchors = config_anchors(config)

    def __len__(self):
        """Batches an epoch."""
        return -(-len(self.dataset) // self.config.BATCH_SIZE)

    def indices(self, batch):
        """Pictures of a batch of the present epoch."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        size = self.config.BATCH_SIZE
        return order[batch * size : (batch + 1) * size]

    def __getitem__(self, batch):
        samples = [self._inputs(int(index)) for index in self.indices(batch)]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def on_epoch_end(self):
        self.epoch += 1

    def _inputs(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        flip = self.flip and bool(rng.random() < 0.5)
        sample = load_image_gt(self.dataset, self.config, index, flip=flip, rng=rng)
        return sample_inputs(sample, self._anchors, self.config, rng)


def sample_inputs(sample, anchors, config, rng):
    """A Sample as the model's inputs, without the axis of images; anchors (A, 4) [px]."""
    return {
        "input_image": mold_image(sample.image, config),
        "input_image_meta": sample.image_meta.astype(np.float32),
        **truth_inputs(sample.class_ids, sample.boxes, sample.masks, anchors, config, rng),
    }


def truth_inputs(class_ids, boxes, masks, anchors, config, rng):
    """The truth of one picture as the model's inputs: fixed shapes, zero-padded to G instances.

    class_ids int32 (N,), boxes int32 (N, 4) [px], masks bool (H, W, N), or mini-masks (h, w, N); anchors (A, 4) [px].
    RPN targets are those of all instances; of more than G, some are left out by chance.
    """
    match, deltas = build_rpn_targets(anchors, class_ids, boxes, config, rng)
    n, limit = len(class_ids), config.MAX_GT_INSTANCES
    kept = np.sort(rng.choice(n, limit, replace=False)) if n > limit else np.arange(n)
    rest = limit - len(kept)
    return {
        "input_rpn_match": match[:, None],
        "input_rpn_bbox": deltas.astype(np.float32),
        "input_gt_class_ids": np.pad(class_ids[kept], (0, rest)),
        "input_gt_boxes": np.pad(boxes[kept], [(0, rest), (0, 0)]),
        "input_gt_masks": np.pad(masks[:, :, kept], [(0, 0), (0, 0), (0, rest)]),
    }
