"""Random streams of what scenario `echo` adds, each from the sequence's `tissue_seed` and a key of its own: what one
part draws never changes another."""

from __future__ import annotations

import numpy as np

LAYERS, SHAPES, AMPLITUDES, MOTION, PATTERN, ECHO = range(6)


def stream(seed: int, *key: int) -> np.random.Generator:
    """The stream of a part of a sequence."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
