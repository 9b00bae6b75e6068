"""When motor units fire, and the tissue velocity that each firing causes: firings -> twitch trains.

Firings are renewal trains with Gaussian inter-pulse intervals, partly synchronised. They are kept as one sorted array
over all units, `firings_s` (F,), with `unit_of_firing` (F,) beside it, sorted by unit, then time. Instants before 0
belong to the lead-in.

A twitch is the displacement x(t) = (u e^(1-u))^m with u = t / Tc (a Raikova-type twitch): its peak is 1 at t = Tc, and
half of that is left at Tc + r Tc for m = ln 2 / (r - ln(1 + r)). The velocity is its derivative, scaled to peak 1; it
integrates to zero, as the tissue returns.
"""

from __future__ import annotations

import numpy as np

from simulator.config import SimulationConfig
from simulator.waveform import velocity_at


def renewal_trains(rng: np.random.Generator, rates_hz: np.ndarray, config: SimulationConfig) -> np.ndarray:
    """Unsynchronised firing instants [s], (n_units, K), each row rising, NaN outside [-lead_in, duration).

    Intervals are 1/FR (1 + N(0, interval_sd)), clipped. The first firing comes a random part of an interval after the
    start of the lead-in, so that units do not start together.
    """
    span_s = config.lead_in_s + config.duration_s
    n_intervals = (
        int(np.ceil(span_s * rates_hz.max() / config.interval_clip[0])) + 1
    )  # enough even if all were the shortest
    likely = min(n_intervals, int(np.ceil(1.25 * span_s * rates_hz.max())) + 8)
    while True:
        factor = np.clip(1.0 + config.interval_sd * rng.standard_normal((len(rates_hz), likely)), *config.interval_clip)
        factor[:, 0] *= rng.random(len(rates_hz))
        times_s = np.cumsum(factor / rates_hz[:, None], axis=1)
        if likely == n_intervals or times_s[:, -1].min() > span_s:
            break
        likely = n_intervals
    times_s[times_s >= span_s] = np.nan
    return times_s - config.lead_in_s


def synchronise(rng: np.random.Generator, times_s: np.ndarray, share: float, jitter_s: float) -> np.ndarray:
    """Move a share of the firings, each to the nearest firing of another, randomly chosen unit, with Gaussian jitter.

    times_s: (n_units, K), NaN-padded. Targets are where the other unit's firings were before any was moved. Returns the
    same layout with rows no longer sorted.
    """
    n_units = len(times_s)
    chosen = (rng.random(times_s.shape) < share) & ~np.isnan(times_s)
    unit, position = np.nonzero(chosen)
    if n_units < 2 or unit.size == 0:
        return times_s
    partner = (unit + rng.integers(1, n_units, unit.size)) % n_units
    original = times_s[unit, position]
    distance = np.where(np.isnan(times_s[partner]), np.inf, np.abs(times_s[partner] - original[:, None]))
    nearest = times_s[partner, distance.argmin(axis=1)]
    moved = times_s.copy()
    target = nearest + jitter_s * rng.standard_normal(unit.size)
    moved[unit, position] = np.where(np.isfinite(nearest), target, original)  # stay, if the partner never fires
    return moved


def draw_firings(rng: np.random.Generator, rates_hz: np.ndarray, synchronisation: float, config: SimulationConfig):
    """(firings_s, unit_of_firing) of one sequence, lead-in included."""
    if not len(rates_hz):
        return np.zeros(0), np.zeros(0, np.int32)
    times_s = renewal_trains(rng, rates_hz, config)
    times_s = np.sort(synchronise(rng, times_s, synchronisation, config.synchronisation_jitter_s), axis=1)
    unit, position = np.nonzero(~np.isnan(times_s))
    return times_s[unit, position], unit.astype(np.int32)


