"""What there is to know of a velocity before it is used, gathered block by block: it need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from muspipe.recordings.stored import StoredVelocity

BLOCK_BYTES = 1 << 25
"""Of a block of frames."""


@dataclass(eq=False)
class Survey:
    """Of each pixel, all (H, W)."""

    n_frames: int
    first: np.ndarray
    """Value in the first frame."""
    masked: np.ndarray
    """bool: NaN in every frame"""
    changes: np.ndarray
    """bool: not always the first value"""
    odd: np.ndarray
    """Number of values that are NaN or infinite."""
    first_odd: np.ndarray
    """Frame of the first of them."""
    largest: np.ndarray
    """Largest absolute value."""


def blocks_of(velocity: np.ndarray | StoredVelocity) -> Iterator[tuple[int, np.ndarray]]:
    """(first frame, velocity float32 (H, W, n)) of stretches of a limited size that follow one another."""
    height, width, n_frames = velocity.shape
    n = max(1, BLOCK_BYTES // (4 * height * width))
    for start in range(0, n_frames, n):
        part = slice(start, min(start + n, n_frames))
        yield start, velocity.frames(part) if isinstance(velocity, StoredVelocity) else velocity[..., part]


def survey(velocity: np.ndarray | StoredVelocity) -> Survey:
    """Of a velocity float32 (H, W, T), which is read once."""
    found = None
    for start, block in blocks_of(velocity):
        if found is None:
            first = block[..., 0].copy()
            shape = first.shape
            found = Survey(
                n_frames=velocity.shape[2],
                first=first,
                masked=np.isnan(first),
                changes=np.zeros(shape, bool),
                odd=np.zeros(shape, int),
                first_odd=np.zeros(shape, int),
                largest=np.zeros(shape, np.float32),
            )
        _add(found, start, block)
    return found


def _add(found, start, block):
    found.masked[found.masked] = np.isnan(block[found.masked]).all(axis=1)
    found.changes |= (block[..., :8] != found.first[..., None]).any(axis=2)  # settles nearly all of them
    still = ~found.changes
    found.changes[still] = (block[still] != found.first[still][:, None]).any(axis=1)
    found.largest = np.fmax(found.largest, np.maximum(block.max(axis=2), -block.min(axis=2)))
    finite = np.isfinite(block)
    if not finite.all():
        new = ~finite.all(axis=2) & (found.odd == 0)
        found.first_odd[new] = start + finite[new].argmin(axis=1)
        found.odd += block.shape[2] - finite.sum(axis=2)
