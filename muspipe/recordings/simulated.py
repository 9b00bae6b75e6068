"""A simulated sequence as the recording that a user would have, and its truth as the result that a method should give.

sequence: a `simulator.MuscleSequence`.
"""

from __future__ import annotations

import numpy as np

from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result
from simulator.iq import iq_blocks
from simulator.speckle import samples_mm


def recording_of(sequence, snr_db: float | None = None) -> Recording:
    """The rendered velocity, with the sequence's own white noise at this SNR; None or inf adds none."""
    config = sequence.config
    return Recording(sequence.render(snr_db), frame_rate_hz=config.frame_rate_hz, pixel_mm=config.pixel_mm)


class SimulatedEchoes:
    """IQ (T + 1, Z, X) of a sequence, for `muspipe.echoes`: computed as its blocks are read, which goes from the first
    to the last once."""

    def __init__(self, sequence, snr_db: float | None = None):
        self.shape = (sequence.config.n_frames + 1, *(len(axis) for axis in samples_mm(sequence.config)))
        self._blocks = iq_blocks(sequence, snr_db)
        self._rest, self._at = None, 0

    def __getitem__(self, frames: slice) -> np.ndarray:
        start, stop, _ = frames.indices(self.shape[0])
        if start != self._at:
            raise ValueError(f"frames: expected those from {self._at} on, got {start}")
        parts, n = [], stop - start
        while n:
            block = np.moveaxis(next(self._blocks), 2, 0) if self._rest is None else self._rest
            parts.append(block[:n])
            self._rest = block[n:] if len(block) > n else None
            n -= len(parts[-1])
        self._at = stop
        return np.concatenate(parts)


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
        firing_latencies=sequence.peak_latencies_s,
        firing_rule="truth",
        method="truth",
        settings=settings or {},
        source=source or {"name": "", "sha256": ""},
    )
