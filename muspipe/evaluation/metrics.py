"""All metrics of one recording: the motor units found in it against the true ones (Ali et al. 2020).

Units are matched by their territories; then come detection, segmentation, and the firings of the matched units.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from muspipe.firings import DEFAULT_RULE
from muspipe.firings.find import find_firings
from muspipe.recordings.result import Result
from muspipe.recordings.units import MotorUnits
from muspipe.territories import iou

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

IOU_THRESHOLD = 0.5
"""A motor unit is found if the intersection over union of the masks exceeds this (paper)."""
TOLERANCE_S = 0.015
"""Two firings agree within this time: 6 samples at 400 Hz (paper)."""
EDGE_S = 0.020
"""Unmatched firings this close to an end are neutral against true discharges: their twitch may peak outside."""


def compare(found: MotorUnits, true: MotorUnits, rule: str = DEFAULT_RULE) -> dict:
    """Metrics of one recording as a dict of floats and ints.

    `recall`, `precision` of detection; means over the matched units of `segmentation_recall`, `segmentation_precision`,
    `dice` (pixels) and of `roa`, in which the firings of the found and of the true twitch train are found by the same
    rule, a name in `muspipe.firings.RULES` ("paper" for the paper's metric). `roa_discharges` compares the found
    firings with those of `true`, if it is a Result: the true discharges plus the unit's peak latency; NaN without. All
    are instants of peak velocity, so that no delay has to be taken off between them. The means are NaN where nothing
    matched. `n_true`, `n_found`, `n_matched` count units.
    """
    rows, columns = match_territories(found.territories, true.territories)
    pixels = pixel_agreement(found.territories[rows], true.territories[columns])
    found_s = find_firings(found.twitch_trains[rows], true.frame_rate_hz, rule).times_s
    true_s = find_firings(true.twitch_trains[columns], true.frame_rate_hz, rule).times_s
    discharges_s = [true.firings[i] for i in columns] if isinstance(true, Result) else []
    last_s = true.duration_s - EDGE_S
    return {
        "recall": detection_recall(len(columns), true.n_units),
        "precision": detection_precision(len(rows), found.n_units),
        "segmentation_recall": _mean(pixels["recall"]),
        "segmentation_precision": _mean(pixels["precision"]),
        "dice": _mean(pixels["dice"]),
        "roa": _mean([rate_of_agreement(a, b) for a, b in zip(found_s, true_s, strict=True)]),
        "roa_discharges": _mean(
            [
                rate_of_agreement(a, b, neutral_before_s=EDGE_S, neutral_after_s=last_s)
                for a, b in zip(found_s, discharges_s, strict=False)
            ]
        ),
        "n_true": true.n_units,
        "n_found": found.n_units,
        "n_matched": len(rows),
    }


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def match_territories(found: np.ndarray, true: np.ndarray, threshold: float = IOU_THRESHOLD):
    """(found index, true index) of the matched pairs, int arrays of equal length.

    Among all one-to-one pairings of masks with IoU > threshold the one with most pairs is taken, then the largest sum
    of IoUs. found (n, H, W), true (m, H, W), bool.
    """
    agreement = iou(found, true)
    # A pair above the threshold is worth more than all IoUs together, so that no match is given up for a better
    # overlap.
    worth = np.where(agreement > threshold, len(agreement) + len(agreement.T) + agreement, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = agreement[rows, columns] > threshold
    return rows[kept], columns[kept]


# Detection


def detection_recall(n_matched: int, n_true: int) -> float:
    """Share of the true motor units that were found; 1 where there are none."""
    return n_matched / n_true if n_true else 1.0


def detection_precision(n_matched: int, n_found: int) -> float:
    """Share of the found motor units that are true; 1 where none were found (no false detection was made)."""
    return n_matched / n_found if n_found else 1.0


# Segmentation


def pixel_agreement(found: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """For each pair of masks, found[i] with true[i] (n, H, W): `recall`, the share of the true pixels that were found,
    `precision`, the share of the found pixels that are true, and `dice`, twice the common ones over the sum of both."""
    common = (found & true).sum(axis=(1, 2))
    n_found, n_true = found.sum(axis=(1, 2)), true.sum(axis=(1, 2))
    return {
        "recall": common / np.maximum(n_true, 1),
        "precision": common / np.maximum(n_found, 1),
        "dice": 2 * common / np.maximum(n_found + n_true, 1),
    }


# Firings


def matched_firings(a_s: np.ndarray, b_s: np.ndarray, tolerance_s: float = TOLERANCE_S):
    """Largest one-to-one set of firings of a and b that agree: two bool arrays, which of a and which of b matched.

    a_s, b_s: rising times [s]. Walking both lists in time and pairing the first that agree is optimal on a line.
    """
    matched_a, matched_b = np.zeros(len(a_s), bool), np.zeros(len(b_s), bool)
    i = j = 0
    slack_s = tolerance_s + 1e-9  # times on a frame grid that differ by exactly the tolerance agree
    a_s, b_s = np.asarray(a_s, np.float64).tolist(), np.asarray(b_s, np.float64).tolist()  # a plain loop is faster so
    while i < len(a_s) and j < len(b_s):
        if abs(a_s[i] - b_s[j]) <= slack_s:
            matched_a[i] = matched_b[j] = True
            i, j = i + 1, j + 1
        elif a_s[i] < b_s[j]:
            i += 1
        else:
            j += 1
    return matched_a, matched_b


def rate_of_agreement(a_s, b_s, tolerance_s: float = TOLERANCE_S, neutral_before_s=-np.inf, neutral_after_s=np.inf):
    """RoA = c / (c + A + B): c firings in both, A only in a, B only in b (paper, Fig. 11). 1 if both are empty.

    Unmatched firings before `neutral_before_s` or after `neutral_after_s` count for neither: at a sequence's ends a
    twitch may peak just outside.
    """
    a_s, b_s = np.asarray(a_s, np.float64), np.asarray(b_s, np.float64)
    matched_a, matched_b = matched_firings(a_s, b_s, tolerance_s)
    lonely = np.concatenate([a_s[~matched_a], b_s[~matched_b]])
    n_lonely = np.count_nonzero((lonely >= neutral_before_s) & (lonely <= neutral_after_s))
    n_common = np.count_nonzero(matched_a)
    return n_common / (n_common + n_lonely) if n_common + n_lonely else 1.0
