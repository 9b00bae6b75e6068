"""From twitch trains to firings by what a twitch looks like: blind deconvolution with the unit's own average twitch.

It begins with the simulator's twitch. The train is deconvolved with the twitch so far, the maxima are candidates, those
that the train can do without are taken out, and from the rest the twitch is learnt; then once more with what was
learnt. Where many firings come in quick succession they may be one slow twitch each: then a slow beginning is tried,
too, and the one that explains more with fewer firings is taken.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass

import numpy as np

from muspipe.firings import twitches
from muspipe.firings.twitches import GRID_HZ
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


@dataclass
class _Fit:
    """State of one unit: its twitch, and for each stretch the onsets and amplitudes."""

    twitch: np.ndarray
    onsets: list
    amplitudes: list
    unexplained: float = 1.0
    cost: float = 1.0


def find_discharges(train: np.ndarray, frame_rate_hz: float) -> Discharges:
    """The discharges of one train (T,)."""
    train, frame_rate_hz = twitches.on_grid(np.asarray(train, np.float64), frame_rate_hz)
    stretches, starts = _stretches(train)
    power = sum(float(x @ x) for x, _ in stretches)
    none = Discharges(np.zeros(0), float("nan"), 0.0)
    if not power > 1e-12 * len(train) * float(np.abs(train).max(initial=0)) ** 2:
        return none
    share = _white_share(stretches)
    if share > MOST_WHITE:
        return Discharges(none.peaks_s, none.latency_s, max(0.0, 1 - share))
    noise = max(twitches.DECONVOLUTION_NOISE, share / (1 - share))
    fits = [_fitted(_beginning(CONTRACTION_TIME_S), stretches, power, noise)]
    if _quick(fits[0].onsets):
        fits.append(_fitted(_beginning(SLOW_S), stretches, power, noise))
    fits += [_fitted(fit.twitch, stretches, power, noise) for fit in fits]
    best = min(fits, key=operator.attrgetter("cost"))
    explained = max(0.0, 1 - best.unexplained)
    if explained < LEAST_EXPLAINED:
        return Discharges(none.peaks_s, none.latency_s, explained)
    peak, onset = _peak_and_onset(best.twitch)
    peaks = np.sort(_joined(best.onsets, starts)) + peak
    peaks = peaks[(peaks >= 0) & (peaks < len(train))]
    return Discharges(peaks / frame_rate_hz, (peak - onset) / frame_rate_hz, explained)


@functools.cache
def _beginning(contraction_time_s):
    time_s = (np.arange(LENGTH) - LEAD) / GRID_HZ
    w = twitch_velocity(time_s, contraction_time_s, HALF_RELAXATION_RATIO)
    return w / w.max()


def _quick(onsets):
    """Whether a quarter of the firings have a neighbour within a contraction time, or there are none."""
    intervals = [np.diff(np.sort(t), prepend=-np.inf, append=np.inf) for t in onsets]
    nearest = [np.minimum(gap[1:], gap[:-1]) for gap in intervals]
    return not np.quantile(np.append(np.concatenate(nearest), -1), 0.25) > CONTRACTION_TIME_S * GRID_HZ


def _stretches(train):
    """[(x (T,) without drift, drift (T, D))] and the frame at which each begins."""
    n = max(1, -(-(len(train) - OVERLAP) // (WINDOW - OVERLAP)))
    size = min(len(train), WINDOW)
    starts = np.round(np.linspace(0, len(train) - size, n)).astype(int)
    drift = twitches.cosines(size)
    return [(twitches.without(drift, train[s : s + size]), drift) for s in starts], starts


def _white_share(stretches):
    """Share of the power that is white noise, about 0-1, from what lies above the twitches' frequencies."""
    spectra = [np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2 for x, _ in stretches]
    spectrum = np.mean(spectra, axis=0)
    high = spectrum[len(spectrum) * 2 // 5 :]  # from 80 Hz
    return float(np.median(high) / np.log(2) * len(spectrum) / max(spectrum.sum(), 1e-300))


def _fitted(w, stretches, power, noise) -> _Fit:
    """Candidates by the twitch w, thinned, moved, and the twitch learnt from them."""
    energy = w @ w
    fit = _Fit(w, [twitches.candidates(x, w, noise) for x, _ in stretches], [])
    for number in range(ROUNDS + 1):
        size = _round(fit, stretches, energy, strict=0.7 if number == 0 else 1.0)
        if size == 0:
            return _Fit(w, [np.zeros(0)] * len(stretches), [])
        if number < ROUNDS:
            rows = zip(stretches, fit.onsets, fit.amplitudes, strict=True)
            fit.twitch = twitches.learnt(fit.twitch, [(x, t, a, drift) for (x, drift), t, a in rows])
            energy = fit.twitch @ fit.twitch
    n_firings = sum(map(len, fit.onsets))
    fit.unexplained /= power
    fit.cost = fit.unexplained + PRICE * n_firings * size**2 * energy / power
    return fit


def _round(fit, stretches, energy, strict):
    """Amplitudes, thinning and moves of all stretches. Returns the typical amplitude, 0 when no firing is left."""
    laid = [
        twitches.without(drift, twitches.laid_down(fit.twitch, t, len(x)))
        for (x, drift), t in zip(stretches, fit.onsets, strict=True)
    ]
    solved = [twitches.amplitudes(x, rows, energy) for (x, _), rows in zip(stretches, laid, strict=True)]
    size = 0.0
    for _ in range(3):
        size = twitches.typical(np.concatenate([free + size * pull for free, pull, _ in solved]))
    fit.amplitudes, fit.unexplained = [], 0.0
    if size == 0:
        return 0.0
    for i, ((x, drift), rows, (free, pull, inverse)) in enumerate(zip(stretches, laid, solved, strict=True)):
        a, kept = twitches.thinned(free + size * pull, inverse, size, energy, strict)
        residual = x - a @ rows[kept]
        onsets = fit.onsets[i][kept]
        fit.onsets[i] = onsets + twitches.moves(residual, fit.twitch, onsets, a, drift, size)
        fit.amplitudes.append(a)
        fit.unexplained += float(residual @ residual)
    return size if any(map(len, fit.onsets)) else 0.0


def _joined(onsets, starts):
    """Onsets [frames of the train], each from the stretch in whose inner part it lies."""
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
