"""Results to make pages of."""

import numpy as np

from muspipe import Result

ODD = "<b>odd</b> </script><script>document.title='taken'</script> \"'&{{ 7 * 7 }}.h5"
"""The name of a recording can hold anything."""


def result(n, duration_s=10, side_px=64, **changes):
    """n units in rows of territories of 6 x 6 px, unit i + 1 firing i + 5 times a second, its twitches of height 1."""
    frame_rate_hz = 400.0
    n_frames = round(duration_s * frame_rate_hz)
    masks = np.zeros((n, side_px, side_px), bool)
    trains = np.zeros((n, n_frames))
    firings = []
    for i in range(n):
        y, x = 2 + 9 * (i // 7), 2 + 9 * (i % 7)
        masks[i, y : y + 6, x : x + 6] = True
        firings.append(np.arange(0.1, duration_s - 0.05, 1 / (i + 5)))
        time_s = np.arange(n_frames) / frame_rate_hz
        for firing_s in firings[i]:
            trains[i] += np.exp(-(((time_s - firing_s) / 0.012) ** 2))
    fields = dict(
        scores=np.linspace(1, 0.5, n),
        frame_rate_hz=frame_rate_hz,
        pixel_mm=0.5,
        velocity_unit="mm/s",
        firings=firings,
        method="ica",
        settings={"sparse": {"iterations": 3}, "name": "</script>"},
        source={"name": "recording.h5", "sha256": "ab" * 32},
        velocity_rms=np.linspace(0, 2, side_px**2).reshape(side_px, side_px),
    )
    return Result(masks, trains, **(fields | changes))
