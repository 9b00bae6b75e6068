"""Training targets of the region proposal network: for each anchor object, background or neither; and deltas.

A anchors, G ground-truth instances. Boxes (.., 4)  (y1, x1, y2, x2) [px].
"""

import numpy as np

POSITIVE_IOU, NEGATIVE_IOU, CROWD_IOU = 0.7, 0.3, 0.001


def build_rpn_targets(anchors, gt_class_ids, gt_boxes, config, rng):
    """Match int8 (A,): 1 positive, -1 negative, 0 neutral; deltas float64 (RPN_TRAIN_ANCHORS_PER_IMAGE, 4).

    anchors (A, 4), gt_class_ids int (G,): below 0 is a crowd, in which no anchor is negative; gt_boxes (G, 4). Row j of
    the deltas belongs to the j-th positive anchor; they are divided by RPN_BBOX_STD_DEV. rng: numpy Generator that
    chooses which anchors beyond the budget become neutral.
    """
    anchors, gt_class_ids, gt_boxes = (np.asarray(x) for x in (anchors, gt_class_ids, gt_boxes))
    if gt_boxes.shape != (len(gt_class_ids), 4):
        raise ValueError(f"gt_boxes: expected ({len(gt_class_ids)}, 4), a box a class id, got {gt_boxes.shape}")
    instances = gt_boxes[gt_class_ids > 0]
    match, nearest = match_anchors(anchors, instances, gt_boxes[gt_class_ids < 0])
    budget = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    _drop(match, 1, budget // 2, rng)
    _drop(match, -1, budget - np.count_nonzero(match == 1), rng)
    deltas = np.zeros((budget, 4))
    positive = np.flatnonzero(match == 1)
    if len(positive):
        own = instances[nearest[positive]]
        deltas[: len(positive)] = _deltas(anchors[positive], own) / np.asarray(config.RPN_BBOX_STD_DEV)
    return match, deltas


def match_anchors(anchors, boxes, crowds):
    """Match int8 (A,) regardless of the budget, and each anchor's best box (A,).

    Positive: IoU of at least 0.7 with a box, or the highest of all anchors with some box. Negative: IoU below 0.3 with
    all boxes, and outside crowds. The best box need not be the one that made an anchor positive.
    """
    best, nearest = np.zeros(len(anchors)), np.zeros(len(anchors), int)
    positive = np.zeros(len(anchors), bool)
    columns = np.ascontiguousarray(anchors.T)
    for i, box in enumerate(boxes):
        near, overlaps = _overlaps(columns, box)
        better = overlaps > best[near]
        best[near[better]], nearest[near[better]] = overlaps[better], i
        positive[near[overlaps == overlaps.max(initial=0)]] = True
    negative = best < NEGATIVE_IOU
    for box in crowds:
        near, overlaps = _overlaps(columns, box)
        negative[near[overlaps >= CROWD_IOU]] = False
    match = np.where(negative, -1, 0).astype(np.int8)
    match[positive | (best >= POSITIVE_IOU)] = 1
    return match, nearest


def _overlaps(columns, box):
    """Anchors that overlap with a box, int (N,), and their IoU (N,). columns: the anchors as (4, A); one box at a time,
    as A is a quarter of a million for large images."""
    y1, x1, y2, x2 = columns
    near = np.flatnonzero((y1 < box[2]) & (y2 > box[0]) & (x1 < box[3]) & (x2 > box[1]))
    y1, x1, y2, x2 = columns[:, near]
    intersection = (np.minimum(y2, box[2]) - np.maximum(y1, box[0])) * (np.minimum(x2, box[3]) - np.maximum(x1, box[1]))
    union = (y2 - y1) * (x2 - x1) + (box[2] - box[0]) * (box[3] - box[1]) - intersection
    return near, intersection / union


def _drop(match, value, budget, rng):
    """Make random anchors of this value neutral, so that at most `budget` are left."""
    index = np.flatnonzero(match == value)
    if len(index) > budget:
        match[rng.choice(index, len(index) - budget, replace=False)] = 0


def _deltas(anchors, boxes):
    size, gt_size = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    center, gt_center = anchors[:, :2] + 0.5 * size, boxes[:, :2] + 0.5 * gt_size
    return np.concatenate([(gt_center - center) / size, np.log(gt_size / size)], axis=1)
