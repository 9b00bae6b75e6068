"""What a batch is to be: one frozen description for both loaders."""

from __future__ import annotations

import math
from dataclasses import dataclass

from muspipe.errors import InputError
from simulator.shared.settings import check, setting


@dataclass(frozen=True)
class BatchOptions:
    """Settings of the input pipeline. Raises InputError, naming the setting, for values that cannot be had.

    seed, with the epoch and the index, settles every random choice of an example.
    """

    batch_size: int = setting(8, "examples a batch", least=1, most=10_000)
    seed: int = setting(0, "of order, flips and noise", least=0)
    shuffle: bool = setting(True, "whether every epoch has an order of its own")
    drop_last: bool = setting(
        True, "leave out the last batch of an epoch when it is not full: models with static shapes need it so"
    )
    snr_db: float | tuple[float, float] | None = setting(
        None,
        "white noise: one SNR (inf: none), or LOW HIGH to draw from for each example",
        unit="dB",
        infinite=True,
        rising=True,
        metavar="DB",
    )
    clean_share: float = setting(0.0, "share of the examples that get no noise, whatever snr_db says", least=0, most=1)
    flips: bool = setting(True, "draw one of the four flips (none, y, x, both) for every example")
    max_units: int = setting(
        30,
        "rows of the detection truth: the largest number of motor units a sequence may have (paper: 30)",
        least=1,
        most=1000,
    )
    crop_px: int = setting(16, "side of a twitch crop (paper: 16 px, 10 mm)", unit="px", least=1, most=1024)
    refit: bool = setting(
        False,
        "add to a twitch example the least-squares signal of its unit, with all units' territories as they are given",
    )
    territory_error: float = setting(
        0.0,
        "how wrong the given territories of a twitch example are: 0 true, 1 as a detector's; see given.py",
        least=0,
        most=10,
    )
    shuffle_block: int = setting(
        64,
        "twitch crops are shuffled within random groups of so many sequences, so that each is read once",
        least=1,
        most=1_000_000,
    )
    noise_bank_values: int = setting(
        1 << 24, "normal numbers in the noise bank: 67 MB, ten sequences long", least=1, most=1 << 30
    )

    def __post_init__(self):
        check(self, "BatchOptions.")
        finite = not isinstance(self.snr_db, tuple) or all(map(math.isfinite, self.snr_db))
        if not finite or self.snr_db == -math.inf:
            raise InputError(
                f"BatchOptions.snr_db: expected decibels, a finite range (low, high) or inf, got {self.snr_db!r}"
            )

    @property
    def noisy(self) -> bool:
        """Whether any example gets noise."""
        return isinstance(self.snr_db, tuple) or (self.snr_db is not None and math.isfinite(self.snr_db))

    def n_batches(self, n_examples: int) -> int:
        """Batches an epoch."""
        return n_examples // self.batch_size if self.drop_last else -(-n_examples // self.batch_size)
