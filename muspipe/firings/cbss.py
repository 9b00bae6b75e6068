"""From twitch trains to firings by convolutive blind source separation (cBSS), as electromyograms are decomposed.

Rohlén, Lundsberg & Antfolk 2023 (BioMed. Eng. OnLine 22:10) find the spikes of an unfused tetanus, one train, by it.
Here the steps are those of the decomposition of electromyograms, Negro, Muceli, Castronovo, Holobar & Farina 2016
(J. Neural Eng. 13:026027): the train and delayed copies of it are whitened; a fixed-point iteration finds filters whose
output is skewed, one spike a firing, each orthogonal to those before; peaks are put into two classes by their squared
heights; the silhouette score (SIL) says how far these are apart; and a filter is made anew from its spikes as long as
their intervals become more regular. SIL is the best score of a source, Klotz & Rohlén 2025 (arXiv 2502.04065).

Ours: the lengths below; that of the filters with a good SIL the one is taken whose spikes explain most of the train,
as there are filters for one or two spikes, of the best SIL; and the move of the spikes to the instants of peak
velocity. The train is used, and not the velocities of the territory's pixels: every method gives a train, and what
other units add to the pixels is off it already. Rate of agreement of 15 units at 10 firings a second and 10 dB, from
the four strongest courses of the pixels and from the trains of least squares: 0.68 and 0.92 in scenario paper, 0.57
and 0.85 in physiological.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from muspipe.firings import twitches

COPIES = 10
"""The train and its delayed copies, one frame apart: 25 ms."""
FLOOR = 0.1
"""Added to the power of each direction before whitening, in that of the strongest: in a second, filters that whiten
weaker ones altogether fit single frames."""
SOURCES = 6
"""Filters that are tried."""
ITERATIONS, TOLERANCE = 50, 1e-4
REFINEMENTS = 10
"""Filters from spikes, at most."""
LEAST_APART_S = 0.0125
"""Of two peaks of a source: at 30 firings a second hardly any interval is shorter."""
LEAST_SIL = 0.85
"""Sources that have less are left out."""
LEAST_EXPLAINED = 0.4
"""A train of which the spikes explain less than this share has none."""
PRICE = 0.005
"""Of one spike a second, in shares of the train's power: of two explanations the one with fewer spikes is taken."""
BEFORE, AFTER = 24, 24
"""Frames before and after a spike in which the peak of its twitch is sought."""


@dataclass(frozen=True)
class Spikes:
    """Of one train."""

    peaks_s: np.ndarray
    """(K,) instants of the twitches' peak velocity [s], rising."""
    explained: float
    """Share of the train's power, drift aside, that the spikes explain, 0-1."""
    sil: float
    """Silhouette score, up to 1."""


def find_spikes(train: np.ndarray, frame_rate_hz: float) -> Spikes:
    """The spikes of one train (T,)."""
    train, frame_rate_hz = twitches.on_grid(np.asarray(train, np.float64), frame_rate_hz)
    x = twitches.without(twitches.cosines(len(train)), train)
    best, worth = Spikes(np.zeros(0), 0.0, 0.0), 0.0
    if not x @ x > 1e-12 * (train @ train):
        return best
    least_apart = max(1, round(LEAST_APART_S * frame_rate_hz))
    for spikes, sil in _sources(whitened(x), least_apart):
        if sil < LEAST_SIL:
            continue
        explained, lag = _explained(x, spikes)
        value = explained - PRICE * len(spikes) * frame_rate_hz / len(x)
        if value > worth:
            worth = value
            peaks = spikes + lag
            best = Spikes(peaks[(peaks >= 0) & (peaks < len(x))] / frame_rate_hz, explained, sil)
    return best if best.explained >= LEAST_EXPLAINED else Spikes(np.zeros(0), best.explained, best.sil)