def concurrent_firings(firings_s: np.ndarray, unit_of_firing: np.ndarray, within_s: float) -> np.ndarray:
    """(F,) how many firings of other units lie within so many seconds before each firing, itself not counted."""

    def before(times_s, sorted_s):
        return np.searchsorted(sorted_s, times_s, side="left") - np.searchsorted(sorted_s, times_s - within_s)

    counts = before(firings_s, np.sort(firings_s))
    for unit in np.unique(unit_of_firing):
        own = unit_of_firing == unit
        counts[own] -= before(firings_s[own], firings_s[own])  # a unit's firings are sorted
    return counts


def exponent(half_relaxation_ratio):
    """m of the twitch, from its half-relaxation time as a multiple of its contraction time."""
    r = np.asarray(half_relaxation_ratio, dtype=np.float64)
    return np.log(2.0) / (r - np.log1p(r))


def peak_latency_s(contraction_time_s, half_relaxation_ratio):
    """Time from the firing to the peak of the velocity [s]: x'' = 0 on the rise, at u = 1 - 1/sqrt(m)."""
    return contraction_time_s * (1.0 - 1.0 / np.sqrt(exponent(half_relaxation_ratio)))


def twitch_velocity(time_s, contraction_time_s, half_relaxation_ratio, dtype=np.float64):
    """Velocity at `time_s` after the firing, peak 1; 0 at and before the firing. The parameters broadcast against the
    times."""
    m = exponent(half_relaxation_ratio)
    u_peak = 1.0 - 1.0 / np.sqrt(m)
    log_peak = np.log1p(-u_peak) + (m - 1.0) * np.log(u_peak) + m * (1.0 - u_peak)
    m1, offset = np.asarray(m - 1.0, dtype), np.asarray(m - log_peak, dtype)
    m = np.asarray(m, dtype)
    u = np.asarray(time_s / contraction_time_s, dtype)
    # x' is proportional to (1 - u) u^(m-1) e^(m(1-u)); in logarithms and in place, as this is the inner loop.
    value = np.asarray(np.log(np.maximum(u, np.finfo(dtype).tiny)))
    value *= m1
    value += offset
    value -= m * u
    np.exp(value, out=value)
    value *= 1.0 - u
    return np.where(u > 0, value, np.zeros((), dtype))


def twitch_trains(
    firings_s,
    unit_of_firing,
    n_units,
    contraction_time_s,
    half_relaxation_ratio,
    peak_velocity,
    *,
    frame_rate_hz,
    n_frames,
    support_s,
    delay_s=0.0,
    waveform=None,
    amplitudes=None,
):
    """Sum of the twitches of each motor unit, sampled at the frames.

    firings_s: (F,) firing instants of all units [s], those before 0 too; unit_of_firing: (F,) index of their units;
    the three twitch parameters: (n_units,). delay_s makes everything later. waveform: (samples, their rate [Hz]) of a
    measured twitch, in place of the first two parameters. amplitudes: (F,) factor of each twitch, None for 1. Returns
    float32 (n_units, n_frames).
    """
    start_s = firings_s + delay_s
    length = int(np.ceil(support_s * frame_rate_hz))
    first = np.floor(start_s * frame_rate_hz).astype(np.int64) + 1  # first frame after the firing
    inside = (first < n_frames) & (first + length > 0)
    start_s, first, unit = start_s[inside], first[inside], unit_of_firing[inside]
    since_first = (first / frame_rate_hz - start_s)[:, None] + np.arange(length) / frame_rate_hz
    column = (slice(None), None)
    if waveform is None:
        shape = contraction_time_s[unit][column], half_relaxation_ratio[unit][column]
        twitches = twitch_velocity(since_first, *shape, dtype=np.float32)
    else:
        twitches = velocity_at(since_first, *waveform)
    twitches *= peak_velocity[unit].astype(np.float32)[column]
    if amplitudes is not None:
        twitches *= amplitudes[inside].astype(np.float32)[column]
    padded = np.zeros((n_units, length + n_frames + length), np.float32)
    for row, begin, k in zip(twitches, (first + length).tolist(), unit.tolist(), strict=True):
        padded[k, begin : begin + length] += row
    return np.ascontiguousarray(padded[:, length : length + n_frames])
