"""In which order examples come, and the random stream of each: functions of (seed, epoch, index) alone."""

from __future__ import annotations

import numpy as np

_ORDER, _EXAMPLE = 1001, 1002  # first numbers of the spawn keys; apart from the simulator's, which may share the seed


def epoch_order(n_examples: int, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
    """Every index below n_examples exactly once, int64."""
    if not shuffle:
        return np.arange(n_examples)
    return _order_stream(seed, epoch).permutation(n_examples)


def crop_order(n_units: np.ndarray, seed: int, epoch: int, shuffle: bool = True, block: int = 64) -> np.ndarray:
    """Every motor unit of every sequence exactly once: int64 (M, 3), (sequence, unit, index over all units).

    n_units: (N,) of each sequence. Sequences are dealt at random into blocks, and the units are shuffled within a
    block: a loader then needs few sequences at a time, and neighbours in a batch are still almost always strangers.
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
