"""Motor units of one recording: what every method of identification gives.

Shapes: n motor units, H x W pixels, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.recording import Recording
from muspipe.territories import centroid


@dataclass(frozen=True, eq=False)
class MotorUnits:
    """Motor units, best first; n = 0 is an answer too. Raises InputError for arrays that do not fit each other."""

    territories: np.ndarray
    """bool (n, H, W)"""
    twitch_trains: np.ndarray
    """float32 (n, T), in `velocity_unit`"""
    scores: np.ndarray
    """float32 (n,), 0-1: the method's confidence"""
    frame_rate_hz: float
    pixel_mm: float
    velocity_unit: str = "a.u."
    warnings: tuple[str, ...] = ()
    """What was noticed in the recording, left out or taken off, one line each."""

    def __post_init__(self):
        convert(self, "territories", np.ascontiguousarray(self.territories, bool))
        convert(self, "twitch_trains", np.ascontiguousarray(self.twitch_trains, np.float32))
        convert(self, "scores", np.asarray(self.scores, np.float32))
        convert(self, "frame_rate_hz", float(self.frame_rate_hz))
        convert(self, "pixel_mm", float(self.pixel_mm))
        convert(self, "warnings", tuple(self.warnings))
        n = len(self.territories)
        require(self.territories.ndim == 3, "territories: expected shape (n, H, W)", self.territories.shape)
        require(self.twitch_trains.ndim == 2, "twitch_trains: expected shape (n, T)", self.twitch_trains.shape)
        require(len(self.twitch_trains) == n, f"twitch_trains: expected {n} units", len(self.twitch_trains))
        require(self.scores.shape == (n,), f"scores: expected shape ({n},)", self.scores.shape)
        require(np.isfinite(self.twitch_trains).all(), "twitch_trains: expected finite values", "NaN or infinity")
        require(0 < self.frame_rate_hz < np.inf, "frame_rate_hz: expected a positive number", self.frame_rate_hz)
        require(0 < self.pixel_mm < np.inf, "pixel_mm: expected a positive number", self.pixel_mm)

    @staticmethod
    def of(recording: Recording, territories, twitch_trains, scores, warnings=()) -> MotorUnits:
        """Units found in a recording, on its grid and in its unit."""
        grid = recording.frame_rate_hz, recording.pixel_mm, recording.velocity_unit
        return MotorUnits(territories, twitch_trains, scores, *grid, warnings)

    @staticmethod
    def none(recording: Recording) -> MotorUnits:
        """No unit in this recording."""
        trains = np.zeros((0, recording.n_frames), np.float32)
        return MotorUnits.of(recording, np.zeros((0, *recording.image_shape), bool), trains, np.zeros(0, np.float32))

    @property
    def n_units(self) -> int:
        return len(self.territories)

    @property
    def n_frames(self) -> int:
        return self.twitch_trains.shape[1]

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.territories.shape[1:]

    @property
    def duration_s(self) -> float:
        """Length of the recording [s]."""
        return self.n_frames / self.frame_rate_hz

    @property
    def centres_mm(self) -> np.ndarray:
        """(n, 2) centroids (y, x) [mm] from the image's top left corner; NaN for a territory without pixels."""
        return np.reshape([centroid(mask) for mask in self.territories], (-1, 2)) * self.pixel_mm

    @property
    def diameters_mm(self) -> np.ndarray:
        """(n,) diameters [mm] of discs with the territories' areas."""
        return 2 * np.sqrt(self.territories.sum(axis=(1, 2)) / np.pi) * self.pixel_mm


def convert(units: MotorUnits, name: str, value) -> None:
    """Set a field of frozen units while they are being made."""
    object.__setattr__(units, name, value)


def require(true, expected: str, got) -> None:
    """InputError of what was expected and what came, unless true."""
    if not true:
        raise InputError(f"motor units: {expected}, got {got}")
