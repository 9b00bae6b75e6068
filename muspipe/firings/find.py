"""Firings of twitch trains by a rule of the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError
from muspipe.firings import DEFAULT_RULE, RULES
from muspipe.firings.cbss import find_spikes
from muspipe.firings.discharges import find_discharges
from muspipe.firings.maxima import positive_maxima


@dataclass(frozen=True)
class Firings:
    """Of n trains."""

    times_s: list[np.ndarray]
    """n float64 arrays: instants of the twitches' peak velocity [s] from the first frame, rising."""
    latencies_s: np.ndarray
    """float64 (n,): from the visible onset of the unit's average twitch to its peak [s], the same for all its firings;
    NaN where the rule tells none."""
    confidences: np.ndarray
    """float32 (n,), 0-1: share of the train's power, slow drift aside, that the firings explain; NaN where the rule
    tells none."""
    rule: str


def check_rule(rule: str) -> None:
    """InputError unless there is such a rule."""
    if rule not in RULES:
        raise InputError(f"firings: expected one of {', '.join(RULES)}, got {rule!r}")


def find_firings(trains: np.ndarray, frame_rate_hz: float, rule: str = DEFAULT_RULE) -> Firings:
    """Firings of each train (n, T), positive in the direction of contraction."""
    check_rule(rule)
    unknown = np.full(len(trains), np.nan)
    if rule == "paper":
        return Firings(positive_maxima(trains, frame_rate_hz), unknown, unknown.astype(np.float32), rule)
    if rule == "cbss":
        sources = [find_spikes(train, frame_rate_hz) for train in trains]
        explained = np.array([one.explained for one in sources], np.float32)
        return Firings([one.peaks_s for one in sources], unknown, explained, rule)
    found = find_discharges(trains, frame_rate_hz)
    latencies_s = np.array([one.latency_s for one in found], np.float64)
    explained = np.array([one.explained for one in found], np.float32)
    return Firings([one.peaks_s for one in found], latencies_s, explained, rule)
