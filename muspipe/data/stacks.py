"""A batch of records as arrays: its truth, and what its pixels are made of.

B examples a batch.
"""

from __future__ import annotations

import numpy as np

_TRUTH = {
    "boxes": "boxes",
    "masks": "masks",
    "class_ids": "class_ids",
    "mask": "masks",
    "train": "trains",
    "amplitude": "amplitudes",
    "sequence_sd": "scales",
    "signal": "signals",
}
"""Of a record -> of a batch."""
_OF_BOTH = {"sequence_sd"}
"""Truth that the pixels are made with, too."""
_COMPONENTS = {"maps", "signals"}
"""Arrays of a record with a row for each component."""


def truth_of(records: list[dict]) -> dict[str, np.ndarray]:
    """All of a batch but its pixels, arrays (B, ...); see loader.detection_batch and twitch_batch."""
    return {name: np.stack([r[own] for r in records]) for own, name in _TRUTH.items() if own in records[0]}


def makings_of(records: list[dict]) -> dict[str, np.ndarray]:
    """What the pixels of a batch are made of, arrays (B, ...): examples with fewer components than others have further
    ones that are zero."""
    names = [name for name in records[0] if name not in _TRUTH or name in _OF_BOTH]
    return {name: (_padded if name in _COMPONENTS else np.stack)([r[name] for r in records]) for name in names}


def _padded(arrays):
    stack = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(stack, arrays, strict=True):
        row[: len(array)] = array
    return stack
