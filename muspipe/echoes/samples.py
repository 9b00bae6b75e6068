"""Echoes in the shapes in which files keep them, read as blocks of frames (n, H, W): see `echoes.Samples`."""

from __future__ import annotations

import numpy as np

from muspipe.recordings.stores import Store, reading

AHEAD_BYTES = 64 << 20
"""Read from a file at once; its frames are then handed out in smaller blocks."""
ACROSS_BYTES = 512 << 20
"""The same where frames do not lie one after the other, so that every reading passes over the whole file."""


class InOrder:
    """An array or data set with its axes in any order, and I and Q perhaps on an axis of their own."""

    def __init__(self, array, order: tuple[int, int, int], parts: int | None = None):
        """order: where the frames, the depth and the width are; parts: where I and Q are, an axis of length 2."""
        self.array, self.order, self.parts = array, order, parts
        self.shape = tuple(array.shape[axis] for axis in order)

    def __getitem__(self, frames: slice) -> np.ndarray:
        wanted = [slice(None)] * len(self.array.shape)
        wanted[self.order[0]] = frames
        block = self.array[tuple(wanted)]
        if block.dtype.names:  # as MATLAB keeps complex numbers: a real and an imaginary part
            block = _complex(*(block[name] for name in block.dtype.names))
        if self.parts is None:
            return block.transpose(self.order)
        real, imaginary = block.transpose((self.parts, *self.order))
        return _complex(real, imaginary)


class Pair:
    """I and Q from two arrays of the same shape."""

    def __init__(self, in_phase, quadrature):
        self.in_phase, self.quadrature = in_phase, quadrature
        self.shape = in_phase.shape

    def __getitem__(self, frames: slice) -> np.ndarray:
        return _complex(self.in_phase[frames], self.quadrature[frames])


class ReadAhead:
    """Samples of a file, read in large pieces, as small ones are slow where frames do not lie one after the other or
    are packed together."""

    def __init__(self, samples, dataset, time_axis: int, store: Store):
        """dataset: of HDF5, on which samples draw, with its frames along time_axis; store: the file."""
        self.samples, self.shape, self._store = samples, samples.shape, store
        frame_bytes = 8 * self.shape[1] * self.shape[2]
        n = max(1, (ACROSS_BYTES if time_axis else AHEAD_BYTES) // frame_bytes)
        packed = dataset.chunks[time_axis] if dataset.chunks else 1
        self._n = -(-n // packed) * packed
        self._start, self._piece = 0, None

    def __getitem__(self, frames: slice) -> np.ndarray:
        start, stop, _ = frames.indices(self.shape[0])
        pieces = []
        while start < stop:
            if self._piece is None or not self._start <= start < self._start + len(self._piece):
                self._piece = None  # two pieces need not be in memory together
                self._start = start // self._n * self._n
                with reading(self._store.path, self._store.what):
                    self._piece = self.samples[self._start : min(self._start + self._n, self.shape[0])]
            part = self._piece[start - self._start : stop - self._start]
            pieces.append(part)
            start += len(part)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _complex(real, imaginary):
    """complex64 of two real arrays of any type."""
    both = np.empty(real.shape, np.complex64)
    both.real, both.imag = real, imaginary
    return both
