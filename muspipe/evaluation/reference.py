"""Motor units of ultrasound against those of decomposed EMG: which fire together, how late, how well.

A twitch is seen some time after its discharge, so each pair of units is compared at the delay at which most firings
agree. That search finds some agreement in any two trains: how much by chance is told beside the rate of agreement, from
the same search with the reference turned round in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from muspipe.discharges import cross_histogram
from muspipe.evaluation.metrics import EDGE_S, matched_firings
from muspipe.evaluation.reference_options import PairingOptions
from muspipe.recordings.decomposed import Decomposition
from muspipe.recordings.result import Result

BIN_S = 0.001
N_TURNS = 19
"""Turned references: a true agreement is above all of them but once in twenty times by chance."""
REFINED = 3
"""Rounds of moving a delay to the median lag of the firings that agree at it."""

COLUMNS = {
    "unit": ("1", "number of the unit in the result, from 1"),
    "reference_unit": ("", "what the reference calls its unit"),
    "delay_ms": ("ms", "from the reference's firings to the unit's"),
    "jitter_ms": ("ms", "SD of that delay over the firings that agree"),
    "roa": ("1", "rate of agreement: n_common / (n_common + n_only_unit + n_only_reference)"),
    "roa_by_chance": ("1", f"the highest of {N_TURNS} references turned round in time; empty: recording too short"),
    "n_common": ("1", "firings that agree"),
    "n_only_unit": ("1", "firings of the unit alone"),
    "n_only_reference": ("1", "firings of the reference alone"),
}
"""{column: (unit, description)} of the table of pairs."""


@dataclass(frozen=True)
class Agreement:
    """Of a unit with a unit of the reference, at a delay."""

    delay_s: float
    jitter_s: float
    n_common: int
    n_only_unit: int
    n_only_reference: int

    @property
    def roa(self) -> float:
        """n_common over all; 0 where neither fires."""
        return self.n_common / max(self.n_common + self.n_only_unit + self.n_only_reference, 1)


@dataclass(frozen=True)
class Pair:
    """Of the units with these indices, from 0."""

    unit: int
    reference_unit: int
    agreement: Agreement
    roa_by_chance: float
    """NaN where the recording is too short to turn the reference."""

    def row(self, labels) -> dict:
        """{column of COLUMNS: value}; labels: of the reference's units."""
        found = self.agreement
        return {
            "unit": self.unit + 1,
            "reference_unit": labels[self.reference_unit],
            "delay_ms": 1e3 * found.delay_s,
            "jitter_ms": 1e3 * found.jitter_s,
            "roa": found.roa,
            "roa_by_chance": self.roa_by_chance,
            "n_common": found.n_common,
            "n_only_unit": found.n_only_unit,
            "n_only_reference": found.n_only_reference,
        }


def pair_units(result: Result, reference: Decomposition, options: PairingOptions | None = None) -> list[Pair]:
    """The one-to-one pairs with the largest sum of rates of agreement, each of at least `least_roa`, by unit.

    Firings that only one of the two signals could show, for the delay or as it was shorter, count for neither.
    """
    options = options or PairingOptions()
    clock = _Clock(result.duration_s, -options.start_s, reference.duration_s - options.start_s)
    firings, others = result.firings, on_our_clock(reference, options)
    if not firings:
        return []
    if options.delay == "one":
        fixed_s = _common_delay(firings, others, clock, options)
        table = [[_agreement(a, b, fixed_s, clock, options) for b in others] for a in firings]
    else:
        fixed_s = None
        table = [[_best_agreement(a, b, clock, options) for b in others] for a in firings]
    pairs = []
    for i, j in _assigned(np.array([[one.roa for one in row] for row in table]), options):
        chance = _by_chance(firings[i], others[j], clock, options, fixed_s)
        pairs.append(Pair(i, j, table[i][j], chance))
    return pairs


def on_our_clock(reference: Decomposition, options: PairingOptions) -> list[np.ndarray]:
    """The reference's firings [s] from the first frame on; negative before it."""
    return [times_s - options.start_s for times_s in reference.firings]


@dataclass(frozen=True)
class _Clock:
    """[s] from the ultrasound's first frame: the ultrasound goes from 0 to duration_s, the reference from start_s to
    end_s."""

    duration_s: float
    start_s: float
    end_s: float

    def both(self, delay_s):
        """(from, to): where a twitch is seen of which the discharge is seen, too."""
        return max(EDGE_S, self.start_s + delay_s), min(self.duration_s - EDGE_S, self.end_s + delay_s)


