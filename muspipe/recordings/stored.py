"""Velocity that stays in its file: a recording of any length takes no more memory than the frames in use."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.stores import Item, open_store, reading
from simulator.shared.files import require_space_of

CHUNK_FRAMES = 64
"""Of a file of velocity, kept together."""
HEADER_BYTES = 1 << 20
"""More than all but its values takes."""


@dataclass(frozen=True, eq=False)
class StoredVelocity:
    """An array in an HDF5 or .npy file, open only while it is read; or in a temporary one without a name."""

    path: Path
    name: str
    axes: str
    """The order of H, W and T in the file."""
    shape: tuple[int, int, int]
    """(H, W, T)"""
    dtype: np.dtype
    inside: np.ndarray | None = None
    """bool (H, W): other pixels are read as 0"""
    dataset: h5py.Dataset | None = None
    """That of a temporary file: it goes when nobody has this any more, and however the process ends"""

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

    @staticmethod
    def temporary(shape: tuple[int, int, int]) -> StoredVelocity:
        """To be written, `dataset[rows, columns, frames] = ...`, and then read; in the folder for temporary files.
        InputError where it has no room."""
        height, width, n_frames = shape
        file, n = tempfile.TemporaryFile(), min(CHUNK_FRAMES, n_frames)
        try:
            require_space_of(file, 4 * height * width * -(-n_frames // n) * n + HEADER_BYTES)
        except OSError as error:
            file.close()
            raise InputError(
                f"{tempfile.gettempdir()}: no room for {4 * math.prod(shape) / 1e9:.1f} GB of velocity "
                f"({error.strerror}): name a folder that has, by the environment variable TMPDIR"
            ) from error
        dataset = h5py.File(file, "w").create_dataset("velocity", shape, np.float32, chunks=(height, width, n))
        return StoredVelocity(Path(), "velocity", "HWT", shape, dataset.dtype, dataset=dataset)

    def within(self, inside: np.ndarray) -> StoredVelocity:
        """The same with zeros elsewhere."""
        return dataclasses.replace(self, inside=inside)

    def frames(self, part: slice) -> np.ndarray:
        """float32 (H, W, n), C-contiguous."""
        where = [slice(None)] * 3
        where[self.axes.index("T")] = part
        read = self._read(tuple(where))
        read = np.transpose(read, [self.axes.index(letter) for letter in "HWT"])
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is reported
            copy = isinstance(read, np.memmap) or None  # None: only where it must; a memmap's values are the file's
            velocity = np.array(read, np.float32, order="C", copy=copy)
        if self.inside is not None:
            velocity[~self.inside] = 0
        return velocity

    def _read(self, where):
        if self.dataset is not None:
            return self.dataset[where]
        with open_store(self.path) as store, reading(self.path, store.what):
            return store.item(self.name).array[where]
