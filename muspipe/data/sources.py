"""Where sequences come from: anything with `len(source)`, `source[i] -> MuscleSequence`, `n_units` and `config`."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator import MuscleSequence, SimulationConfig
from simulator.generate import draw_sequence
from simulator.shards import open_dataset

__all__ = ["OnlineSource", "open_dataset"]


class OnlineSource:
    """Sequences simulated when asked for: those that `generate_dataset` would write for this config, seed and split."""

    def __init__(self, config: SimulationConfig, seed: int, n_sequences: int, split: str = "train"):
        self.config = config
        self.seed = seed
        self.split = split
        self._n_sequences = n_sequences

    def __len__(self) -> int:
        return self._n_sequences

    def __getitem__(self, index: int) -> MuscleSequence:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return draw_sequence(self.config, self.seed, self.split, int(index) % len(self), len(self))

    @cached_property
    def n_units(self) -> np.ndarray:
        """Motor units of each sequence, int64 (N,). Draws every sequence once, about 10,000/s."""
        return np.array([self[i].n_units for i in range(len(self))], np.int64)
