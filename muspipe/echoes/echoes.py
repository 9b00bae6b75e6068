"""Echoes of a scanner after beamforming: complex samples of every frame, and how they were taken."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Protocol

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.recording import MIN_DURATION_S, RANGE_HZ
from simulator.shared import settings
from simulator.shared.settings import setting

SPEED_OF_SOUND_M_S = 1540.0
"""Convention of scanners for soft tissue, to which their depths are scaled."""
MIN_SIDE = 8
"""Samples in depth and in width."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """How echoes were taken. Each is an attribute or a variable of the file, or an option."""

    centre_frequency_hz: float = setting(
        MISSING,
        "centre frequency of the pulse, at which the echoes were demodulated",
        unit="Hz",
        least=0.5e6,
        most=50e6,
    )
    prf_hz: float = setting(
        MISSING, "frames a second, before any decimation", unit="Hz", least=RANGE_HZ[0], most=RANGE_HZ[1]
    )
    pixel_mm: tuple[float, float] | float = setting(
        MISSING,
        "distance between samples in depth and in width; one number where they are alike; of RF the width is enough",
        unit="mm",
        least=1e-3,
        most=10.0,
    )
    speed_of_sound_m_s: float = setting(SPEED_OF_SOUND_M_S, "speed of sound", unit="m/s", least=1000.0, most=2000.0)
    first_depth_mm: float = setting(0.0, "depth of the first sample", unit="mm", least=0.0, most=500.0)
    sampling_rate_hz: float | None = setting(
        None, "samples a second along the depth, of RF only", unit="Hz", least=1e6, most=500e6
    )

    def __post_init__(self):
        for name in ("centre_frequency_hz", "prf_hz", "pixel_mm"):
            if getattr(self, name) is None:
                raise InputError(f"{name} is missing: it must be in the file, or given (--{name.replace('_', '-')})")
        settings.check(self)
        if self.sampling_rate_hz is not None:
            object.__setattr__(self, "pixel_mm", self._pixel_of_rf_mm())
        elif not isinstance(self.pixel_mm, tuple):
            object.__setattr__(self, "pixel_mm", (self.pixel_mm,) * 2)

    @classmethod
    def of(cls, values: dict) -> Scan:
        """From what a file and options say, {name: value}; what is missing is said in one line."""
        lacking = {field.name: None for field in fields(cls) if field.default is MISSING}
        return cls(**lacking | values)

    @property
    def fastest_mm_s(self) -> float:
        """Velocity at which the phase turns by half a cycle from frame to frame: faster tissue is aliased."""
        return 1e3 * self.speed_of_sound_m_s * self.prf_hz / (4 * self.centre_frequency_hz)

    def _pixel_of_rf_mm(self):
        depth_mm = 1e3 * self.speed_of_sound_m_s / (2 * self.sampling_rate_hz)
        if not isinstance(self.pixel_mm, tuple):
            return depth_mm, self.pixel_mm
        if abs(self.pixel_mm[0] / depth_mm - 1) > 0.02:
            raise InputError(
                f"pixel_mm: the sampling rate says {depth_mm:.4g} mm in depth, got {self.pixel_mm[0]:g} mm: one of "
                "the two is wrong"
            )
        return depth_mm, self.pixel_mm[1]


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
        if n_frames / self.scan.prf_hz < MIN_DURATION_S:
            raise InputError(
                f"echoes: expected at least {MIN_DURATION_S:g} s, got {n_frames / self.scan.prf_hz:.3g} s at "
                f"{self.scan.prf_hz:g} Hz: {said}"
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
        block = np.ascontiguousarray(self.samples[start:stop], np.complex64)
        parts = block.view(np.float32)
        if not np.isfinite(np.dot(parts.ravel(), parts.ravel())):  # the sum of squares, in one pass
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
