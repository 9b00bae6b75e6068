"""Quality of detections: matches with the ground truth, average precision, recall of boxes.

Boxes (N, 4)  (y1, x1, y2, x2); masks (H, W, N); a ground truth has boxes, class_ids, masks, a prediction also scores.
Boxes may be zero-padded; masks, ids and scores may not.
"""

import numpy as np

from mrcnn.boxes import compute_overlaps
from mrcnn.masks import compute_overlaps_masks


def trim_zeros(rows):
    """The rows of (N, n) that are not all zero."""
    rows = np.asarray(rows)
    return rows[(rows != 0).any(axis=1)]


def compute_matches(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
    score_threshold=0.0,
):
    """Match of each ground truth (G,) and of each prediction (N,), -1 for none, and overlaps (N, G) of their masks.

    Predictions are numbered by falling score. In this order, each takes the free ground truth of its class whose mask
    it overlaps most, if their IoU reaches the threshold.
    """
    truth, prediction = (gt_boxes, gt_class_ids, gt_masks), (pred_boxes, pred_class_ids, pred_scores, pred_masks)
    ids_and_overlaps = _ids_and_overlaps(*truth, *prediction)
    return *_matches(*ids_and_overlaps, iou_threshold, score_threshold), ids_and_overlaps[-1]


def _ids_and_overlaps(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks):
    """Class ids of the ground truth (G,) and of the predictions (N,) by falling score; overlaps (N, G) of the masks."""
    _check(gt_boxes, gt_class_ids, gt_masks, "gt")
    n_pred = _check(pred_boxes, pred_class_ids, pred_masks, "pred")
    if len(pred_scores) != n_pred:
        raise ValueError(f"pred_scores: expected {n_pred}, one a prediction, got {len(pred_scores)}")
    order = np.argsort(-np.asarray(pred_scores), kind="stable")
    overlaps = compute_overlaps_masks(np.asarray(pred_masks)[..., order], gt_masks)
    return np.asarray(gt_class_ids), np.asarray(pred_class_ids)[order], overlaps


def _matches(gt_class_ids, pred_class_ids, overlaps, iou_threshold, score_threshold=0.0):
    """Match of each ground truth (G,) and of each prediction (N,)."""
    gt_match, pred_match = np.full(len(gt_class_ids), -1), np.full(len(pred_class_ids), -1)
    for i in range(len(pred_class_ids)):
        candidates = np.argsort(-overlaps[i], kind="stable")
        good = (overlaps[i] >= iou_threshold) & (overlaps[i] >= score_threshold)
        good &= (gt_match < 0) & (gt_class_ids == pred_class_ids[i])
        taken = candidates[good[candidates]]
        if len(taken):
            gt_match[taken[0]], pred_match[i] = i, taken[0]
    return gt_match, pred_match


def _check(boxes, class_ids, masks, name):
    """The number of instances."""
    n = len(class_ids)
    if np.ndim(masks) != 3 or np.shape(masks)[-1] != n:
        raise ValueError(f"{name}_masks: expected (height, width, {n}), one a class id, got {np.shape(masks)}")
    if np.ndim(boxes) != 2 or len(trim_zeros(boxes)) != n:
        raise ValueError(f"{name}_boxes: expected {n} besides zero rows, one a class id, got {len(trim_zeros(boxes))}")
    return n


def compute_ap(
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold=0.5
):
    """Average precision of one image, precisions (N + 2,), recalls (N + 2,), overlaps (N, G).

    The area under precision over recall, with precision made non-increasing and 0 at recall 1. Not a number where there
    is nothing to find: np.nanmean leaves such images out.
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold
    )
    return *_average_precision(gt_match, pred_match), overlaps


def _average_precision(gt_match, pred_match):
    """Average precision, precisions (N + 2,), recalls (N + 2,)."""
    hits = np.cumsum(pred_match > -1)
    found = hits / len(gt_match) if len(gt_match) else np.zeros(len(hits))
    precisions = np.concatenate([[0], hits / np.arange(1, len(hits) + 1), [0]])
    recalls = np.concatenate([[0], found, [1]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    area = float(np.sum(np.diff(recalls) * precisions[1:]))
    return area if len(gt_match) else float("nan"), precisions, recalls


def compute_ap_range(
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_thresholds=None
):
    """Mean of the average precisions at IoU thresholds, by default 0.50, 0.55, .. 0.95."""
    thresholds = np.arange(0.5, 1.0, 0.05) if iou_thresholds is None else iou_thresholds
    truth, prediction = (gt_boxes, gt_class_ids, gt_masks), (pred_boxes, pred_class_ids, pred_scores, pred_masks)
    ids_and_overlaps = _ids_and_overlaps(*truth, *prediction)
    return float(np.mean([_average_precision(*_matches(*ids_and_overlaps, t))[0] for t in thresholds]))


def compute_recall(pred_boxes, gt_boxes, iou=0.5):
    """Share of ground-truth boxes that are some predicted box's best match, with at least this IoU; these predictions.

    Boxes may not be zero-padded here. The share is not a number if there is no ground truth.
    """
    pred_boxes, gt_boxes = np.reshape(pred_boxes, (-1, 4)), np.reshape(gt_boxes, (-1, 4))
    if not len(pred_boxes) or not len(gt_boxes):
        return (0.0 if len(gt_boxes) else float("nan")), np.zeros(0, int)
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positive = np.flatnonzero(overlaps.max(axis=1) >= iou)
    return len(set(overlaps[positive].argmax(axis=1))) / len(gt_boxes), positive
