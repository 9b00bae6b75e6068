"""Territories of a velocity sequence by a segmentation network."""

from __future__ import annotations

import numpy as np

from mrcnn.masks import unmold_mask
from muspipe.data.standardise import standardise
from simulator.errors import InputError


def find_territories(model, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(territories bool (n, H, W), scores float32 (n,)) of velocity (H, W, T), best first.

    model: a Segmentation, of mode "inference" or "training". Raises InputError if it was made for another size.
    """
    expected = tuple(model.preset["input_shape"][:3])
    if velocity.shape != expected:
        raise InputError(f"velocity: the segmentation network expects {expected} (H, W, T), got {velocity.shape}")
    image = standardise(np.array(velocity, np.float32, order="C"))
    detections, masks = model.detect_molded(image[None, ..., None], model.image_metas(1))
    height, width = expected[:2]
    size = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)  # as mrcnn.boxes.denorm_boxes
    boxes = np.round(detections[0, : len(masks[0]), :4] * size + [0, 0, 1, 1]).astype(int)
    territories = np.zeros((len(boxes), height, width), bool)
    for territory, mask, box in zip(territories, masks[0], boxes, strict=True):
        if (box[2:] > box[:2]).all():
            territory[:] = unmold_mask(mask, box, (height, width))
    some = territories.any(axis=(1, 2))
    return territories[some], detections[0, : len(boxes), 5][some].astype(np.float32)
