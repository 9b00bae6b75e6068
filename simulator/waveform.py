"""The twitch: tissue velocity that one firing of one motor unit causes.

Displacement x(t) = (u e^(1-u))^m with u = t / Tc (a Raikova-type twitch): peak 1 at t = Tc, half of it at Tc + r Tc for
m = ln 2 / (r - ln(1 + r)). The velocity is its derivative scaled to peak 1; it integrates to zero, as the tissue
returns.
Shapes: every parameter broadcasts against the times.
"""

from __future__ import annotations

import numpy as np


def exponent(half_relaxation_ratio):
    """m of the twitch from the half-relaxation time as a multiple of the contraction time."""
    r = np.asarray(half_relaxation_ratio, dtype=np.float64)
    return np.log(2.0) / (r - np.log1p(r))


def peak_latency_s(contraction_time_s, half_relaxation_ratio):
    """Time from the firing to the velocity's peak [s]: where x'' = 0 on the rise, u = 1 - 1/sqrt(m)."""
    return contraction_time_s * (1.0 - 1.0 / np.sqrt(exponent(half_relaxation_ratio)))


def twitch_velocity(time_s, contraction_time_s, half_relaxation_ratio, dtype=np.float64):
    """Velocity at `time_s` after the firing, peak 1; 0 at and before the firing."""
    m = exponent(half_relaxation_ratio)
    u_peak = 1.0 - 1.0 / np.sqrt(m)
    log_peak = np.log1p(-u_peak) + (m - 1.0) * np.log(u_peak) + m * (1.0 - u_peak)
    m1, offset = np.asarray(m - 1.0, dtype), np.asarray(m - log_peak, dtype)
    m = np.asarray(m, dtype)
    u = np.asarray(time_s / contraction_time_s, dtype)
    # x' is proportional to (1 - u) u^(m-1) e^(m(1-u)); in logarithms, in place: this is the simulator's inner loop.
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
):
    """Sum of the twitches of each motor unit, sampled at the frames.

    firings_s: (F,) firing instants of all units [s], also before 0; unit_of_firing: (F,) their unit's index;
    the three twitch parameters: (n_units,). delay_s shifts everything later. Returns float32 (n_units, n_frames).
    """
    start_s = firings_s + delay_s
    length = int(np.ceil(support_s * frame_rate_hz))
    first = np.floor(start_s * frame_rate_hz).astype(np.int64) + 1  # first frame after the firing
    inside = (first < n_frames) & (first + length > 0)
    start_s, first, unit = start_s[inside], first[inside], unit_of_firing[inside]
    since_first = (first / frame_rate_hz - start_s)[:, None] + np.arange(length) / frame_rate_hz
    column = (slice(None), None)
    twitches = twitch_velocity(
        since_first, contraction_time_s[unit][column], half_relaxation_ratio[unit][column], dtype=np.float32
    )
    twitches *= peak_velocity[unit].astype(np.float32)[column]
    padded = np.zeros((n_units, length + n_frames + length), np.float32)
    for row, begin, k in zip(twitches, (first + length).tolist(), unit.tolist(), strict=True):
        padded[k, begin : begin + length] += row
    return np.ascontiguousarray(padded[:, length : length + n_frames])
