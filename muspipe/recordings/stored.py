"""Velocity that stays in its file: a recording of any length takes no more memory than the frames in use."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from muspipe.recordings.stores import Item, open_store, reading


@dataclass(frozen=True, eq=False)
class StoredVelocity:
    """An array in an HDF5 or .npy file; the file is open only while it is read."""

    path: Path
    name: str
    axes: str
    """The order of H, W and T in the file."""
    shape: tuple[int, int, int]
    """(H, W, T)"""
    dtype: np.dtype
    inside: np.ndarray | None = None
    """bool (H, W): other pixels are read as 0"""

    ndim = 3

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @staticmethod
    def of(path: Path, name: str, item: Item, axes: str) -> StoredVelocity | None:
        """Of an item of a store, axes as the user knows them; None for what is in memory anyway, or has not three
        axes."""
        if not isinstance(item.array, h5py.Dataset | np.memmap) or item.array.ndim != 3:
            return None
        axes = axes[::-1] if item.reversed else axes
        shape = tuple(item.array.shape[axes.index(letter)] for letter in "HWT")
        return StoredVelocity(path, name, axes, shape, item.array.dtype)

    def within(self, inside: np.ndarray) -> StoredVelocity:
        """The same with zeros elsewhere."""
        return dataclasses.replace(self, inside=inside)

    def frames(self, part: slice) -> np.ndarray:
        """float32 (H, W, n), C-contiguous."""
        with open_store(self.path) as store, reading(self.path, store.what):
            where = [slice(None)] * 3
            where[self.axes.index("T")] = part
            read = store.item(self.name).array[tuple(where)]
        read = np.transpose(read, [self.axes.index(letter) for letter in "HWT"])
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is reported
            own = None if isinstance(read, np.ndarray) and not isinstance(read, np.memmap) else True  # else: the file's
            velocity = np.array(read, np.float32, order="C", copy=own)
        if self.inside is not None:
            velocity[~self.inside] = 0
        return velocity
