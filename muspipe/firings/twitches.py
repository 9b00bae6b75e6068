"""A twitch train as the sum of one unit's average twitch, laid down at its firings: the pieces of the fit.

Everything is on a grid of `GRID_HZ`. A stretch of a train is x (T,) with its slow drift taken off; the twitch is
w (L,), its peak 1; firings are onsets t (K,) in frames from the stretch's first, of which some lie before it, with
amplitudes a (K,), which are taken to be alike: a normal prior about their common size, `ALIKE` times the twitch's
energy strong, holds them together where twitches are fused and the train alone does not tell them apart.

All of it may have more axes before these, "...", for many stretches at once: what one call of NumPy takes for a single
stretch is more than the computing. They then have places for as many firings as any of them; the onset of a place that
is empty is `NOWHERE`.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

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
NOWHERE = -1e6
"""Onset of no firing: nothing of its twitch lies in the stretch."""


def on_grid(trains, frame_rate_hz):
    """The trains (..., T) at about `GRID_HZ`, and their frame rate [Hz]: those that are near stay as they are."""
    step = Fraction(GRID_HZ / frame_rate_hz).limit_denominator(64)
    if step == 1:
        return trains, frame_rate_hz
    resampled = resample_poly(trains, step.numerator, step.denominator, axis=-1, padtype="line")
    return resampled, frame_rate_hz * float(step)


def cosines(n_frames: int) -> np.ndarray:
    """(T, D) orthonormal: the drift that a stretch of T frames may have, cosines slower than `DRIFT_HZ`."""
    order = np.arange(int(2 * DRIFT_HZ * n_frames / GRID_HZ) + 1)
    waves = np.cos(np.pi * order * (np.arange(n_frames)[:, None] + 0.5) / n_frames)
    return waves / np.linalg.norm(waves, axis=0)


def without(drift: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows (..., T) without their parts along the drift (T, D)."""
    return rows - (rows @ drift) @ drift.T


