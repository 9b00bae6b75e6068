"""What moves without being a motor unit: the muscle as a whole, an artery.

Such motion is slow. A twitch integrates to zero and comes eight times a second or more, so that of a motor unit's train
only some percent are as slow; but units are many, and all of them together are smooth too. So motion is estimated as
what the units do not explain: their velocity above the limit shows which patterns over the image are theirs, and how
strong, and a pattern of slow velocity that is like those counts little in the fit.

Shapes: velocity x (P, T), P pixels inside the image, T frames; slow coefficients (P, B), one a slow function of time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from muspipe.recordings.recording import Recording

SLOW_SHARE = 0.08
"""Power of twitch trains below 4.5 Hz over that above: median of simulated units 0.06, at most 0.2 at 8-13 firings a
second."""
BAND_S = 50
"""Functions of time, at least, from which the patterns of the units are learnt."""
BAND_HZ = 30.0
"""Twitches have little power above."""
MOST_BAND = 128
NOISE_EXCESS = 3.0
"""Motion is at least so many times what noise alone would give."""
SURFACE_POWER = 0.25
"""Surfaces of an order are motion if their slow power is this share of their faster one. Units come to 0.01 in a
second, 0.1 in a quarter of one; motion of a third of their size to 0.5 and more."""
ROUGH_EXCESS = 15.0
"""The rest moves if a slow pattern exceeds noise, summed over the image, so many times; up to 7 at 15 units, where the
units' patterns are known well enough."""
ROUGH_POWER = 0.005
"""... and if it has this share of the power of the units, times 1 s^2 / duration^2: 40 units come to 0.004."""
SLOWER = 3.0
"""A local pattern is no unit's if its slow power is this many times its faster one (in less than a second, this over
the duration). Units at 8-13 firings a second come to 0.3, at 5 to more than 1; a heart's beat whose harmonics fall
like 1 / h comes to 5-10."""
LOCAL = 0.1
"""Share of the image that a local pattern covers at most, as by the fourth moment of its values."""
FINEST_MM = 2.5
"""Rough motion is fitted by cosines over the image down to this half wavelength; finer detail is shrunk, pixel by
pixel, by what noise and units do there."""
MOST_COSINES = 400
NOISE_FLOOR = 1e-3
"""Noise is never taken to be less than this share of the power: fits stay well conditioned."""


@dataclass(frozen=True)
class Motion:
    """What was taken off."""

    order: int = -1
    """Order of the surfaces over the image: 0 moves as one; -1 none."""
    share: float = 0.0
    """Of the recording's power, 0-1."""
    rough_share: float = 0.0
    """Of the motion's power, 0-1: no surface of these orders."""
    rough_power: np.ndarray | None = field(default=None, compare=False, repr=False)
    """float32 (H, W): mean square over time of that part; None where there is none"""


def without_motion(recording: Recording, below_hz: float, most_order: int) -> tuple[Recording, Motion]:
    """The recording without the motion slower than below_hz [Hz], as surfaces of up to most_order and as rough patterns
    that the data show; and what was taken off. Where nothing moves, the recording itself."""
    inside = recording.inside
    velocity = recording.inside_pixels()
    slow, parts = _parts(velocity, recording.frame_rate_hz, below_hz)
    order, smooth = _surfaces(parts, inside, most_order)
    rest = parts.slow - smooth
    rough = _rough(_without_movers(parts, rest), rest, inside, recording)
    motion = smooth + rough
    if not motion.any():
        return recording, Motion()
    moving = motion @ slow.T
    within = np.subtract(velocity, moving, out=moving)  # in place: a window of a large image is 80 MB
    if inside.all():
        still = within.reshape(recording.velocity.shape)
    else:
        still = recording.velocity.copy()
        still[inside] = within
    power = np.sum(motion**2)
    share = power / max(float(np.vdot(velocity, velocity)), np.finfo(np.float32).tiny)
    rough_power = np.zeros(recording.image_shape, np.float32)
    rough_power[inside] = np.sum(rough**2, axis=1) / recording.n_frames
    rough_share = float(np.sum(rough**2) / power)
    return recording.with_velocity(still), Motion(order, min(float(share), 1.0), rough_share, rough_power)


