"""From a data set of pictures and masks to the batches that a MaskRCNN trains on.

A data set is any object with the methods of `Dataset`. A anchors, G = MAX_GT_INSTANCES.
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
    """What a data set must have. It may also have `active_class_ids(i)`: the classes, background included, that are
    annotated in picture i; without it, all of them. `mrcnn.utils.Dataset` is a base class like Matterport's."""

    def __len__(self): ...

    def load_image(self, i):
        """Picture uint8 (h, w, C)."""

    def load_mask(self, i):
        """Masks bool (h, w, N) and class ids int (N,): 1 and up, below 0 a crowd."""


class Sample(NamedTuple):
    """One picture, resized, with its ground truth."""

    image: np.ndarray  # (H, W, C), dtype of the picture
    image_meta: np.ndarray  # float64 (12 + classes,), see molding
    class_ids: np.ndarray  # int32 (N,)
    boxes: np.ndarray  # int32 (N, 4)  (y1, x1, y2, x2) [px]
    masks: np.ndarray  # bool (H, W, N), or mini-masks (h, w, N)


def load_image_gt(dataset, config, index, *, flip=False, augmentation=None, use_mini_mask=None, rng=None):
    """Sample of one picture; instances of which nothing is left are dropped.

    augmentation: see Batches. flip: left to right. use_mini_mask: None is config.USE_MINI_MASK. rng: numpy Generator,
    needed only by augmentation and for IMAGE_RESIZE_MODE "crop".
    """
    image, masks, class_ids = _checked_truth(dataset.load_image(index), *dataset.load_mask(index), config, index)
    if augmentation is not None:
        image, masks, _ = _checked_truth(*augmentation(image, masks, rng), class_ids, config, index)
    original_shape = image.shape
    if flip:
        image, masks = image[:, ::-1], masks[:, ::-1]
    image, window, scale, padding, crop = resize_for(image, config, rng)
    masks = resize_mask(masks, scale, padding, crop)
    some = masks.any(axis=(0, 1))
    masks, class_ids = masks[:, :, some], class_ids[some].astype(np.int32)
    boxes = extract_bboxes(masks)
    if config.USE_MINI_MASK if use_mini_mask is None else use_mini_mask:
        masks = minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
    active = np.ones(config.NUM_CLASSES, int)
    if hasattr(dataset, "active_class_ids"):
        active = np.isin(np.arange(config.NUM_CLASSES), dataset.active_class_ids(index)).astype(int)
    meta = compose_image_meta(index, original_shape, image.shape, window, scale, active)
    return Sample(image, meta, class_ids, boxes, masks)


def _checked_truth(image, masks, class_ids, config, index):
    """As arrays, masks bool; without instances they may come in any size, such as the (0, 0, 0) of many data sets."""
    name = f"picture {index}"
    image, masks, class_ids = np.asarray(image), np.asarray(masks), np.asarray(class_ids)
    if not masks.size and not class_ids.size:
        masks, class_ids = np.zeros((*image.shape[:2], 0), bool), np.zeros(0, int)
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
    return image, masks.astype(bool, copy=False), class_ids


class Batches(keras.utils.PyDataset):
    """Training batches of a data set, as `MaskRCNN.fit` takes them; every picture once an epoch.

    The last batch of an epoch may be smaller. shuffle: a new order each epoch; flip: each picture is mirrored left to
    right with probability 1/2; batch_size: None is config.BATCH_SIZE. augmentation: a function that makes another
    picture and its masks of (picture, masks bool (h, w, N), numpy Generator), before they are resized; it keeps the
    order of masks, some of which may become empty. Order, flips and generators follow from seed, epoch and picture
    alone, whatever the number of workers; but Keras' default `fit(shuffle=True)` shuffles whole batches again with
    Python's generator: pass shuffle=False to `fit` for equal runs. Further options: keras.utils.PyDataset.
    """

    def __init__(
        self, dataset, config, *, seed=0, shuffle=True, flip=False, augmentation=None, batch_size=None, **kwargs
    ):
        super().__init__(**kwargs)
        if not len(dataset):
            raise ValueError("dataset: expected at least one picture, got none")
        if not config.USE_RPN_ROIS:
            raise ValueError("USE_RPN_ROIS: expected True, as a data set has no RoIs to give; got False")
        self.dataset, self.config = dataset, config
        self.seed, self.shuffle, self.flip, self.augmentation = seed, shuffle, flip, augmentation
        self.batch_size = config.BATCH_SIZE if batch_size is None else batch_size
        self.epoch = 0
        self._anchors = config_anchors(config)

    def __len__(self):
        """Batches an epoch."""
        return -(-len(self.dataset) // self.batch_size)

    def indices(self, batch):
        """Pictures of a batch of the current epoch."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        return order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def __getitem__(self, batch):
        samples = [self._inputs(int(index)) for index in self.indices(batch)]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def on_epoch_end(self):
        self.epoch += 1

    def _inputs(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        flip = self.flip and bool(rng.random() < 0.5)
        options = {"flip": flip, "augmentation": self.augmentation, "rng": rng}
        sample = load_image_gt(self.dataset, self.config, index, **options)
        return sample_inputs(sample, self._anchors, self.config, rng)


def data_generator(dataset, config, shuffle=True, *, batch_size=1, **options):
    """Matterport's call: endless (inputs, None), inputs a dict, from Batches with these options."""
    batches = Batches(dataset, config, shuffle=shuffle, batch_size=batch_size, **options)
    while True:
        yield from ((batches[i], None) for i in range(len(batches)))
        batches.on_epoch_end()


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
