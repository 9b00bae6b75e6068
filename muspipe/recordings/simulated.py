"""A simulated sequence as the recording that a user would have, and its truth as the result that a method should give.

sequence: a `simulator.MuscleSequence`.
"""

from __future__ import annotations

import numpy as np

from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result


def recording_of(sequence, snr_db: float | None = None) -> Recording:
    """The rendered velocity, with the sequence's own white noise at this SNR; None or inf adds none."""
    config = sequence.config
    return Recording(sequence.render(snr_db), frame_rate_hz=config.frame_rate_hz, pixel_mm=config.pixel_mm)


def truth_of(sequence, *, settings: dict | None = None, source: dict | None = None) -> Result:
    """The true units. Their firings are the instants of peak velocity, as in every Result: the discharges plus the
    unit's peak latency. settings, source: of the Result."""
    config = sequence.config
    return Result(
        territories=sequence.territories,
        twitch_trains=sequence.twitch_trains,
        scores=np.ones(sequence.n_units, np.float32),
        frame_rate_hz=config.frame_rate_hz,
        pixel_mm=config.pixel_mm,
        firings=sequence.twitch_peaks_s,
        method="truth",
        settings=settings or {},
        source=source or {"name": "", "sha256": ""},
    )
