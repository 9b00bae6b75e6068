"""Simulated decomposed EMG and the ultrasound that saw the same units."""

import numpy as np

from muspipe import Result
from muspipe.recordings.decomposed import Decomposition


def trains(rng, n, duration_s):
    """n float arrays: firings [s] at 8-13 Hz with intervals of 20 % SD, from before 0 on."""
    rates_hz = rng.uniform(8, 13, n)
    factors = np.clip(1 + 0.2 * rng.standard_normal((n, round(20 * duration_s) + 20)), 0.3, 1.7)
    times = np.cumsum(factors / rates_hz[:, None], axis=1) - 0.5
    return [row[row < duration_s] for row in times]


def seen(rng, firings, delays_s, duration_s, jitter_s=0.003, missed=0.1, false_hz=1.0):
    """The same firings as ultrasound would give them: late, jittered, some missed, some false."""
    found = []
    for times_s, delay_s in zip(firings, delays_s, strict=True):
        late = times_s[rng.random(len(times_s)) > missed]
        late = late + delay_s + jitter_s * rng.standard_normal(len(late))
        false = rng.uniform(0, duration_s, rng.poisson(false_hz * duration_s))
        times = np.sort(np.concatenate([late, false]))
        found.append(times[(times >= 0) & (times < duration_s)])
    return found


def result_of(firings, duration_s, frame_rate_hz=400.0):
    """A result with these firings, and nothing else to look at."""
    n = len(firings)
    return Result(
        territories=np.zeros((n, 4, 4), bool),
        twitch_trains=np.zeros((n, round(duration_s * frame_rate_hz))),
        scores=np.ones(n),
        frame_rate_hz=frame_rate_hz,
        pixel_mm=0.6,
        firings=firings,
    )


def decomposition(firings, duration_s=np.inf):
    """Labels are the indices."""
    return Decomposition(firings, [str(i) for i in range(len(firings))], duration_s)
