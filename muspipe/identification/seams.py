"""One unit out of its parts in the windows of a long recording: territory, twitch train without a seam, the times at
which it is active; and how far the image drifts meanwhile.

Shapes: n units, W windows, T frames.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import uniform_filter1d

from muspipe.identification.blocks import Piece
from muspipe.identification.joining import Chain
from muspipe.territories import first_of, iou

HOLD = 0.1
"""Weight of the logarithm of a factor between windows, in that of an overlap whose trains agree wholly."""
ACTIVE_SHARE = 0.1
"""A unit is active where its power is at least this share of what it has where it is strongest."""
SMOOTHED_S = 0.5
"""Power is a mean over this time, of which a unit that fires 5 times a second has two twitches."""
PAUSE_S = 1.0
"""Shorter pauses than this are part of the activity."""
FADE_S = 0.05
"""A train fades to zero, where its unit falls silent, in this time."""
LEAST_CHAINS = 3
"""Drift is told from so many units."""
COPY_IOU, COPY_CORRELATION = 0.3, 0.7
"""Of two units whose territories and trains are more alike, the less likely one is a copy, found beside the other in
some window where tissue is dragged along. Of 689 units found in 44 simulated recordings with echoes 8 pairs were so
alike, and one of these was of two units."""
NEARER = 1e-3
"""Positions have settled when none moves by more [px]."""


def train_of(chain: Chain, windows: tuple[Piece, ...], n_frames: int) -> np.ndarray:
    """float32 (T,): the trains of a chain, each as its window's `fade` says, zero where it has none."""
    total, weight = np.zeros(n_frames), np.zeros(n_frames)
    order = sorted(chain)
    for w, gain in zip(order, _gains(chain, order, windows), strict=True):
        window = windows[w]
        total[window.slice] += window.fade * gain * chain[w].train
        weight[window.slice] += window.fade
    return (total / np.where(weight > 0, weight, 1)).astype(np.float32)


def _gains(chain, order, windows):
    """A factor for each part by which trains are alike where they overlap: least squares of logarithms, each of which
    is held to zero, so that factors do not wander off."""
    n = len(order)
    if n == 1:
        return np.ones(1)
    diagonal, beside, right = np.full(n, HOLD), np.zeros(n), np.zeros(n)
    for k, (w, following) in enumerate(zip(order, order[1:], strict=False)):
        common = windows[w].common(windows[following])
        if common is None:
            continue
        a = chain[w].train[common.start - windows[w].start : common.stop - windows[w].start]
        b = chain[following].train[common.start - windows[following].start : common.stop - windows[following].start]
        a, b = a - a.mean(), b - b.mean()
        product, size_a, size_b = float(a @ b), float(a @ a), float(b @ b)
        if product <= 0:
            continue
        weight, step = product**2 / (size_a * size_b), 0.5 * np.log(size_a / size_b)  # of b's logarithm over a's
        diagonal[k] += weight
        diagonal[k + 1] += weight
        beside[k + 1] -= weight
        right[k] -= weight * step
        right[k + 1] += weight * step
    return np.exp(solveh_banded(np.stack([beside, diagonal]), right))


def drift_px(chains: list[Chain], n_windows: int, width: int) -> np.ndarray:
    """(W, 2): where the territories of a window lie (y, x) [px] from their mean place over all windows; zeros where too
    few chains are seen in several windows to tell. width: of the image."""
    places = np.full((len(chains), n_windows, 2), np.nan)
    for k, chain in enumerate(chains):
        for w, part in chain.items():
            if part.found:
                places[k, w] = np.mean(part.pixels // width), np.mean(part.pixels % width)
    places = places[np.isfinite(places[..., 0]).sum(axis=1) > 1]
    moved = np.zeros((n_windows, 2))
    if len(places) < LEAST_CHAINS:
        return moved
    for _ in range(100):  # medians over windows and over units in turn
        homes = np.nanmedian(places - moved, axis=1)
        away = places - homes[:, None]
        seen = np.isfinite(away[..., 0]).sum(axis=0) >= LEAST_CHAINS
        new = np.zeros_like(moved)
        new[seen] = np.nanmedian(away[:, seen], axis=0)
        new[seen] -= new[seen].mean(axis=0)
        settled = np.abs(new - moved).max() < NEARER
        moved = new
        if settled:
            break
    return moved


def territory_of(chain: Chain, moved_px: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """bool (H, W): what lies in the territory in at least half of the windows that have found the unit, each moved back
    by the drift (W, 2) of the image."""
    votes = np.zeros(image_shape, int)
    found = [w for w, part in chain.items() if part.found]
    for w in found:
        votes[tuple(_moved(chain[w].pixels, -moved_px[w], image_shape))] += 1
    return 2 * votes >= len(found)


def moved_territory(territory: np.ndarray, by_px: np.ndarray) -> np.ndarray:
    """A territory (H, W) moved by (y, x) [px], to the nearest pixel; what leaves the image is lost."""
    moved = np.zeros_like(territory)
    moved[tuple(_moved(np.flatnonzero(territory), by_px, territory.shape))] = True
    return moved


def _moved(pixels, by_px, image_shape):
    """Rows and columns (2, k) of flat pixels moved by (y, x), without those that leave the image."""
    places = np.stack(np.unravel_index(pixels, image_shape)) + np.round(by_px).astype(int)[:, None]
    return places[:, ((places >= 0) & (places < np.reshape(image_shape, (2, 1)))).all(axis=0)]


def active(train: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """bool (T,): where a unit with this train is active, not where it pauses for long, nor before it is recruited and
    after it is derecruited."""
    n = round(SMOOTHED_S * frame_rate_hz)
    power = uniform_filter1d(train.astype(np.float64) ** 2, n, mode="nearest")
    on = power >= ACTIVE_SHARE * power.max(initial=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], on, [True]])))
    for start, stop in edges.reshape(-1, 2):  # of the pauses
        if stop - start < PAUSE_S * frame_rate_hz:
            on[start:stop] = True
    return on


def silenced(train: np.ndarray, on: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """float32 (T,): the train, fading to zero within where its unit is active (T,)."""
    if on.all():
        return train
    n = 2 * round(FADE_S * frame_rate_hz / 2) + 1
    inner = uniform_filter1d(on.astype(np.float64), n, mode="nearest")
    return (train * np.clip(2 * inner - 1, 0, 1)).astype(np.float32)


def without_copies(territories: np.ndarray, trains: np.ndarray) -> list[int]:
    """Indices of the units that are no copy of a likelier one. territories bool (n, H, W) and trains (n, T) are given
    likeliest first; trains are compared where the less likely unit is active, which is where its train is not 0."""
    same = iou(territories, territories) > COPY_IOU
    for i, j in np.argwhere(np.tril(same, -1)):
        on = trains[i] != 0
        same[i, j] = _correlation(trains[i, on], trains[j, on]) > COPY_CORRELATION
    return first_of(same)


def _correlation(a, b):
    """Of two trains; 0 if one of them does not change."""
    if len(a) < 2 or not (np.ptp(a) and np.ptp(b)):
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
