"""Where examples come from: sources of sequences, the order of an epoch, and the random stream of each example.

A source is anything with `len(source)`, `source[i] -> MuscleSequence`, `n_units` and `config`. Orders and streams are
functions of (seed, epoch, index) alone.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator import MuscleSequence, SimulationConfig
from simulator.generate import draw_sequence
from simulator.shards import open_dataset

__all__ = ["OnlineSource", "crop_order", "epoch_order", "example_stream", "open_dataset"]

_ORDER, _EXAMPLE = 1001, 1002
"""First numbers of the spawn keys: not the simulator's, which may share the seed."""


class OnlineSource:
    """Sequences simulated on demand: those that `generate_dataset` would write for this config, seed and split."""

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
        """Number of motor units of each sequence, int64 (N,). Draws every sequence once, about 4,000/s."""
        return np.array([self[i].n_units for i in range(len(self))], np.int64)


def epoch_order(n_examples: int, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
    """Every index below n_examples exactly once, int64."""
    if not shuffle:
        return np.arange(n_examples)
    return _order_stream(seed, epoch).permutation(n_examples)


def crop_order(n_units: np.ndarray, seed: int, epoch: int, shuffle: bool = True, block: int = 64) -> np.ndarray:
    """Every motor unit of every sequence exactly once: int64 (M, 3), (sequence, unit, index over all units).

    n_units: (N,) of each sequence. Sequences are dealt into blocks at random and units are shuffled within a block, so
    that a loader needs few sequences at a time, yet neighbours in a batch almost never come from the same one.
    """
    sequence = np.repeat(np.arange(len(n_units)), n_units)
    index = np.arange(len(sequence))
    unit = index - np.repeat(np.cumsum(n_units) - n_units, n_units)
    rows = np.stack([sequence, unit, index], axis=1)
    if not shuffle:
        return rows
    stream = _order_stream(seed, epoch)
    block_of_sequence = stream.permutation(len(n_units)) // block
    return rows[np.lexsort((stream.random(len(rows)), block_of_sequence[sequence]))]


def example_stream(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random stream of one example in one epoch."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_EXAMPLE, epoch, index)))


def _order_stream(seed, epoch):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ORDER, epoch)))
