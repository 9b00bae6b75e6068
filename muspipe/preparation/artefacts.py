"""Frames and pixels that hold no data: found, and filled from their neighbours.

Shapes: velocity (H, W, T); pixels x (P, T).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.fft import dct
from scipy.spatial import cKDTree

JUMP = 8.0
"""A frame stands out whose second difference in time has this many times the root mean square that nine frames in ten
stay below. Simulated twitches reach 2.1, those of a single unit at 2 firings a second without noise 6.5."""
LONGEST_BURST_S = 0.03
"""Frames that stand out and lie closer than this are one burst: what lasts longer is motion."""
LARGEST_HOLE_PX = 4
"""Still pixels into which a square larger than this fits, with all that touch it, are no part of the image; others are
dead."""
NEIGHBOURS = 6
"""Good pixels that a dead one is filled from."""
REACH_S = 0.02
"""Good frames within this time on both sides fill a gap: about as long as a twitch rises."""
BLOCK_PX = 1024
"""Pixels that are looked at together, as what is computed of all is as large as the recording."""
NOISY = 1e-5
"""Still pixels are dead only where others have noise, at least of this share of the power (50 dB): a simulation without
noise is still between its territories."""


def still_pixels(velocity: np.ndarray) -> np.ndarray:
    """bool (H, W): pixels that never change."""
    still = (velocity[..., :8] == velocity[..., :1]).all(axis=2)
    still[still] = (velocity[still] == velocity[still][:, :1]).all(axis=1)
    return still


def dead_and_outside(velocity: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(dead, outside), both bool (H, W): still pixels among the others, and regions that hold no data, which are those
    outside `inside` (H, W) and any other that is too large to be filled."""
    still = still_pixels(velocity)
    if not still.any() or still.all() or not _noisy(velocity[~still]):
        return np.zeros_like(still), ~inside
    still |= ~inside
    core = ndimage.binary_opening(np.pad(still, 1, mode="edge"), np.ones((LARGEST_HOLE_PX + 1,) * 2))[1:-1, 1:-1]
    outside = ndimage.binary_propagation(core, mask=still) | ~inside
    return still & ~outside, outside


def _noisy(x):
    """Whether pixels (P, T) have noise, by their power in the fastest quarter of frequencies."""
    few = x[:: max(1, len(x) // 256)]
    few = few - few.mean(axis=1, keepdims=True)
    spectrum = dct(few * np.hanning(few.shape[1]), axis=1, norm="ortho") ** 2
    return spectrum[:, 3 * few.shape[1] // 4 :].mean() > NOISY * spectrum.mean()


def fill_pixels(velocity: np.ndarray, dead: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """A copy with the mean of the nearest good pixels, weighted by 1 / distance^2, in the dead ones, and 0 outside."""
    filled = velocity.copy()
    filled[outside] = 0
    good = np.argwhere(~(dead | outside))
    if dead.any() and len(good):
        distances, nearest = cKDTree(good).query(np.argwhere(dead), k=min(NEIGHBOURS, len(good)))
        weights = (1 / np.reshape(distances, (len(distances), -1)) ** 2).astype(np.float32)
        rows, columns = good[np.reshape(nearest, weights.shape)].transpose(2, 0, 1)
        weights /= weights.sum(axis=1, keepdims=True)
        filled[dead] = np.einsum("pk,pkt->pt", weights, velocity[rows, columns])
    return filled


def repeated_frames(x: np.ndarray) -> np.ndarray:
    """bool (T,): frames that equal the one before in every pixel, or that hold one value all over."""
    few = x[:: max(1, len(x) // 64)]
    repeated = np.zeros(x.shape[1], bool)
    repeated[1:] = (few[:, 1:] == few[:, :-1]).all(axis=0)
    at = np.flatnonzero(repeated)
    repeated[at] = (x[:, at] == x[:, at - 1]).all(axis=0)
    blank = np.flatnonzero((few == few[:1]).all(axis=0))
    repeated[blank] |= (x[:, blank] == x[:1, blank]).all(axis=0)
    return repeated


def burst_frames(x: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """bool (T,): frames of short artefacts, which stand out from those before and after. Motion of the whole muscle is
    too slow to do so."""
    power = np.zeros(x.shape[1] - 2)
    for some in np.array_split(x, -(-len(x) // BLOCK_PX)):
        bent = some[:, 2:] - some[:, 1:-1]
        bent -= some[:, 1:-1] - some[:, :-2]
        power += np.einsum("pt,pt->t", bent, bent)
    size = np.sqrt(power / len(x))
    stands_out = np.zeros(x.shape[1], bool)
    stands_out[1:-1] = size > JUMP * max(np.percentile(size, 90), np.finfo(np.float32).tiny)
    burst = np.zeros_like(stands_out)
    at = np.flatnonzero(stands_out)
    for run in np.split(at, np.flatnonzero(np.diff(at) > LONGEST_BURST_S * frame_rate_hz) + 1):
        if len(run):
            # the good frames on both sides of a jump stand out too; those at the very ends cannot be told
            first = run[0] + 1 if run[0] > 1 else 0
            last = run[-1] - 1 if run[-1] < len(burst) - 2 else len(burst) - 1
            first, last = (first, last) if first <= last else (run[0], run[-1])
            burst[first : last + 1] = True
    return burst


def fill_frames(x: np.ndarray, bad: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """A copy of x (P, T) with the bad frames (T,) as the good ones about them predict best.

    The prediction is linear, by the covariance of frames so far apart (Wiener's): it knows how fast this velocity
    changes and how much of it is noise.
    """
    filled, good = x.copy(), np.flatnonzero(~bad)
    reach = max(3, round(REACH_S * frame_rate_hz))
    few = x[:: max(1, len(x) // 512)].astype(np.float64)
    few[:, bad] = [np.interp(np.flatnonzero(bad), good, row[good]) for row in few]
    for run in _runs(bad):
        near = good[(good >= run[0] - reach) & (good <= run[-1] + reach)]
        if not len(near):
            near = good[np.abs(good - run[0]).argmin()][None]
        start = min(near[0], run[0])
        covariance = _covariance(few, max(near[-1], run[-1]) - start + 1)
        among, towards = covariance[np.ix_(near - start, near - start)], covariance[np.ix_(near - start, run - start)]
        among[np.diag_indices_from(among)] += 1e-6 * np.trace(among) / len(among)
        filled[:, run] = x[:, near] @ np.linalg.solve(among, towards).astype(np.float32)
    return filled


def _covariance(few, length):
    """(length, length) of consecutive frames: mean over all windows of so many frames in `few` (P, T)."""
    covariance, n_frames = np.zeros((length, length)), few.shape[1]
    for lag in range(length):
        products = np.einsum("pt,pt->t", few[:, : n_frames - lag], few[:, lag:])
        sums = np.concatenate([[0], np.cumsum(products)])
        at = np.arange(length - lag)
        covariance[at, at + lag] = covariance[at + lag, at] = sums[at + n_frames - length + 1] - sums[at]
    return covariance / (n_frames - length + 1)


def _runs(bad):
    """Index arrays of consecutive bad frames."""
    at = np.flatnonzero(bad)
    return [run for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(run)]
