"""When motor units fire: renewal trains with Gaussian inter-pulse intervals, partly synchronised.

Firing instants are kept as one sorted array over all units, `firings_s` (F,), with `unit_of_firing` (F,) beside it,
sorted by unit, then time. Instants before 0 belong to the lead-in.
"""

from __future__ import annotations

import numpy as np

from simulator.config import SimulationConfig


def renewal_trains(rng: np.random.Generator, rates_hz: np.ndarray, config: SimulationConfig) -> np.ndarray:
    """Unsynchronised firing instants [s], (n_units, K), each row rising, NaN outside [-lead_in, duration).

    Intervals are 1/FR (1 + N(0, interval_sd)), clipped. The first firing falls at a random part of an interval after
    the lead-in's start, so that units do not start together.
    """
    span_s = config.lead_in_s + config.duration_s
    n_intervals = int(np.ceil(span_s * rates_hz.max() / config.interval_clip[0])) + 1  # enough, were all the shortest
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

    times_s: (n_units, K), NaN-padded. Targets are where the
    other unit's firings were before any moved. Returns the same layout, rows no longer sorted.
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
    moved[unit, position] = np.where(np.isfinite(nearest), target, original)  # a partner that never fires: stay
    return moved


def draw_firings(rng: np.random.Generator, rates_hz: np.ndarray, synchronisation: float, config: SimulationConfig):
    """(firings_s, unit_of_firing) of one sequence, lead-in included."""
    times_s = renewal_trains(rng, rates_hz, config)
    times_s = np.sort(synchronise(rng, times_s, synchronisation, config.synchronisation_jitter_s), axis=1)
    unit, position = np.nonzero(~np.isnan(times_s))
    return times_s[unit, position], unit.astype(np.int32)
