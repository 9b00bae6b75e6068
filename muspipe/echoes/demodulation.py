"""RF to IQ: the pulse's centre frequency is mixed down to 0, what is beyond its band is taken off, and of every few
samples one is kept.

All of that is one linear map along the depth, a banded matrix (kept, samples).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from muspipe.echoes.options import Scan
from muspipe.errors import InputError

BAND_SHARE = 1.0
"""Width of the band that is kept, as a share of the centre frequency: pulses of linear probes have 0.6-0.8 at -6 dB."""
STOP_DB, ROLL_OFF = 60.0, 0.25
"""How far the low-pass takes off what is beyond the band, and over what share of the band it falls."""


class Demodulated:
    """IQ of RF samples. `scan` is that of the IQ: fewer samples in depth."""

    def __init__(self, samples, scan: Scan):
        self.samples = samples
        n_depth = samples.shape[1]
        rate_hz, centre_hz = scan.sampling_rate_hz, scan.centre_frequency_hz
        # beyond it the mirror image of the band, at twice the centre frequency, would come in
        band_hz = min(BAND_SHARE * centre_hz, rate_hz - 2 * centre_hz)
        if band_hz < 0.2 * centre_hz:
            raise InputError(
                f"sampling_rate_hz: expected at least 2.2 times the centre frequency of {centre_hz:g} Hz, got "
                f"{rate_hz:g} Hz: RF sampled more coarsely must be demodulated where it was taken"
            )
        factor = max(1, int(rate_hz / (band_hz * (1 + ROLL_OFF))))
        self._parts = _matrix(n_depth, factor, centre_hz / rate_hz, band_hz / rate_hz)
        self.shape = samples.shape[0], self._parts[0].shape[0], samples.shape[2]
        pixel_mm = scan.pixel_mm[0] * factor, scan.pixel_mm[1]
        self.scan = dataclasses.replace(scan, pixel_mm=pixel_mm, sampling_rate_hz=None, carrier="removed")

    def __getitem__(self, frames: slice) -> np.ndarray:
        rf = np.asarray(self.samples[frames], np.float32)
        iq = np.empty((len(rf), *self.shape[1:]), np.complex64)
        real, imaginary = self._parts
        for echo, frame in zip(iq, rf, strict=True):
            echo.real, echo.imag = real @ frame, imaginary @ frame
        return iq


def _matrix(n_samples, factor, centre, band):
    """The real and the imaginary part of the map, sparse float32 (kept, n_samples). centre, band: cycles a sample."""
    from scipy.signal import firwin, kaiserord
    from scipy.sparse import csr_array

    n_taps, beta = kaiserord(STOP_DB, min(2 * ROLL_OFF * band, 0.5))
    taps = 2 * firwin(n_taps | 1, min(band, 0.98), window=("kaiser", beta))  # 2: half of the power is the mirror image
    kept = np.arange(0, n_samples, factor)
    places = kept[:, None] + np.arange(len(taps)) - len(taps) // 2
    there = (places >= 0) & (places < n_samples)
    rows = np.repeat(np.arange(len(kept)), there.sum(axis=1))
    map_ = (taps * np.exp(-2j * np.pi * centre * places))[there]
    shape = len(kept), n_samples
    return tuple(csr_array((part.astype(np.float32), (rows, places[there])), shape) for part in (map_.real, map_.imag))
