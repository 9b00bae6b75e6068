"""From twitch trains to firings by what a twitch looks like: blind deconvolution with the unit's own average twitch.

It begins with the simulator's twitch. The train is deconvolved with the twitch so far, the maxima are candidates, those
that the train can do without are taken out, and from the rest the twitch is learnt; then once more with what was
learnt. Where many firings come in quick succession they may be one slow twitch each: then a slow beginning is tried,
too, and the one that explains more with fewer firings is taken. At last firings in quick succession that a single one
explains as well become that one (doublets.py).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from muspipe.firings import twitches
from muspipe.firings.doublets import merged
from muspipe.firings.twitches import GRID_HZ, NOWHERE
from simulator.activity import twitch_velocity

CONTRACTION_TIME_S, SLOW_S = 0.05, 0.09
"""Of the twitches to begin with [s]."""
HALF_RELAXATION_RATIO = 0.62
LEAD, LENGTH = 6, 86
"""Frames of a twitch before its onset, and in all: 0.2 s."""
PRICE = 0.02
"""Of one firing, in shares of a typical twitch's energy: of two explanations the one with fewer firings is taken."""
ROUNDS = 2
"""Of thinning, moving and learning for each set of candidates."""
LEAST_EXPLAINED = 0.4
"""A train of which the firings explain less than this share is noise and has none."""
MOST_WHITE = 0.7
"""A train of which a larger share is white noise is not looked at."""
AT_ONCE = 16
"""Stretches that are fitted at once: what is in use then stays in a core's cache."""
FAR = 1e9
"""Frames: no neighbour."""
ONSET_LEVEL = 0.05
"""A twitch begins where it last rises through this share of its peak."""
WINDOW, OVERLAP = 800, 160
"""Frames of a stretch and those that it shares with the next: long trains are fitted in stretches with one twitch."""


@dataclass(frozen=True)
class Discharges:
    """Of one train."""

    peaks_s: np.ndarray
    """(K,) instants of the twitches' peak velocity [s], rising."""
    latency_s: float
    """From the onset of the unit's average twitch to its peak [s]; NaN if there are no firings."""
    explained: float
    """Share of the train's power, drift aside, that the firings explain, 0-1."""


@dataclass(frozen=True)
class _Trains:
    """n trains in s stretches of T frames."""

    x: np.ndarray
    """(n, s, T) without drift"""
    drift: np.ndarray
    """(T, D)"""
    power: np.ndarray
    """(n,)"""
    noise: np.ndarray
    """(n,) for the deconvolution"""

    def only(self, which: np.ndarray) -> _Trains:
        return _Trains(self.x[which], self.drift, self.power[which], self.noise[which])


@dataclass
class _Fits:
    """State of n trains: their twitches, and for each stretch the onsets and amplitudes."""

    twitches: np.ndarray
    """(n, L)"""
    onsets: np.ndarray
    """(n, s, K), NOWHERE in places without a firing"""
    amplitudes: np.ndarray
    """(n, s, K), 0 there"""
    sizes: np.ndarray
    """(n,) typical amplitudes, 0 where no firing is left"""
    unexplained: np.ndarray
    """(n,) power"""


