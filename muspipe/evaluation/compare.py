"""All metrics of one sequence: the units found in it against the units in it."""

from __future__ import annotations

import numpy as np

from muspipe.evaluation.detection import detection_precision, detection_recall
from muspipe.evaluation.firings import rate_of_agreement
from muspipe.evaluation.matching import dice, match_territories
from muspipe.evaluation.segmentation import pixel_recall_precision
from muspipe.firings import find_firings

METRICS = (
    "recall",
    "precision",
    "segmentation_recall",
    "segmentation_precision",
    "dice",
    "roa",
    "roa_discharges",
)
"""Names of the metrics of `compare`, in the order of the tables."""

EDGE_S = 0.020
"""Unmatched firings this close to an end are neutral against true discharges: their twitch may peak outside."""


def compare(
    found_territories, found_trains, true_territories, true_trains, frame_rate_hz: float, twitch_peaks_s=None
) -> dict:
    """Metrics of one sequence as a dict of floats and ints.

    territories bool (n, H, W), trains (n, T). `recall`, `precision` of detection; means over the matched units of
    `segmentation_recall`, `segmentation_precision`, `dice` (pixels) and of `roa`, in which the firings of the found
    and of the true twitch train are found by the same rule (paper). `roa_discharges` compares the found firings with
    `twitch_peaks_s`, the true firing times plus the unit's peak latency [s], a list of arrays; NaN without. The means
    are NaN where nothing matched. `n_true`, `n_found`, `n_matched` count units.
    """
    found_territories, true_territories = np.asarray(found_territories, bool), np.asarray(true_territories, bool)
    found, true = match_territories(found_territories, true_territories)
    pixel_recall, pixel_precision = pixel_recall_precision(found_territories[found], true_territories[true])
    found_trains, true_trains = np.asarray(found_trains), np.asarray(true_trains)
    found_s = find_firings(found_trains[found], frame_rate_hz)
    true_s = find_firings(true_trains[true], frame_rate_hz)
    last_s = true_trains.shape[1] / frame_rate_hz - EDGE_S
    known = [] if twitch_peaks_s is None else [twitch_peaks_s[i] for i in true]
    return {
        "recall": detection_recall(len(true), len(true_territories)),
        "precision": detection_precision(len(found), len(found_territories)),
        "segmentation_recall": _mean(pixel_recall),
        "segmentation_precision": _mean(pixel_precision),
        "dice": _mean(np.diag(dice(found_territories[found], true_territories[true]))),
        "roa": _mean([rate_of_agreement(a, b) for a, b in zip(found_s, true_s, strict=True)]),
        "roa_discharges": _mean(
            [
                rate_of_agreement(a, b, neutral_before_s=EDGE_S, neutral_after_s=last_s)
                for a, b in zip(found_s, known, strict=False)
            ]
        ),
        "n_true": len(true_territories),
        "n_found": len(found_territories),
        "n_matched": len(found),
    }


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
