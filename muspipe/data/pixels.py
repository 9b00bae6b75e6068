"""What happens to the pixels of a rendered sequence: white Gaussian noise, then zero mean and unit standard deviation.

Noise comes from one bank of normal numbers, cut anew for every example: NumPy draws the noise of 65 sequences
(64 x 64 x 400) a second, while a cut is added at many times that rate. The cuts of two examples usually overlap, but
hardly ever begin at the same place, so no pixel meets the same noise at the same time twice.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.linalg.blas import saxpy

from muspipe.errors import InputError
from simulator.sequence import mean_power
from simulator.sequence import noise_sd as _noise_sd
from simulator.shared.threads import one_blas_thread


class NoiseBank:
    """`n_values` standard normal float32 numbers made from a seed; `values` is read-only."""

    def __init__(self, n_values: int, seed: int):
        values = np.random.default_rng(np.random.SeedSequence(seed)).standard_normal(n_values, dtype=np.float32)
        values.flags.writeable = False
        self.values = values

    def draw_offset(self, rng: np.random.Generator, n_values: int) -> int:
        """Where a cut of `n_values` begins. Raises InputError when the bank is shorter than that."""
        if n_values > len(self.values):
            raise InputError(
                f"noise bank: expected at least one sequence of {n_values} values, got {len(self.values)}; "
                "raise noise_bank_values"
            )
        return int(rng.integers(len(self.values) - n_values + 1))

    def add(self, images: np.ndarray, offset: int, sd: float) -> np.ndarray:
        """Add noise of this SD to C-contiguous float32 `images` of any shape, in place; returns them."""
        if images.dtype != np.float32 or not images.flags.c_contiguous:
            raise ValueError(f"images: expected C-contiguous float32, got {images.dtype}")
        if sd:
            saxpy(self.values[offset : offset + images.size], images.reshape(-1), a=sd)
        return images


@functools.lru_cache(maxsize=2)
def shared_bank(n_values: int, seed: int) -> NoiseBank:
    """The bank of this size and seed, made once in each process."""
    return NoiseBank(n_values, seed)


def draw_snr_db(rng: np.random.Generator, snr_db: float | tuple[float, float] | None, clean_share: float = 0) -> float:
    """SNR of one example [dB]: the fixed value, or a uniform draw from (low, high); inf (no noise) for None and for
    a share `clean_share` of the examples."""
    if clean_share and rng.random() < clean_share:
        return np.inf
    if isinstance(snr_db, tuple):
        return float(rng.uniform(*snr_db))
    return np.inf if snr_db is None else float(snr_db)


def noise_sd(clean_power: float, snr_db: float) -> np.float32:
    """SD of the noise that gives `snr_db` [dB] to a sequence of this mean power; 0 for inf."""
    return np.float32(0) if np.isinf(snr_db) else _noise_sd(clean_power, snr_db)


def standardise(images: np.ndarray) -> np.ndarray:
    """Standardise one C-contiguous float32 sequence of any shape in place; a constant one becomes zero."""
    images -= images.mean(dtype=np.float64).astype(np.float32)
    sd = np.sqrt(mean_power(images))
    if sd > 0:
        images *= np.float32(1 / sd)
    return images


def clean_moments(maps: np.ndarray, signals: np.ndarray) -> tuple[float, float]:
    """(mean, mean square) over all pixels and frames of the sequence these render to, without rendering it.

    maps (C, H, W), signals (C, T). The mean square is a sum over pairs of components, overlap of the maps times overlap
    of the signals. BLAS has one thread for it: several, and those of tf.data, would wait for each other, and batches
    would come at a tenth of the rate.
    """
    flat = maps.reshape(len(maps), np.prod(maps.shape[1:])).astype(np.float64)
    signals = signals.astype(np.float64)
    n_values = flat.shape[1] * signals.shape[1]
    mean = float(np.sum(flat.sum(axis=1) * signals.sum(axis=1)) / n_values)
    with one_blas_thread():
        return mean, float(np.vdot(flat @ flat.T, signals @ signals.T) / n_values)
