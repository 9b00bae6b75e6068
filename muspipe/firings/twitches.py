"""A twitch train as the sum of one unit's average twitch, laid down at its firings: the pieces of the fit.

Everything is on a grid of `GRID_HZ`. A stretch of a train is x (T,) with its slow drift taken off; the twitch is
w (L,), its peak 1; firings are onsets t (K,) in frames from the stretch's first, of which some lie before it, with
amplitudes a (K,), which are taken to be alike: a normal prior about their common size, `ALIKE` times the twitch's
energy strong, holds them together where twitches are fused and the train alone does not tell them apart.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import find_peaks, resample_poly

GRID_HZ = 400.0
"""The frames of the fit [Hz]; trains of another rate are resampled."""
DRIFT_HZ = 4.0
"""Slower than this is drift: motion of the whole muscle, arteries. Twitches with contraction times of 40-60 ms have
5-15 % of their power there; the rest tells enough."""
ALIKE = 0.1
"""Weight of the amplitudes' prior."""
LEAST_GAIN = 0.07
"""A firing stays if it explains this share of a typical twitch's energy that no other firing can explain."""
LEAST_HEIGHT = 0.15
"""Least height of a candidate in the deconvolved train, in typical heights."""
DECONVOLUTION_NOISE = 0.05
"""Least power of the noise that the deconvolution allows for, relative to the twitch's mean power: it must be deaf to
what the twitch hardly contains."""
STEP = 1.0
"""Longest move of an onset in one round [frames]."""
STIFF, SMOOTH = 0.015, 5.0
"""How much the learnt twitch holds to the one before, in value and in curvature, relative to the firings' power."""


def on_grid(train, frame_rate_hz):
    """The train at about `GRID_HZ`, and its frame rate [Hz]: one that is near stays as it is."""
    step = Fraction(GRID_HZ / frame_rate_hz).limit_denominator(64)
    if step == 1:
        return train, frame_rate_hz
    resampled = resample_poly(train, step.numerator, step.denominator, padtype="line")
    return resampled, frame_rate_hz * float(step)


def cosines(n_frames: int) -> np.ndarray:
    """(T, D) orthonormal: the drift that a stretch of T frames may have, cosines slower than `DRIFT_HZ`."""
    order = np.arange(int(2 * DRIFT_HZ * n_frames / GRID_HZ) + 1)
    waves = np.cos(np.pi * order * (np.arange(n_frames)[:, None] + 0.5) / n_frames)
    return waves / np.linalg.norm(waves, axis=0)


