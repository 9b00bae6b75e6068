"""Filters over time: of echoes before velocity is estimated, and of the velocity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from muspipe.errors import InputError

ORDER = 2
"""Of the Butterworth filters; run forwards and backwards over velocity, they are of twice this order, without delay."""
STOP_DB = 60.0
"""What decimation leaves of frequencies above half the new rate."""
PASS_SHARE = 0.6
"""Of half the new rate: up to here decimation changes nothing, 120 Hz of 400; twitches have nothing above 60 Hz."""
ROWS = 16
"""Of pixels, filtered at a time."""


def decimation_taps(factor: int) -> np.ndarray:
    """Weights of the low-pass before every factor-th image is kept; one for a factor of 1."""
    if factor == 1:
        return np.ones(1)
    from scipy.signal import firwin, kaiserord

    n_taps, beta = kaiserord(STOP_DB, (1 - PASS_SHARE) / factor)
    return firwin(n_taps | 1, (1 + PASS_SHARE) / 2 / factor, window=("kaiser", beta))


def without_clutter(blocks: Iterable[np.ndarray], cutoff_hz: float, prf_hz: float) -> Iterator[np.ndarray]:
    """High-pass of echoes (n, H, W) over frames; what stands still from the first frame on is gone at once."""
    from scipy.signal import butter, sosfilt, sosfilt_zi

    _refuse_beyond(("clutter_hz", cutoff_hz), prf_hz)
    sections, state = butter(ORDER, cutoff_hz, "highpass", fs=prf_hz, output="sos").astype(np.float32), None
    for block in blocks:
        if state is None:
            state = sosfilt_zi(sections)[:, :, None, None] * block[0]
        filtered, state = sosfilt(sections, block, axis=0, zi=state)
        yield np.ascontiguousarray(filtered, np.complex64)


def filter_velocity(velocity, frame_rate_hz: float, drift_hz: float, band_hz) -> None:
    """High-pass and band-pass velocity (H, W, T), an array or a data set of a file, in place and without delay. 0 and
    None leave it as it is."""
    from scipy.signal import butter, sosfiltfilt

    wanted = ([("highpass", drift_hz)] if drift_hz else []) + ([("bandpass", band_hz)] if band_hz else [])
    for kind, edges_hz in wanted:
        _refuse_beyond(("band_hz" if kind == "bandpass" else "drift_hz", np.max(edges_hz)), frame_rate_hz)
        sections = butter(ORDER, edges_hz, kind, fs=frame_rate_hz, output="sos")
        # the filter swings for about a period of its lowest frequency: so much is mirrored at both ends
        padding = min(velocity.shape[2] - 1, round(frame_rate_hz / np.min(edges_hz)))
        for start in range(0, velocity.shape[0], ROWS):
            part = sosfiltfilt(sections, velocity[start : start + ROWS], axis=2, padlen=padding)
            velocity[start : start + ROWS] = part.astype(np.float32)


def _refuse_beyond(named_hz, rate_hz):
    name, value_hz = named_hz
    if value_hz >= rate_hz / 2:
        raise InputError(f"{name}: expected less than half of {rate_hz:g} Hz, got {value_hz:g} Hz")
