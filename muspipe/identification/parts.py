"""Parts of motor units that were taken for units of their own.

Onset delays and soft rims leave a rest within a large unit, and where large units lie on each other one for each of
them. A piece of tissue that moves like this rest looks like a small unit, but its signal is made of theirs, a little
shifted; that of a unit which lies within others is its own.

Shapes: n units, H x W pixels, T frames.
"""

from __future__ import annotations

import numpy as np

from muspipe.territories import flat

SHIFT_S, STEP_S = 0.010, 0.0025
"""Signals are shifted by up to so much, the delays across a territory, in such steps."""
RIDGE = 1e-3
"""For each of the shifted signals, of their power: many short ones shall not explain everything."""


def borrowed(shapes: np.ndarray, signals: np.ndarray, frame_rate_hz: float, least_share: float) -> np.ndarray:
    """(n,): how much of the signal (n, T) of each unit those of the better ones that it overlaps make up together,
    0-1; 0 for units that do not lie within a better one by a share least_share of their pixels. shapes (n, H, W), best
    first."""
    masks = flat(shapes)
    shared = np.tril(masks @ masks.T, -1) / np.maximum(masks.sum(axis=1), 1)[:, None]
    result = np.zeros(len(masks))
    step = max(1, round(STEP_S * frame_rate_hz))
    largest = min(step * max(1, round(SHIFT_S * frame_rate_hz / step)), (signals.shape[1] - 1) // 4 // step * step)
    n_frames = signals.shape[1] - 2 * largest
    shifts = range(0, 2 * largest + 1, step)
    for i in np.flatnonzero((shared > least_share).any(axis=1)):
        hosts = signals[shared[i] > 0]
        shifted = _standardised(np.concatenate([hosts[:, s : s + n_frames] for s in shifts]))
        own = _standardised(signals[i, largest : largest + n_frames])
        products = shifted @ own
        gram = shifted @ shifted.T + RIDGE * len(shifted) * np.eye(len(shifted))
        result[i] = np.clip(products @ np.linalg.solve(gram, products), 0, 1)
    return result


def _standardised(signals):
    """float64, each with mean 0 and norm 1."""
    centred = signals - signals.mean(axis=-1, keepdims=True, dtype=np.float64)
    return centred / (np.linalg.norm(centred, axis=-1, keepdims=True) + 1e-12)
