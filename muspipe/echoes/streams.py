"""Series that come in blocks and never are in memory as a whole: (n, ...), the first axis time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def convolved(blocks: Iterable[np.ndarray], taps: np.ndarray, stride: int = 1) -> Iterator[np.ndarray]:
    """The weighted mean of the items around each, taken at items 0, stride, 2 stride ...; float32, in blocks.

    taps: weights, an odd number, symmetric. At both ends the mean is over the items that there are.
    """
    if len(taps) == 1 and stride == 1:
        yield from blocks
        return
    held, first, position, half = None, 0, 0, len(taps) // 2  # held begins with item `first`
    for block, last in _with_last(blocks):
        held = block if held is None else np.concatenate([held, block])
        known = first + len(held)
        ready = np.arange(position, known if last else known - half, stride)
        if len(ready):
            yield _means(held, ready - first, taps)
            position = int(ready[-1]) + stride
        drop = max(0, min(position - half - first, len(held)))
        held, first = held[drop:], first + drop


def _with_last(blocks):
    """Each block, and whether it is the last one."""
    blocks = iter(blocks)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        yield block, following is None
        block = following


def _means(items, places, taps):
    """Weighted means of items (n, ...) around these places."""
    away = np.arange(len(items)) - places[:, None] + len(taps) // 2
    weights = np.where((away >= 0) & (away < len(taps)), taps[np.clip(away, 0, len(taps) - 1)], 0)
    weights /= weights.sum(axis=1, keepdims=True)
    flat = items.reshape(len(items), -1)
    return (weights.astype(np.float32) @ flat).reshape(len(places), *items.shape[1:])
