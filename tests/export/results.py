"""Results to export."""

import numpy as np

from muspipe import Result


def made(n=3, seed=5, n_frames=1600, frame_rate_hz=400.0, **changes):
    """n units of 6 x 8 px that fire near 10 Hz for 4 s, off the frames' grid; the last of more than one never fires."""
    rng = np.random.default_rng(seed)
    duration_s = n_frames / frame_rate_hz
    firings = [np.cumsum(rng.uniform(0.08, 0.13, 60)) for _ in range(n)]
    firings = [times_s[times_s < duration_s - 0.01] for times_s in firings]
    if n > 1:
        firings[-1] = firings[-1][:0]
    territories = np.zeros((n, 6, 8), bool)
    for i in range(n):
        territories[i, 1:3, i : i + 3] = True
    fields = dict(
        territories=territories,
        twitch_trains=rng.standard_normal((n, n_frames)),
        firings=firings,
        scores=np.linspace(0.9, 0.5, n),
        firing_latencies=np.full(n, 0.025),
        firing_rule="discharges",
        frame_rate_hz=frame_rate_hz,
        pixel_mm=0.5,
        method="ica",
        settings={"k": np.int64(3), "range": (1, 2)},
        source={"name": "Übung.h5", "sha256": "ab" * 32},
        velocity_unit="mm/s",
        warnings=("motion was taken off",),
    )
    return Result(**(fields | changes))