@dataclass(frozen=True)
class _Parts:
    """Coefficients of the velocity in functions of time, and what they say of units and noise."""

    slow: np.ndarray
    """float32 (P, B)"""
    fast: np.ndarray
    """float32 (P, F), scaled so that fast @ fast.T is the covariance (P, P) that the units have in one slow function"""
    fastest: np.ndarray
    """float32 (P, N): nothing but noise. What is fitted to the slow ones must rise above what fits these."""
    noise: float
    """Variance of the noise in one of them."""
    power: float
    """Of the units, above the limit, summed over pixels and frames."""
    duration_s: float

    def weighted(self, a: np.ndarray, more=0.0) -> np.ndarray:
        """a (P, n), or (P,), over the covariance of units and noise, with `more` variance of each pixel (P,)."""
        own = np.broadcast_to(np.asarray(self.noise + more, np.float32), len(self.fast))
        scaled = self.fast / own[:, None]
        inner = (self.fast.T @ scaled).astype(np.float64)
        inner[np.diag_indices_from(inner)] += 1
        a_scaled = (a.T / own).T
        return a_scaled - scaled @ np.linalg.solve(inner, self.fast.T @ a_scaled).astype(np.float32)


def _parts(x, frame_rate_hz, below_hz):
    """(slow functions of time (T, B), _Parts)."""
    n_pixels, n_frames = x.shape
    limit = 2 * below_hz * n_frames / frame_rate_hz  # of the cosines with k half waves over the recording
    at = (np.arange(n_frames) + 0.5) / n_frames
    first = min(int(limit) + 1, n_frames // 4)
    # with t and t^2 the ends need not meet, so that motion between two of the frequencies does not leak
    slow = np.linalg.qr(np.column_stack([_cosines(np.arange(first), at), at - 0.5, (at - 0.5) ** 2]))[0]
    last = min(max(int(limit * BAND_HZ / below_hz), first + BAND_S), n_frames // 2)
    band = np.unique(np.linspace(first, last, min(last - first + 1, MOST_BAND, n_pixels // 4)).astype(int))
    fast = _cosines(band, at)
    fast -= slow @ (slow.T @ fast)
    fastest = _cosines(np.linspace(0.75 * n_frames, n_frames - 1, 16).astype(int), at)
    parts = x @ np.concatenate([slow, fast, fastest], axis=1).astype(np.float32)
    slow_part, fast_part, noise_part = np.split(parts, [slow.shape[1], slow.shape[1] + len(band)], axis=1)
    power = float(np.vdot(fast_part, fast_part)) * (last - first + 1) / len(band)
    noise = max(float(np.mean(noise_part**2)), NOISE_FLOOR * power / x.size, np.finfo(np.float32).tiny)
    expected = SLOW_SHARE / slow.shape[1] * (last - first + 1) / len(band)
    duration_s = n_frames / frame_rate_hz
    fast_part *= np.float32(np.sqrt(expected))
    return slow.astype(np.float32), _Parts(slow_part, fast_part, noise_part, noise, power, duration_s)


def _surfaces(parts, inside, most_order):
    """(order, their motion float32 (P, B)): polynomials over the image, up to the order that the data ask for."""
    y, x = (axis[inside] for axis in np.meshgrid(*(np.linspace(-1, 1, n) for n in inside.shape), indexing="ij"))
    terms = [(total - j, j) for total in range(most_order + 1) for j in range(total + 1)]
    surfaces = np.linalg.qr(np.stack([y**i * x**j for i, j in terms], axis=1))[0].astype(np.float32)
    orders = np.array([i + j for i, j in terms])
    faster = np.sum((surfaces.T @ parts.fast) ** 2, axis=1) * parts.power / max(np.vdot(parts.fast, parts.fast), 1e-30)
    n_slow, n_fastest = parts.slow.shape[1], parts.fastest.shape[1]
    moment, against = _moments(parts, surfaces, np.concatenate([parts.slow, parts.fastest], axis=1))
    order, best = -1, np.zeros((0, parts.slow.shape[1]))
    for k in range(most_order + 1):
        n = np.count_nonzero(orders <= k)
        fitted = np.linalg.solve(moment[:n, :n], against[:n])
        new = orders[:n] == k
        slow, noise = np.split(np.sum(fitted[new] ** 2, axis=0), [n_slow])
        if slow.sum() > SURFACE_POWER * faster[:n][new].sum() + NOISE_EXCESS * n_slow / n_fastest * noise.sum():
            order, best = k, fitted[:, :n_slow]
    return order, surfaces[:, : len(best)] @ best.astype(np.float32)


def _without_movers(parts, rest):
    """The parts without local patterns that move more slowly than any unit: an artery's beat has fast harmonics, but
    they make it no unit."""
    values, vectors = np.linalg.eigh((rest.T @ rest).astype(np.float64))
    edge = NOISE_EXCESS * parts.noise * (np.sqrt(len(rest)) + np.sqrt(rest.shape[1])) ** 2
    vectors, values = vectors[:, values > edge], values[values > edge]
    patterns = rest @ (vectors / np.sqrt(values)).astype(np.float32)
    along = patterns.T @ parts.fast
    ratio = SLOWER * max(1.0, 1 / parts.duration_s)
    slower = values > ratio * np.sum(along**2, axis=1) * parts.power / max(np.vdot(parts.fast, parts.fast), 1e-30)
    slower &= 1 < LOCAL * len(rest) * np.sum(patterns**4, axis=0)
    return dataclasses.replace(parts, fast=parts.fast - patterns[:, slower] @ along[slower])


def _rough(parts, rest, inside, recording):
    """Motion float32 (P, B) that no surface describes, in what they leave of the slow coefficients, `rest` (P, B)."""
    values, vectors = np.linalg.eigh((rest.T @ parts.weighted(rest)).astype(np.float64))
    noise = np.linalg.eigvalsh((parts.fastest.T @ parts.weighted(parts.fastest)).astype(np.float64))[-1]
    vectors = vectors[:, values > max(ROUGH_EXCESS * len(rest), NOISE_EXCESS * noise)].astype(np.float32)
    if not vectors.size:
        return np.zeros_like(rest)
    patterns = rest @ vectors
    fitted = _smoothed(parts, patterns, inside, recording.pixel_mm)
    least = ROUGH_POWER * parts.power / parts.duration_s**2
    moves = np.sum(fitted**2, axis=0) > least
    patterns, fitted, vectors = patterns[:, moves], fitted[:, moves], vectors[:, moves]
    units = np.sum(parts.fast**2, axis=1)
    for i, pattern in enumerate(patterns.T):
        finer = pattern - fitted[:, i]
        around = np.zeros(inside.shape, np.float32)
        around[inside] = finer**2
        around = ndimage.gaussian_filter(around, 1.5)[inside] / ndimage.gaussian_filter(inside * 1.0, 1.5)[inside]
        variance = np.maximum(around - parts.noise - units, 0).astype(np.float32)
        fitted[:, i] += variance * parts.weighted(finer, variance)  # what remains of it beside units and noise
    return fitted @ vectors.T


def _smoothed(parts, patterns, inside, pixel_mm):
    """Patterns (P, n) as sums of cosines over the image, as far as the units do not explain them."""
    most = [max(1, round(n * pixel_mm / FINEST_MM)) for n in inside.shape]
    shrink = min(1.0, np.sqrt(MOST_COSINES / (np.pi / 4 * most[0] * most[1])))
    most = [max(1, int(n * shrink)) for n in most]
    rows, columns = (_cosines(np.arange(k), (np.arange(n) + 0.5) / n) for n, k in zip(inside.shape, most, strict=True))
    pairs = [(i, j) for i in range(most[0]) for j in range(most[1]) if (i / most[0]) ** 2 + (j / most[1]) ** 2 < 1]
    waves = np.stack([np.outer(rows[:, i], columns[:, j])[inside] for i, j in pairs], axis=1).astype(np.float32)
    moment, against = _moments(parts, waves, patterns)
    moment[np.diag_indices_from(moment)] += 1e-3 * np.median(np.diag(moment))
    return waves @ np.linalg.solve(moment, against).astype(np.float32)


def _moments(parts, maps, patterns):
    """Normal equations, float64, of patterns (P, n) as sums of maps (P, m), weighted by what units and noise do."""
    weighted = parts.weighted(maps)
    return (maps.T @ weighted).astype(np.float64), (weighted.T @ patterns).astype(np.float64)


def _cosines(half_waves, at):
    """(T, n) of unit norm: cosines with so many half waves (n,) over the interval, at places (T,) between 0 and 1."""
    waves = np.cos(np.pi * np.outer(at, half_waves))
    return waves / np.linalg.norm(waves, axis=0)
