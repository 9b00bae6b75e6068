"""Synchronisation of two motor units: do they fire together more often than by chance? A sign of common input.

The cross-histogram counts the lags from each firing of one unit to all firings of the other. Common input piles them up
about lag zero; what lies further off says how many there would be by chance (Sears & Stagg 1976).
"""

from __future__ import annotations

import numpy as np

LONGEST_LAG_S = 0.100
BIN_S = 0.001
PEAK_S = 0.0055
"""Half the width of the window about zero: eleven bins (ours). It is fixed, as a window put where the histogram is
highest would find a peak by chance."""
BASELINE_S = 0.020
"""Lags beyond this are taken to be by chance."""

PAIR_PROPERTIES = {
    "unit": ("1", "number of the first unit, from 1"),
    "other_unit": ("1", "number of the second unit, from 1"),
    "n_synchronous": ("1", f"pairs of firings within {1e3 * PEAK_S:g} ms of each other"),
    "n_by_chance": ("1", f"as many would be by chance, from lags of {1e3 * BASELINE_S:g}-{1e3 * LONGEST_LAG_S:g} ms"),
    "cis_hz": ("Hz", "common input strength: synchronous firings beyond chance a second (Nordstrom et al. 1992)"),
    "k_prime": ("1", "synchronous firings over those by chance (Ellaway & Murthy 1985)"),
    "z": ("1", "synchronous firings beyond chance, in SDs of chance (Poisson)"),
}
"""What `synchronisation` gives: (unit, description)."""


def cross_histogram(a_s, b_s, longest_lag_s: float = LONGEST_LAG_S, bin_s: float = BIN_S):
    """(centres of the bins [s], counts), both (2 m + 1,), of the lags from firings of a to firings of b. The middle bin
    is about lag 0."""
    half = round(longest_lag_s / bin_s)
    bins = np.rint(_lags(a_s, b_s, (half + 0.5) * bin_s) / bin_s).astype(np.int64)
    counts = np.bincount(bins[np.abs(bins) <= half] + half, minlength=2 * half + 1)
    return np.arange(-half, half + 1) * bin_s, counts


def synchronisation(firings: list[np.ndarray], duration_s: float) -> dict[str, np.ndarray]:
    """{name of PAIR_PROPERTIES: (p,)} of the p = n (n - 1) / 2 pairs of n motor units, in the order 1-2, 1-3, ...

    Firings of both units of a pair must have the same delay after the discharge, or the peak is not about zero. On a
    coarse grid, as the frames are (rule `paper`), more or fewer of them fall within PEAK_S than its width says: at
    400 Hz 14 % more.
    """
    pairs = [(i, j) for i in range(len(firings)) for j in range(i + 1, len(firings))]
    counts = [_of_pair(firings[i], firings[j], duration_s) for i, j in pairs]
    found, by_chance = np.reshape(np.array(counts, np.float64), (-1, 2)).T
    numbers = np.reshape(np.array(pairs, np.int64), (-1, 2)).T + 1
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing by chance: not told
        k_prime, z = found / by_chance, (found - by_chance) / np.sqrt(by_chance)
    told = by_chance > 0
    return {
        "unit": numbers[0],
        "other_unit": numbers[1],
        "n_synchronous": found,
        "n_by_chance": by_chance,
        "cis_hz": (found - by_chance) / duration_s,
        "k_prime": np.where(told, k_prime, np.nan),
        "z": np.where(told, z, np.nan),
    }


def _of_pair(a_s, b_s, duration_s):
    """(synchronous firings, those by chance)."""
    longest_s = min(LONGEST_LAG_S, duration_s / 2)
    lags_s = np.abs(_lags(a_s, b_s, longest_s))
    far = lags_s > BASELINE_S
    # A recording of length D shows a lag l only for D - |l| of its time.
    n_far = np.sum(1 / (1 - lags_s[far] / duration_s))
    return np.count_nonzero(lags_s <= PEAK_S), n_far * PEAK_S / max(longest_s - BASELINE_S, PEAK_S)


def _lags(a_s, b_s, longest_lag_s):
    """Lags [s] from every firing of a to those firings of b that are no further off. Both rising."""
    a_s, b_s = np.asarray(a_s, np.float64), np.asarray(b_s, np.float64)
    first = np.searchsorted(b_s, a_s - longest_lag_s, side="left")
    n_near = np.searchsorted(b_s, a_s + longest_lag_s, side="right") - first
    start = np.repeat(np.cumsum(n_near) - n_near, n_near)
    return b_s[np.repeat(first, n_near) + np.arange(n_near.sum()) - start] - np.repeat(a_s, n_near)
