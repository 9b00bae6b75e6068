"""Echoes of a scanner after beamforming: complex samples of every frame, and how they were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from muspipe.echoes.options import Scan
from muspipe.errors import InputError
from muspipe.recordings.recording import MIN_DURATION_S

MIN_SIDE = 8
"""Samples in depth and in width."""


class Samples(Protocol):
    """What holds the echoes: an array, or a file from which blocks of frames are read."""

    shape: tuple[int, int, int]
    """(T, H, W): frames, depth, width."""

    def __getitem__(self, frames: slice) -> np.ndarray:
        """The echoes of these frames: (n, H, W), of any type of number, complex for IQ and real for RF."""


@dataclass(frozen=True, eq=False)
class Echoes:
    """Beamformed IQ of a recording, read a block of frames at a time."""

    samples: Samples
    """Complex (T, H, W): frames, depth, width. The phase grows where tissue comes towards the transducer."""
    scan: Scan
    source_name: str = ""
    """Name of the file that they were read from."""
    source_sha256: str = ""
    """SHA-256 of that file's bytes, hexadecimal."""
    checked_axes: bool = False
    """Whether somebody has said the order of the axes: it is then not doubted."""

    def __post_init__(self):
        shape = tuple(self.samples.shape)
        if len(shape) != 3:
            raise InputError(f"echoes: expected 3 axes, depth x width x frames, got {len(shape)} with shape {shape}")
        n_frames, depth, width = shape
        said = f"{depth} samples in depth, {width} in width, {n_frames} frames (is the order of the axes right? --axes)"
        duration_s = (n_frames - 1) / self.scan.prf_hz  # of the velocity, which is between frames
        if duration_s < MIN_DURATION_S:
            raise InputError(
                f"echoes: expected at least {MIN_DURATION_S:g} s, got {duration_s:.3g} s at {self.scan.prf_hz:g} Hz: "
                f"{said}"
            )
        if min(depth, width) < MIN_SIDE:
            raise InputError(f"echoes: expected at least {MIN_SIDE} samples in depth and in width, got {said}")

    @classmethod
    def of(cls, iq: np.ndarray, scan: Scan) -> Echoes:
        """From a complex array (H, W, T): depth, width, frames."""
        iq = np.asarray(iq)
        if iq.ndim != 3 or iq.dtype.kind != "c":
            raise InputError(
                f"iq: expected complex numbers, depth x width x frames, got {iq.dtype} of shape {iq.shape}"
            )
        return cls(np.moveaxis(iq, 2, 0), scan, checked_axes=True)

    @property
    def n_frames(self) -> int:
        return self.samples.shape[0]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Samples in depth and in width."""
        return tuple(self.samples.shape[1:])

    def read(self, start: int, stop: int) -> np.ndarray:
        """complex64 (n, H, W) of the frames from start to stop. InputError that names what is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is said below, in one line
            block = np.ascontiguousarray(self.samples[start:stop], np.complex64)
            parts = block.view(np.float32).ravel()
            power = np.dot(parts, parts)  # the sum of squares, in one pass
        if not np.isfinite(power):
            self._refuse_odd(block, start)
        return block

    def _refuse_odd(self, block, start):
        odd = ~np.isfinite(block)
        if not odd.any():
            raise InputError("echoes: expected values below 1e18, got larger ones: scale them")
        frame, row, column = np.unravel_index(int(odd.argmax()), block.shape)
        raise InputError(
            f"echoes: NaN or infinite values, the first at depth {row}, width {column}, frame {start + frame} (counted "
            "from 0): set what lies outside the image to 0, cut damaged frames out"
        )
