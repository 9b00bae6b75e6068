"""A second look at a window for units that others have found: is it there, and with which train?

The unit's signal and those around it are fitted to the velocity about its territory. It is there if its map has the
shape of the territory again, and its power is not much less than elsewhere.

Shapes: n units, H x W pixels, T frames of the window.
"""

from __future__ import annotations

import numpy as np

from muspipe.baselines.fitting import alternate
from muspipe.leastsquares import fit_signals
from muspipe.territories import flat, iou

MARGIN_PX = 6
"""Around a territory, what units beside it need to be told from it."""
LEVEL = 0.3
"""A territory is where a map exceeds this of its plateau, as in `TunedICA.territory_level`."""
SAME_IOU = 0.4
LEAST_RMS = 0.3
"""Of its train, over that where the unit was found: a second of activity in three has 0.6."""
COPY = 0.8
"""A signal that correlates like this with that of a neighbour is the neighbour's."""


def filled(velocity: np.ndarray, missing: int, territories: np.ndarray, trains: np.ndarray, usual_rms: float):
    """The train float32 (T,) of one unit in a window, or None if it is not there.

    velocity: (H, W, T); territories: bool (n, H, W) of all units, `missing` the index of the one that is looked for;
    trains: (n, T) of those that are known in this window, NaN for others.
    """
    box = _box(territories[missing])
    near = np.flatnonzero(territories[(slice(None), *box)].any(axis=(1, 2)))
    near = np.concatenate([[missing], near[near != missing]])
    shapes = territories[(near, *box)]
    x = np.ascontiguousarray(velocity[box]).reshape(-1, velocity.shape[2])
    signals = fit_signals(flat(shapes), x)
    known = np.isfinite(trains[near]).all(axis=1)
    known[0] = False
    signals[known] = trains[near[known]]
    if not signals[0].any():
        return None
    signals, found = alternate(x, signals, shapes, np.zeros(len(near), bool), LEVEL, 1)
    train = signals[0]
    there = iou(found[:1], shapes[:1])[0, 0] >= SAME_IOU and np.sqrt(np.mean(train**2)) >= LEAST_RMS * usual_rms
    return train if there and not _is_copy(train, signals[1:][known[1:]]) else None


def _box(territory):
    """Slices about a territory (H, W), with a margin."""
    rows, columns = np.nonzero(territory)
    return tuple(slice(max(0, at.min() - MARGIN_PX), at.max() + 1 + MARGIN_PX) for at in (rows, columns))


def _is_copy(train, others):
    """Whether a train (T,) is like one of the others (m, T)."""
    if not len(others):
        return False
    centred = train - train.mean()
    others = others - others.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(others, axis=1) * np.linalg.norm(centred)
    return bool((others @ centred > COPY * np.maximum(norms, np.finfo(np.float32).tiny)).any())