def without(drift: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows (..., T) without their parts along the drift (T, D)."""
    return rows - (rows @ drift) @ drift.T


def typical(amplitudes: np.ndarray) -> float:
    """The amplitude above which lies half of the energy, 0 if none is positive: many small false ones hardly move it,
    as they would the median."""
    rising = np.sort(np.maximum(amplitudes, 0))
    energy = np.cumsum(rising**2)
    return float(rising[np.searchsorted(energy, 0.5 * energy[-1])]) if len(rising) and energy[-1] > 0 else 0.0


def laid_down(w: np.ndarray, t: np.ndarray, n_frames: int) -> np.ndarray:
    """(K, T): the twitch at each onset, between two samples on a line; what lies outside the stretch is cut."""
    length = len(w) + 1
    whole = np.floor(t).astype(int)
    part = (t - whole)[:, None]
    ends = np.zeros(1)
    twitches = (1 - part) * np.concatenate([w, ends]) + part * np.concatenate([ends, w])
    rows = np.zeros((len(t), n_frames + 2 * length))
    start = np.clip(whole, -length, n_frames) + length
    rows[np.arange(len(t))[:, None], start[:, None] + np.arange(length)] = twitches
    return rows[:, length : length + n_frames]


def candidates(x: np.ndarray, w: np.ndarray, noise: float) -> np.ndarray:
    """Onsets, whole frames, at the maxima of the stretch deconvolved by a Wiener filter.

    noise: its power in the filter, relative to the twitch's mean power; below `DRIFT_HZ` it is taken to grow.
    """
    n_fft = 2 * (len(x) + len(w))
    spectrum = np.fft.rfft(w, n_fft)
    frequency = np.fft.rfftfreq(n_fft, 1 / GRID_HZ)
    frequency[0] = frequency[1]
    power = np.abs(spectrum) ** 2
    floor = noise * power.mean() * (1 + (DRIFT_HZ / frequency) ** 4)
    sharp = np.fft.irfft(np.fft.rfft(x, n_fft) * spectrum.conj() / (power + floor), n_fft)
    sharp = np.concatenate([sharp[-len(w) :], sharp[: len(x)]])  # onsets before the first frame stand at the end
    peaks, _ = find_peaks(sharp, height=0)
    return peaks[sharp[peaks] > LEAST_HEIGHT * typical(sharp[peaks])] - float(len(w))


def amplitudes(x: np.ndarray, rows: np.ndarray, energy: float):
    """(free (K,), pull (K,), inverse (K, K)): the best amplitudes for a common size r are free + r * pull.

    rows (K, T): twitches laid down; inverse: of the normal equations with the prior of weight ALIKE * energy.
    """
    gram = rows @ rows.T
    gram[np.diag_indices_from(gram)] += ALIKE * energy
    inverse = np.linalg.inv(gram)
    return inverse @ (rows @ x), ALIKE * energy * inverse.sum(axis=1), inverse


def thinned(a: np.ndarray, inverse: np.ndarray, size: float, energy: float, strict: float = 1.0):
    """(a (K',), kept bool (K,)): one by one the firing that explains least is taken out and its neighbours' amplitudes
    fitted anew, until all that are left explain enough. strict: scales the bound."""
    a, inverse = a.copy(), inverse.copy()
    kept = np.ones(len(a), bool)
    while kept.any():
        gain = np.where(kept, np.sign(a) * a**2 / inverse.diagonal() / (size**2 * energy) - ALIKE, np.inf)
        worst = np.argmin(gain)
        if gain[worst] >= strict * LEAST_GAIN:
            break
        column = inverse[:, worst] / inverse[worst, worst]
        a -= column * a[worst]
        inverse -= np.outer(column, inverse[worst])
        kept[worst], inverse[worst, worst], a[worst] = False, 1.0, 0.0
    return a[kept], kept


def moves(residual, w, t, a, drift, size) -> np.ndarray:
    """(K,) frames by which the onsets should move to explain the residual (T,): one damped Gauss-Newton step."""
    slope = np.gradient(w)
    rows = without(drift, laid_down(slope, t, len(residual))) * -a[:, None]
    hessian = rows @ rows.T
    hessian[np.diag_indices_from(hessian)] += 0.1 * size**2 * (slope @ slope)
    return np.clip(np.linalg.solve(hessian, rows @ residual), -STEP, STEP)


def learnt(w: np.ndarray, stretches) -> np.ndarray:
    """The twitch that explains all stretches best, near the one before. stretches: [(x, t, a, drift)]."""
    length = len(w)
    gram, right = np.zeros((length, length)), np.zeros(length)
    for x, t, a, drift in stretches:
        whole = np.floor(t).astype(int)
        part = t - whole
        train = np.zeros(len(x) + 2 * length)
        np.add.at(train, np.clip(whole, -length, len(x)) + length, a * (1 - part))
        np.add.at(train, np.clip(whole + 1, -length, len(x)) + length, a * part)
        shifted = np.ascontiguousarray(sliding_window_view(train, len(x))[length:0:-1])
        in_drift = shifted @ drift
        gram += shifted @ shifted.T - in_drift @ in_drift.T
        right += shifted @ x
    hold = gram.trace() / length * _hold(length)
    new = np.linalg.solve(gram + hold, right + hold @ w)
    return new / new.max()


@functools.cache
def _hold(length):
    """(L, L): how a twitch holds to the one before."""
    curvature = np.diff(np.eye(length), 2, axis=0)
    return STIFF * np.eye(length) + SMOOTH * curvature.T @ curvature
