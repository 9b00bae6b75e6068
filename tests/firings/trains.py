"""Twitch trains laid down at known instants, for the tests of every rule."""

import numpy as np

from simulator.activity import peak_latency_s, twitch_velocity

LATENCY_S = float(peak_latency_s(0.05, 0.6))


def train_of(firings_s, duration_s=1.0, rate_hz=400.0, amplitudes=1.0, contraction_time_s=0.05):
    """(T,) twitches at these discharges."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    twitches = twitch_velocity(time_s - np.asarray(firings_s)[:, None], contraction_time_s, 0.6)
    return (np.broadcast_to(amplitudes, len(firings_s))[:, None] * twitches).sum(axis=0)


def irregular(rate_hz, duration_s, seed):
    """Discharges [s] from before the first frame on, intervals with an SD of 0.2."""
    intervals = np.clip(1 + 0.2 * np.random.default_rng(seed).standard_normal(1000), 0.3, 1.7) / rate_hz
    times_s = np.cumsum(intervals) - 0.5
    return times_s[times_s < duration_s]