def products(rows: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """(..., K, K): of the rows (..., K, T) without their drift with each other."""
    in_drift = rows @ drift
    return rows @ np.swapaxes(rows, -1, -2) - in_drift @ np.swapaxes(in_drift, -1, -2)


def typical(amplitudes: np.ndarray) -> np.ndarray:
    """(...,) of amplitudes (..., K) the one above which lies half of the energy, 0 if none is positive: many small
    false ones hardly move it, as they would the median."""
    rising = np.sort(np.maximum(amplitudes, 0), axis=-1)
    energy = np.cumsum(rising**2, axis=-1)
    at = np.sum(energy < 0.5 * energy[..., -1:], axis=-1, keepdims=True)
    return np.take_along_axis(rising, at, -1)[..., 0]


def chosen(places: np.ndarray, *arrays: np.ndarray):
    """(bool (..., K'), each of the arrays (..., K) at these K' places): the places (..., K) that are true first, in
    their order, and no more than the most that any stretch has, but one."""
    order = np.argsort(~places, axis=-1, kind="stable")[..., : places.sum(axis=-1).max(initial=1)]
    return tuple(np.take_along_axis(array, order, -1) for array in (places, *arrays))


def laid_down(w: np.ndarray, t: np.ndarray, n_frames: int) -> np.ndarray:
    """(..., K, T): the twitch at each onset, between two samples on a line; what lies outside the stretch is cut."""
    length = w.shape[-1] + 1
    whole = np.floor(t).astype(int)
    part = (t - whole)[..., None]
    ends = np.zeros((*w.shape[:-1], 1, 1))
    w = w[..., None, :]
    twitches = (1 - part) * np.concatenate([w, ends], axis=-1) + part * np.concatenate([ends, w], axis=-1)
    rows = np.zeros((*t.shape, n_frames + 2 * length))
    start = np.clip(whole, -length, n_frames) + length
    np.put_along_axis(rows, start[..., None] + np.arange(length), twitches, -1)
    return rows[..., length : length + n_frames]


def candidates(x: np.ndarray, w: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Onsets (..., K), whole frames, at the maxima of the stretch deconvolved by a Wiener filter.

    noise: its power in the filter, relative to the twitch's mean power; below `DRIFT_HZ` it is taken to grow.
    """
    n_frames, length = x.shape[-1], w.shape[-1]
    n_fft = 2 * (n_frames + length)
    spectrum = np.fft.rfft(w, n_fft)
    frequency = np.fft.rfftfreq(n_fft, 1 / GRID_HZ)
    frequency[0] = frequency[1]
    power = np.abs(spectrum) ** 2
    floor = np.asarray(noise)[..., None] * power.mean(axis=-1, keepdims=True) * (1 + (DRIFT_HZ / frequency) ** 4)
    sharp = np.fft.irfft(np.fft.rfft(x, n_fft) * (spectrum.conj() / (power + floor)), n_fft)
    # onsets before the first frame stand at the end
    sharp = np.concatenate([sharp[..., -length:], sharp[..., :n_frames]], axis=-1)
    heights = np.zeros_like(sharp)
    middle = sharp[..., 1:-1]
    heights[..., 1:-1] = np.where((middle > sharp[..., :-2]) & (middle >= sharp[..., 2:]), np.maximum(middle, 0), 0)
    high = heights > LEAST_HEIGHT * typical(heights)[..., None]
    here, onsets = chosen(high, np.broadcast_to(np.arange(n_frames + length) - float(length), high.shape))
    return np.where(here, onsets, NOWHERE)


def amplitudes(x: np.ndarray, rows: np.ndarray, drift: np.ndarray, energy):
    """(free (..., K), pull (..., K), inverse (..., K, K)): the best amplitudes for a common size r are free + r * pull.

    rows (..., K, T): twitches laid down; inverse: of the normal equations with the prior of weight ALIKE * energy.
    """
    weight = ALIKE * np.asarray(energy)[..., None]
    inverse = np.linalg.inv(products(rows, drift) + weight[..., None] * np.eye(rows.shape[-2]))
    return _times(inverse, _times(rows, x)), weight * inverse.sum(axis=-1), inverse


def thinned(a: np.ndarray, inverse: np.ndarray, places: np.ndarray, unit, strict: float = 1.0):
    """(a (..., K), kept bool (..., K)) of the firings at `places` bool (..., K): one by one the firing that explains
    least is taken out and its neighbours' amplitudes fitted anew, until all that are left explain enough. unit (...,):
    energy of a typical twitch; strict: scales the bound."""
    shape, k = a.shape, a.shape[-1]
    a, kept, inverse = a.reshape(-1, k).copy(), places.reshape(-1, k).copy(), inverse.reshape(-1, k, k).copy()
    least = (ALIKE + strict * LEAST_GAIN) * np.broadcast_to(unit, shape[:-1]).ravel()
    going = np.arange(len(a))
    while True:
        diagonal = np.diagonal(inverse[going], axis1=1, axis2=2)
        gain = np.where(kept[going], np.sign(a[going]) * a[going] ** 2 / diagonal, np.inf)
        worst = np.argmin(gain, axis=1)
        more = gain[np.arange(len(going)), worst] < least[going]
        going, worst = going[more], worst[more]
        if not len(going):
            return a.reshape(shape), kept.reshape(shape)
        row = inverse[going, worst]
        column = row / row[np.arange(len(going)), worst][:, None]
        a[going] -= column * a[going, worst][:, None]
        inverse[going] -= column[:, :, None] * row[:, None]
        kept[going, worst], inverse[going, worst, worst], a[going, worst] = False, 1.0, 0.0


def moves(residual, w, t, a, drift, size) -> np.ndarray:
    """(..., K) frames by which the onsets should move to explain the residual (..., T), which has no drift: one damped
    Gauss-Newton step."""
    slope = np.gradient(w, axis=-1)
    rows = laid_down(slope, t, residual.shape[-1]) * -a[..., None]
    damping = 0.1 * np.asarray(size) ** 2 * np.sum(slope**2, axis=-1)
    hessian = products(rows, drift) + damping[..., None, None] * np.eye(t.shape[-1])
    return np.clip(np.linalg.solve(hessian, _times(rows, residual)[..., None])[..., 0], -STEP, STEP)


def learnt(w: np.ndarray, x: np.ndarray, t: np.ndarray, a: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """(..., L): the twitch that explains all s stretches x (..., s, T) of a train best, near the one before, w.

    The normal equations are of s(t - i), the firings as impulses s, i frames later. Those of i + 1 and j + 1 are those
    of i and j, but for one frame at both ends.
    """
    length, n_frames = w.shape[-1], x.shape[-1]
    impulses = _impulses(t, a, length, n_frames)
    n_fft = impulses.shape[-1]
    signals = np.stack([x, impulses[..., :n_frames]], axis=-2)
    spectra = np.fft.rfft(signals, n_fft), np.fft.rfft(drift.T, n_fft)
    spectra = np.concatenate([spectra[0], np.broadcast_to(spectra[1], (*x.shape[:-1], *spectra[1].shape))], axis=-2)
    spectra *= np.fft.rfft(impulses)[..., None, :].conj()
    sums = np.fft.irfft(spectra, n_fft)[..., :length]  # over s(t - i) and x(t), s(t), each drift
    in_drift = sums[..., 2:, :].reshape(*w.shape[:-1], -1, length)
    gram = _grams(impulses, sums[..., 1, :].sum(axis=-2), n_frames) - np.swapaxes(in_drift, -1, -2) @ in_drift
    right = sums[..., 0, :].sum(axis=-2)
    strength = np.trace(gram, axis1=-2, axis2=-1) / length
    hold = np.where(strength > 0, strength, 1)[..., None, None] * _hold(length)
    new = np.linalg.solve(gram + hold, (right + _times(hold, w))[..., None])[..., 0]
    return new / new.max(axis=-1, keepdims=True)


def _impulses(t, a, length, n_frames):
    """(..., n_frames + length): amplitudes at the onsets, each shared by two frames; those before the first, as far as
    their twitches reach it, stand at the end."""
    frames = np.floor(t)[..., None] + np.arange(2)
    weights = a[..., None] * np.stack([1 - t % 1, t % 1], axis=-1)
    within = (frames > -length) & (frames < n_frames)
    stretches, size = t.size // max(1, t.shape[-1]), n_frames + length
    first = size * np.arange(stretches).reshape(*t.shape[:-1], 1, 1)
    at = first + np.where(within, frames, 0).astype(int) % size
    sums = np.bincount(at.ravel(), np.where(within, weights, 0).ravel(), stretches * size)
    return sums.reshape(*t.shape[:-1], size)


def _grams(impulses, first, n_frames):
    """(..., L, L): sums over t and the stretches of s(t - i) s(t - j). first (..., L): those for i = 0."""
    length = first.shape[-1]
    back = np.arange(length - 1)
    before, after = impulses[..., -1 - back], impulses[..., n_frames - 1 - back]
    steps = np.swapaxes(before, -1, -2) @ before - np.swapaxes(after, -1, -2) @ after
    grams = np.empty((*first.shape, length))
    grams[..., 0, :] = grams[..., :, 0] = first
    for i in range(1, length):
        grams[..., i, i:] = grams[..., i - 1, i - 1 : -1] + steps[..., i - 1, i - 1 :]
        grams[..., i + 1 :, i] = grams[..., i, i + 1 :]
    return grams


def _times(matrix, vector):
    """(..., m): of matrices (..., m, n) with vectors (..., n)."""
    return (matrix @ vector[..., None])[..., 0]


@functools.cache
def _hold(length):
    """(L, L): how a twitch holds to the one before."""
    curvature = np.diff(np.eye(length), 2, axis=0)
    return STIFF * np.eye(length) + SMOOTH * curvature.T @ curvature
