"""Firings in quick succession: two that one twitch explains nearly as well are one.

Twitches of a unit differ in size and width, and rests of other units lie on them. A twitch that is larger or wider than
the average is then explained best by two firings, faster than the unit fires. Motor neurons do fire doublets, 2.5-20 ms
apart, but commonly fire once, 5-20 times a second in gentle contractions (Kudina & Andreeva 2013, Front Cell Neurosci
7:75; Garland & Griffin 1999, Can J Appl Physiol 24:113). So it takes evidence: firings much closer to each other than
the unit's usual ones stay two if a single one, wherever between them and however large, explains clearly less.
"""

from __future__ import annotations

import numpy as np

from muspipe.firings import twitches
from muspipe.firings.twitches import ALIKE, GRID_HZ, NOWHERE

CLOSE_S, CLOSE_SHARE = 0.040, 0.5
"""Doubted are intervals below this, and below this share of the unit's median interval: fast units fire fast."""
EVIDENCE = 0.2
"""What two firings explain more than one, in a typical twitch's energy, that is enough in any train ..."""
OVER_REST = 12.0
"""... and in the share of the power that no firing explains, as a clean train shows a doublet far better."""
PLACES = 7
"""Of the single firing that are tried, from the one to the other of the two."""


def merged(x: np.ndarray, w: np.ndarray, onsets: np.ndarray, drift: np.ndarray, rest: float) -> list[np.ndarray]:
    """Onsets (K',), rising, of each of the stretches x (s, T) without drift (T, D), of the onsets (s, K) of a train
    with the twitch w (L,): pairs that are no two have become one. rest: share of its power that they leave over."""
    rising = [np.sort(t[t > NOWHERE]) for t in onsets]
    gaps = np.concatenate([np.diff(t) for t in rising])
    close = min(CLOSE_S * GRID_HZ, CLOSE_SHARE * np.median(gaps)) if len(gaps) else 0.0
    if not (gaps < close).any():
        return rising
    size, energy = _typical_amplitude(x, w, onsets, drift), np.sum(w**2)
    least = min(EVIDENCE, OVER_REST * rest) * size**2 * energy
    return [_merged(one, w, t, drift, size, close, least) for one, t in zip(x, rising, strict=True)]


def _typical_amplitude(x, w, onsets, drift):
    rows = twitches.laid_down(w, onsets, x.shape[1])
    free, pull, _ = twitches.amplitudes(x, rows, drift, np.sum(w**2))
    size = 0.0
    for _ in range(3):
        size = twitches.typical(np.where(onsets > NOWHERE, free + size * pull, 0).ravel())
    return size


def _merged(x, w, t, drift, size, close, least):
    """The onsets (K',) of one stretch (T,). Of pairs nearer than `close` [frames] the most doubtful goes first, until
    each explains `least` more than a single firing."""
    while (np.diff(t) < close).any():
        first = np.flatnonzero(np.diff(t) < close)
        costs, singles = _singles(x, w, t, drift, size, first)
        worst = np.argmin(costs)
        if costs[worst] >= least:
            break
        t = np.sort(np.append(np.delete(t, [first[worst], first[worst] + 1]), singles[worst]))
    return t


def _singles(x, w, t, drift, size, first):
    """(what it costs (m,), its onset (m,)) to have the best single firing in place of the firings `first` (m,) and the
    next: the squared residual with the prior of the amplitudes, as in `twitches.amplitudes`."""
    k, weight = len(t), ALIKE * np.sum(w**2)
    tried = t[first, None] + np.diff(t)[first, None] * np.linspace(0, 1, PLACES)
    rows = twitches.laid_down(w, np.concatenate([t, tried.ravel()]), len(x))
    gram, right = twitches.products(rows, drift), rows @ x + weight * size
    inverse = np.linalg.inv(gram[:k, :k] + weight * np.eye(k))
    a = inverse @ right[:k]
    costs, singles = np.empty(len(first)), np.empty(len(first))
    for m, i in enumerate(first):
        pair, at = [i, i + 1], slice(k + m * PLACES, k + (m + 1) * PLACES)
        out = np.linalg.solve(inverse[np.ix_(pair, pair)], np.column_stack([a[pair], inverse[pair]]))
        others_a, others = a - inverse[:, pair] @ out[:, 0], inverse - inverse[:, pair] @ out[:, 1:]
        shared, own = gram[at, :k], np.diagonal(gram)[at] + weight
        gains = (right[at] - shared @ others_a) ** 2 / (own - np.sum((shared @ others) * shared, axis=1))
        best = np.argmax(gains)
        costs[m], singles[m] = a[pair] @ out[:, 0] - gains[best] - weight * size**2, tried[m, best]
    return costs, singles
