"""White Gaussian noise at a signal-to-noise ratio, fast: one bank of normal numbers, cut anew for every example.

numpy draws the noise of 65 sequences (64 x 64 x 400) a second, a cut from the bank is added at many times that rate.
The cuts of two examples overlap in general, but at offsets that hardly ever coincide: no pixel meets the same noise
at the same time twice.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.linalg.blas import saxpy

from muspipe.errors import InputError
from simulator.sequence import noise_sd as _noise_sd


class NoiseBank:
    """`n_values` standard normal float32 numbers made from a seed; `values` is read-only."""

    def __init__(self, n_values: int, seed: int):
        values = np.random.default_rng(np.random.SeedSequence(seed)).standard_normal(n_values, dtype=np.float32)
        values.flags.writeable = False
        self.values = values

    def draw_offset(self, rng: np.random.Generator, n_values: int) -> int:
        """Where a cut of `n_values` begins. InputError when the bank is shorter than that."""
        if n_values > len(self.values):
            raise InputError(
                f"noise bank: expected at least one sequence of {n_values} values, got {len(self.values)}; "
                "raise noise_bank_values"
            )
        return int(rng.integers(len(self.values) - n_values + 1))

    def add(self, images: np.ndarray, offset: int, sd: float) -> np.ndarray:
        """Add noise of this SD to C-contiguous float32 `images` of any shape, in place."""
        if images.dtype != np.float32 or not images.flags.c_contiguous:
            raise ValueError(f"images: expected C-contiguous float32, got {images.dtype}")
        if sd:
            saxpy(self.values[offset : offset + images.size], images.reshape(-1), a=sd)
        return images


@functools.lru_cache(maxsize=2)
def shared_bank(n_values: int, seed: int) -> NoiseBank:
    """The bank of these values, made once a process."""
    return NoiseBank(n_values, seed)


def draw_snr_db(rng: np.random.Generator, snr_db: float | tuple[float, float] | None, clean_share: float = 0) -> float:
    """The SNR of one example [dB]: the fixed value, a uniform draw from (low, high), or inf for None and for a share
    of the examples."""
    if clean_share and rng.random() < clean_share:
        return np.inf
    if isinstance(snr_db, tuple):
        return float(rng.uniform(*snr_db))
    return np.inf if snr_db is None else float(snr_db)


def noise_sd(clean_power: float, snr_db: float) -> np.float32:
    """SD of noise of `snr_db` [dB] for a sequence of this mean power; 0 for inf."""
    return np.float32(0) if np.isinf(snr_db) else _noise_sd(clean_power, snr_db)