def _agreement(a_s, b_s, delay_s, clock, options) -> Agreement:
    later_s = b_s + delay_s
    in_a, in_b = matched_firings(a_s, later_s, 1e-3 * options.tolerance_ms)
    first_s, last_s = clock.both(delay_s)
    lags_s = a_s[in_a] - b_s[in_b]
    only_a, only_b = (
        int(np.count_nonzero((lonely >= first_s) & (lonely <= last_s))) for lonely in (a_s[~in_a], later_s[~in_b])
    )
    jitter_s = float(np.std(lags_s, ddof=1)) if len(lags_s) > 1 else np.nan
    return Agreement(float(delay_s), jitter_s, int(in_a.sum()), only_a, only_b)


def _best_agreement(a_s, b_s, clock, options) -> Agreement:
    """At the delay of the most lags, refined to the median lag of what agrees there."""
    low_s, high_s = _range_s(options)
    delays_s, support = _support(a_s, b_s, options)
    best = _agreement(a_s, b_s, delays_s[support.argmax()], clock, options)
    for _ in range(REFINED):
        in_a, in_b = matched_firings(a_s, b_s + best.delay_s, 1e-3 * options.tolerance_ms)
        if not in_a.any():
            break
        delay_s = float(np.clip(np.median(a_s[in_a] - b_s[in_b]), low_s, high_s))
        refined = _agreement(a_s, b_s, delay_s, clock, options)
        if delay_s == best.delay_s or refined.roa < best.roa:
            break
        best = refined
    return best


def _common_delay(firings, others, clock, options) -> float:
    """The delay [s] at which all pairs together agree best."""
    low_s, high_s = _range_s(options)
    found = [[_support(a, b, options) for b in others] for a in firings]
    delays_s, support = found[0][0][0], np.array([[cell[1] for cell in row] for row in found])
    n_a, n_b = np.array([len(a) for a in firings]), np.array([len(b) for b in others])
    share = support / np.maximum(n_a[:, None, None] + n_b[:, None] - support, 1)
    totals = []
    for d in range(len(delays_s)):
        rows, columns = linear_sum_assignment(share[..., d], maximize=True)
        totals.append(share[rows, columns, d].sum())
    delay_s = delays_s[int(np.argmax(totals))]
    for _ in range(REFINED):
        agreed = np.array([[_agreement(a, b, delay_s, clock, options).roa for b in others] for a in firings])
        lags = []
        for i, j in _assigned(agreed, options):
            in_a, in_b = matched_firings(firings[i], others[j] + delay_s, 1e-3 * options.tolerance_ms)
            lags.append(firings[i][in_a] - others[j][in_b])
        if not lags:
            break
        delay_s = float(np.clip(np.median(np.concatenate(lags)), low_s, high_s))
    return float(delay_s)


def _range_s(options):
    return tuple(1e-3 * ms for ms in options.delay_range_ms)


def _support(a_s, b_s, options):
    """(delays [s], how many lags from b to a are near each, (D,)): one at it counts as 1, at the tolerance as 0."""
    low_s, high_s = _range_s(options)
    delays_s = np.arange(low_s, high_s + BIN_S / 2, BIN_S)
    reach = round(1e-3 * options.tolerance_ms / BIN_S)
    weight = 1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    middle_s = (low_s + high_s) / 2
    _, counts = cross_histogram(b_s + middle_s, a_s, (high_s - low_s) / 2 + (reach + 2) * BIN_S, BIN_S)
    smooth = np.convolve(counts, weight, "same")
    at = np.rint((delays_s - middle_s) / BIN_S).astype(int) + len(counts) // 2
    return delays_s, smooth[at]


def _assigned(roa, options):
    """[(unit, unit of the reference)], by unit."""
    rows, columns = linear_sum_assignment(np.where(roa >= options.least_roa, roa, 0), maximize=True)
    return [
        (int(i), int(j)) for i, j in zip(rows, columns, strict=True) if roa[i, j] >= options.least_roa and roa[i, j] > 0
    ]


def _by_chance(a_s, b_s, clock, options, fixed_s) -> float:
    """The highest rate of agreement with the reference turned round in time, so that nothing can be common."""
    low_s, high_s = _range_s(options)
    start_s, end_s = max(-high_s, clock.start_s), min(clock.duration_s - low_s, clock.end_s)
    length_s, apart_s = end_s - start_s, (high_s - low_s) + 2e-3 * options.tolerance_ms
    if length_s <= 3 * apart_s:
        return np.nan
    inside_s = b_s[(b_s >= start_s) & (b_s <= end_s)]
    found = []
    for turn_s in np.linspace(apart_s, length_s - apart_s, N_TURNS):
        turned_s = np.sort(start_s + (inside_s - start_s + turn_s) % length_s)
        if fixed_s is None:
            found.append(_best_agreement(a_s, turned_s, clock, options).roa)
        else:
            found.append(_agreement(a_s, turned_s, fixed_s, clock, options).roa)
    return max(found)
