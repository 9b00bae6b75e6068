"""What a batch is to be: one frozen description for both loaders."""

from __future__ import annotations

import math
from dataclasses import dataclass

from muspipe.errors import InputError


@dataclass(frozen=True)
class BatchOptions:
    """Settings of the input pipeline. Raises InputError, naming the setting, for values that cannot be had."""

    batch_size: int = 8
    seed: int = 0
    """Seeds order, flips and noise; with the epoch and the index it settles every random choice of an example."""
    shuffle: bool = True
    drop_last: bool = True
    """Leave out the last batch of an epoch when it is not full: models with static shapes need it so."""
    snr_db: float | tuple[float, float] | None = None
    """Signal-to-noise ratio [dB]: fixed (inf: clean), or drawn per example uniformly from (low, high); None: clean."""
    clean_share: float = 0.0
    """Share of the examples that get no noise, whatever snr_db says."""
    flips: bool = True
    """Draw one of the four flips (none, y, x, both) for every example."""
    max_units: int = 30
    """Rows of the detection truth: the largest number of motor units a sequence may have (paper: 30)."""
    crop_px: int = 16
    """Side of a twitch crop (paper: 16 px, 10 mm)."""
    refit: bool = False
    """Add to a twitch example the least-squares signal of its unit, with all units' territories as they are given."""
    territory_error: float = 0.0
    """How wrong the given territories of a twitch example are: 0 true, 1 as of a detector; see given.py."""
    shuffle_block: int = 64
    """Twitch crops are shuffled within random groups of this many sequences, so that a sequence is read once."""
    noise_bank_values: int = 1 << 24
    """Normal numbers in the noise bank: 67 MB, ten sequences long."""

    def __post_init__(self):
        for name in ("batch_size", "max_units", "crop_px", "shuffle_block", "noise_bank_values"):
            self._require(isinstance(getattr(self, name), int) and getattr(self, name) >= 1, name, "an integer from 1")
        self._require(0 <= self.clean_share <= 1, "clean_share", "a share from 0 to 1")
        self._require(self.territory_error >= 0, "territory_error", "a number from 0")
        self._require(isinstance(self.seed, int) and self.seed >= 0, "seed", "an integer from 0")
        if isinstance(self.snr_db, tuple):
            finite = len(self.snr_db) == 2 and all(map(math.isfinite, self.snr_db))
            self._require(finite and self.snr_db[0] <= self.snr_db[1], "snr_db", "a finite range (low, high) [dB]")
        elif self.snr_db is not None:
            self._require(self.snr_db > -math.inf, "snr_db", "decibels, inf or None")

    @property
    def noisy(self) -> bool:
        """Whether any example gets noise."""
        return isinstance(self.snr_db, tuple) or (self.snr_db is not None and math.isfinite(self.snr_db))

    def n_batches(self, n_examples: int) -> int:
        """Batches an epoch."""
        return n_examples // self.batch_size if self.drop_last else -(-n_examples // self.batch_size)

    def _require(self, true: bool, name: str, expected: str):
        if not true:
            raise InputError(f"BatchOptions.{name}: expected {expected}, got {getattr(self, name)!r}")
