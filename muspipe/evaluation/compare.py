"""All metrics of one sequence: the units found in it against the units in it."""

from __future__ import annotations

import numpy as np

from muspipe.evaluation.detection import detection_precision, detection_recall
from muspipe.evaluation.firings import rate_of_agreement
from muspipe.evaluation.matching import dice, match_territories
from muspipe.evaluation.segmentation import pixel_recall_precision
from muspipe.firings import find_firings


def compare(found_territories, found_trains, true_territories, true_trains, frame_rate_hz: float) -> dict:
    """Metrics of one sequence as a dict of floats and ints.

    territories bool (n, H, W), trains (n, T). `recall`, `precision` of detection; means over the matched units of
    `segmentation_recall`, `segmentation_precision`, `dice` (pixels) and of `roa`, in which the firings of the found and of
    the true twitch train are found by the same rule (paper). These means are NaN where nothing matched. `n_true`,
    `n_found`, `n_matched` count units.
    """
    found_territories, true_territories = np.asarray(found_territories, bool), np.asarray(true_territories, bool)
    found, true = match_territories(found_territories, true_territories)
    pixel_recall, pixel_precision = pixel_recall_precision(found_territories[found], true_territories[true])
    pairs = zip(
        find_firings(np.asarray(found_trains)[found], frame_rate_hz),
        find_firings(np.asarray(true_trains)[true], frame_rate_hz),
        strict=True,
    )
    return {
        "recall": detection_recall(len(true), len(true_territories)),
        "precision": detection_precision(len(found), len(found_territories)),
        "segmentation_recall": _mean(pixel_recall),
        "segmentation_precision": _mean(pixel_precision),
        "dice": _mean(np.diag(dice(found_territories[found], true_territories[true]))),
        "roa": _mean([rate_of_agreement(a, b) for a, b in pairs]),
        "n_true": len(true_territories),
        "n_found": len(found_territories),
        "n_matched": len(found),
    }


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
