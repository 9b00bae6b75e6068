"""A second look at a window for units that others have found: is it there, and with which train?

The unit's signal and those around it are fitted to the velocity about its territory. It is there if its map has the
shape of the territory again, its train is one of twitches, and what no signal around it explains is not much less than
elsewhere.

Shapes: n units, H x W pixels, T frames of the window.
"""

from __future__ import annotations

import numpy as np

from muspipe.baselines.fitting import alternate, fit_maps
from muspipe.firings.discharges import find_discharges
from muspipe.leastsquares import fit_signals
from muspipe.recordings.recording import Recording
from muspipe.territories import flat, iou

MARGIN_PX = 6
"""Around a territory, what units beside it need to be told from it."""
LEVEL = 0.3
"""A territory is where a map exceeds this of its plateau, as in `TunedICA.territory_level`."""
SAME_IOU = 0.4
LEAST_RMS = 0.3
"""Of what its neighbours' signals do not explain of the velocity in its territory, over that of its train where it was
found: a second of activity in three has 0.6."""


def filled(recording: Recording, missing: int, territories: np.ndarray, trains: np.ndarray, usual_rms: float):
    """The train float32 (T,) of one unit in a window, or None if it is not there.

    recording: of the window, prepared; territories: bool (n, H, W) of all units, `missing` the index of the one that is
    looked for; trains: (n, T) of those that are known in this window, NaN for others.
    """
    box = _box(territories[missing])
    near = np.flatnonzero(territories[(slice(None), *box)].any(axis=(1, 2)))
    near = np.concatenate([[missing], near[near != missing]])
    shapes = territories[(near, *box)]
    x = np.ascontiguousarray(recording.velocity[box]).reshape(-1, recording.n_frames)
    known = np.isfinite(trains[near]).all(axis=1)
    own = _unexplained(x, trains[near[known]])[shapes[0].ravel()].mean(axis=0)
    if np.sqrt(np.mean(own**2)) < LEAST_RMS * usual_rms:
        return None
    signals = fit_signals(flat(shapes), x)
    signals[known] = trains[near[known]]
    signals, found = alternate(x, signals, shapes, np.zeros(len(near), bool), LEVEL, 1)
    there = iou(found[:1], shapes[:1])[0, 0] >= SAME_IOU
    return signals[0] if there and len(find_discharges(signals[:1], recording.frame_rate_hz)[0].peaks_s) else None


def _unexplained(x, signals):
    """What is left of pixels (P, T) beside signals (m, T), whatever their maps."""
    if not len(signals):
        return x
    maps = fit_maps(signals, x)
    return x - maps.T @ (signals / (np.linalg.norm(signals, axis=1, keepdims=True) + 1e-12))


def _box(territory):
    """Slices about a territory (H, W), with a margin."""
    rows, columns = np.nonzero(territory)
    return tuple(slice(max(0, at.min() - MARGIN_PX), at.max() + 1 + MARGIN_PX) for at in (rows, columns))