def whitened(x: np.ndarray) -> np.ndarray:
    """(COPIES, T): the train (T,) and its delayed copies, uncorrelated, of even power as far as `FLOOR` lets them."""
    copies = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(COPIES - 1), x]), len(x))
    powers, axes = np.linalg.eigh(copies @ copies.T)
    return (axes / np.sqrt(np.maximum(powers, 0) + FLOOR * powers[-1])).T @ copies


def _sources(white, least_apart):
    """(spikes (K,), SIL) of one filter after the other."""
    found = np.zeros((0, len(white)))
    start = white[:, np.argmax(np.sum(white**2, axis=0))]
    for _ in range(min(SOURCES, len(white))):
        w = _fixed_point(white, start, found)
        found = np.concatenate([found, w[None]])
        yield _refined(white, w, least_apart)


def _fixed_point(white, start, found):
    """A filter (m,) of norm one, orthogonal to those found (n, m), whose output is as skewed as can be."""
    w = _deflated(start, found)
    for _ in range(ITERATIONS):
        before, w = w, _deflated(white @ (w @ white) ** 2, found)
        if abs(w @ before) > 1 - TOLERANCE:
            break
    return w


def _deflated(w, found):
    w = w - (found @ w) @ found
    return w / (np.linalg.norm(w) + 1e-300)


def _refined(white, w, least_apart):
    """(spikes, SIL) of a filter, or of one that follows from its spikes as long as their intervals get more regular."""
    spikes, sil = classified(w @ white, least_apart)
    for _ in range(REFINEMENTS):
        mean = white[:, spikes].sum(axis=1)
        new_spikes, new_sil = classified(mean @ white / (np.linalg.norm(mean) + 1e-300), least_apart)
        if not _variation(new_spikes) < _variation(spikes):
            break
        spikes, sil = new_spikes, new_sil
    return spikes, sil


def _variation(spikes):
    """Of the intervals: their SD over their mean; infinite for less than three."""
    intervals = np.diff(spikes)
    return intervals.std() / intervals.mean() if len(intervals) > 2 else np.inf


def classified(source: np.ndarray, least_apart: int) -> tuple[np.ndarray, float]:
    """(frames of the spikes, SIL) of a source (T,): its peaks, squared, in two classes, of which the higher are spikes.

    SIL: the squared distances of the spikes to the middle of the other class, less those to their own, relative.
    """
    power = source * np.abs(source)
    peaks, _ = find_peaks(power, height=0, distance=least_apart)
    if len(peaks) < 2:
        return np.zeros(0, int), 0.0
    heights = power[peaks]
    high = two_classes(heights)
    if high.all() or not high.any():
        return np.zeros(0, int), 0.0
    spikes = heights[high]
    within = np.sum((spikes - spikes.mean()) ** 2)
    between = np.sum((spikes - heights[~high].mean()) ** 2)
    return peaks[high], float((between - within) / max(between, within))


def two_classes(values: np.ndarray) -> np.ndarray:
    """bool (n,): which of n values belong to the higher of two classes, the k-means optimum, found exactly: of all cuts
    of the sorted values the one with the least squares within."""
    order = np.argsort(values)
    rising = values[order]
    counts = np.arange(1, len(rising))
    left, total = np.cumsum(rising)[:-1], rising.sum()
    between = left**2 / counts + (total - left) ** 2 / (len(rising) - counts)
    high = np.zeros(len(values), bool)
    high[order[np.argmax(between) + 1 :]] = True
    return high


def _explained(x, spikes):
    """(share of the train's power that its spikes explain with one twitch, found by least squares; frames from a spike
    to that twitch's peak)."""
    train = np.zeros(len(x) + BEFORE + AFTER)
    train[spikes + AFTER] = 1
    rows = np.lib.stride_tricks.sliding_window_view(train, len(x))[::-1]  # the spikes, later by -BEFORE to AFTER
    gram = rows @ rows.T
    gram[np.diag_indices_from(gram)] += 0.1 * len(spikes)
    twitch = np.linalg.solve(gram, rows @ x)
    rest = x - twitch @ rows
    return float(1 - rest @ rest / (x @ x)), int(np.argmax(twitch)) - BEFORE
