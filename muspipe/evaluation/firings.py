"""Firings: rate of agreement (RoA) between two lists of firing times of one motor unit."""

from __future__ import annotations

import numpy as np

TOLERANCE_S = 0.015
"""Two firings agree within this time: 6 samples at 400 Hz (paper)."""


def matched_firings(a_s: np.ndarray, b_s: np.ndarray, tolerance_s: float = TOLERANCE_S):
    """Largest one-to-one set of firings of a and b that agree: two bool arrays, which of a and which of b matched.

    a_s, b_s: rising times [s]. Walking both lists in time and pairing the first that agree is optimal on a line.
    """
    matched_a, matched_b = np.zeros(len(a_s), bool), np.zeros(len(b_s), bool)
    i = j = 0
    slack_s = tolerance_s + 1e-9  # times on a frame grid that differ by exactly the tolerance agree
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