def find_discharges(trains: np.ndarray, frame_rate_hz: float) -> list[Discharges]:
    """The discharges of trains (n, T)."""
    trains = np.asarray(trains, np.float64)
    if not len(trains):
        return []
    trains, frame_rate_hz = twitches.on_grid(trains, frame_rate_hz)
    drift, starts = _stretches(trains.shape[1])
    step = max(1, AT_ONCE // len(starts))
    parts = (trains[start : start + step] for start in range(0, len(trains), step))
    return [one for part in parts for one in _found(part, drift, starts, frame_rate_hz)]


def _found(trains, drift, starts, frame_rate_hz):
    """[Discharges] of some trains (n, T) on the grid."""
    x = twitches.without(drift, np.stack([trains[:, start : start + len(drift)] for start in starts], axis=1))
    power, white = np.sum(x**2, axis=(1, 2)), _white_share(x)
    moving = power > 1e-12 * trains.shape[1] * np.abs(trains).max(axis=1) ** 2
    found = [_none(max(0.0, 1 - share) if moves else 0.0) for share, moves in zip(white, moving, strict=True)]
    looked_at = np.flatnonzero(moving & (white <= MOST_WHITE))
    if not len(looked_at):
        return found
    white = white[looked_at]
    noise = np.maximum(twitches.DECONVOLUTION_NOISE, white / (1 - white))
    of_trains = _best(_Trains(x[looked_at], drift, power[looked_at], noise))
    for i, (w, onsets, unexplained) in zip(looked_at, of_trains, strict=True):
        explained = max(0.0, 1 - unexplained)
        if explained < LEAST_EXPLAINED:
            found[i] = _none(explained)
            continue
        peak, onset = _peak_and_onset(w)
        onsets = merged(x[i], w, onsets, drift, unexplained)
        peaks = np.sort(_joined(onsets, starts)) + peak
        peaks = peaks[(peaks >= 0) & (peaks < trains.shape[1])]
        found[i] = Discharges(peaks / frame_rate_hz, (peak - onset) / frame_rate_hz, explained)
    return found


def _none(explained):
    return Discharges(np.zeros(0), float("nan"), float(explained))


def _best(trains):
    """(twitch (L,), onsets (s, K), share unexplained) of each train: of all that is tried that which costs least."""
    tried = [(np.arange(len(trains.x)), _fitted(_beginning(CONTRACTION_TIME_S), trains))]
    quick = np.flatnonzero(_quick(tried[0][1].onsets))
    if len(quick):
        tried.append((quick, _fitted(_beginning(SLOW_S), trains.only(quick))))
    tried += [(of, _fitted(fits.twitches, trains.only(of))) for of, fits in tried]
    costs = np.full((len(tried), len(trains.x)), np.inf)
    for row, (of, fits) in zip(costs, tried, strict=True):
        firings = np.sum(fits.onsets > NOWHERE, axis=(1, 2))
        energy = fits.sizes**2 * np.sum(fits.twitches**2, axis=1)
        row[of] = (fits.unexplained + PRICE * firings * energy) / trains.power[of]
    for i, which in enumerate(costs.argmin(axis=0)):
        of, fits = tried[which]
        at = np.searchsorted(of, i)
        yield fits.twitches[at], fits.onsets[at], fits.unexplained[at] / trains.power[i]


@functools.cache
def _beginning(contraction_time_s):
    time_s = (np.arange(LENGTH) - LEAD) / GRID_HZ
    w = twitch_velocity(time_s, contraction_time_s, HALF_RELAXATION_RATIO)
    return w / w.max()


def _quick(onsets):
    """bool (n,): whether a quarter of the firings (n, s, K) have a neighbour within a contraction time, or there are
    none."""
    count = np.sum(onsets > NOWHERE, axis=(1, 2))
    rising = np.sort(np.where(onsets > NOWHERE, onsets, FAR), axis=-1)
    gaps = np.diff(rising, prepend=-FAR, append=2 * FAR, axis=-1)
    nearest = np.where(rising < FAR, np.minimum(gaps[..., 1:], gaps[..., :-1]), FAR).reshape(len(onsets), -1)
    values = np.sort(np.insert(nearest, 0, -1, axis=1), axis=1)
    low = count // 4
    quarter, above = (np.take_along_axis(values, at[:, None], 1)[:, 0] for at in (low, low + 1))
    return quarter + (count / 4 - low) * (above - quarter) <= CONTRACTION_TIME_S * GRID_HZ


def _stretches(n_frames):
    """(drift (T, D) of a stretch, the frame at which each begins)."""
    n = max(1, -(-(n_frames - OVERLAP) // (WINDOW - OVERLAP)))
    size = min(n_frames, WINDOW)
    return twitches.cosines(size), np.round(np.linspace(0, n_frames - size, n)).astype(int)


def _white_share(x):
    """Share of the power of stretches (n, s, T) that is white noise, about 0-1, from what lies above the twitches'
    frequencies: (n,)."""
    spectrum = np.mean(np.abs(np.fft.rfft(x * np.hanning(x.shape[2]))) ** 2, axis=1)
    high = spectrum[:, spectrum.shape[1] * 2 // 5 :]  # from 80 Hz
    return np.median(high, axis=1) / np.log(2) * spectrum.shape[1] / np.maximum(spectrum.sum(axis=1), 1e-300)


def _fitted(w, trains) -> _Fits:
    """Candidates by the twitch w (L,), or one of each train, thinned, moved, and the twitch learnt from them."""
    n = len(trains.x)
    w = np.broadcast_to(w, (n, w.shape[-1]))
    onsets = twitches.candidates(trains.x, w[:, None], trains.noise[:, None])
    fits = _Fits(w, onsets, np.zeros(onsets.shape), np.zeros(n), trains.power)
    for number in range(ROUNDS + 1):
        _round(fits, trains, strict=0.7 if number == 0 else 1.0)
        if number < ROUNDS:
            fits.twitches = twitches.learnt(fits.twitches, trains.x, fits.onsets, fits.amplitudes, trains.drift)
    fits.twitches = np.where(fits.sizes[:, None] > 0, fits.twitches, w)
    return fits


def _round(fits, trains, strict):
    """Amplitudes, thinning and moves of all stretches."""
    x, drift, n_frames = trains.x, trains.drift, trains.x.shape[2]
    w, here = fits.twitches[:, None], fits.onsets > NOWHERE
    energy = np.sum(w**2, axis=-1)
    rows = twitches.laid_down(w, fits.onsets, n_frames)
    free, pull, inverse = twitches.amplitudes(x, rows, drift, energy)
    sizes = np.zeros(len(x))
    for _ in range(3):
        sizes = twitches.typical(np.where(here, free + sizes[:, None, None] * pull, 0).reshape(len(x), -1))
    a = free + sizes[:, None, None] * pull
    unit = np.where(sizes > 0, sizes, 1)[:, None]
    a, kept = twitches.thinned(a, inverse, here & (sizes > 0)[:, None, None], unit**2 * energy, strict)
    a = np.where(kept, a, 0)
    residual = x - twitches.without(drift, (a[..., None, :] @ rows)[..., 0, :])
    kept, a, onsets = twitches.chosen(kept, a, fits.onsets)
    onsets = np.where(kept, onsets, NOWHERE)
    fits.onsets = onsets + twitches.moves(residual, w, onsets, a, drift, unit)
    fits.amplitudes, fits.sizes = a, np.where(kept.any(axis=(1, 2)), sizes, 0)
    fits.unexplained = np.sum(residual**2, axis=(1, 2))


def _joined(onsets, starts):
    """Onsets [frames of the train] of one, those (K,) of each of its s stretches, each from the stretch in whose inner
    part it lies."""
    if len(starts) == 1:
        return onsets[0]
    ends = starts[:-1] + WINDOW
    borders = np.concatenate([[-np.inf], (starts[1:] + ends) / 2, [np.inf]])
    moved = [t + start for t, start in zip(onsets, starts, strict=True)]
    return np.concatenate([t[(t >= a) & (t < b)] for t, a, b in zip(moved, borders[:-1], borders[1:], strict=True)])


def _peak_and_onset(w):
    """Frames within the twitch: its peak, by a parabola through the largest sample, and its visible onset."""
    top = int(np.clip(np.argmax(w), 1, len(w) - 2))
    left, middle, right = w[top - 1 : top + 2]
    bend = left - 2 * middle + right
    peak = top + (0.5 * (left - right) / bend if bend < 0 else 0.0)
    below = np.flatnonzero(w[: top + 1] < ONSET_LEVEL * w[top])
    return peak, float(below[-1] + 1 if len(below) else 0)
