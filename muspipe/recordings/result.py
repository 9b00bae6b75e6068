"""What was identified in a recording, and the one file that it is kept in.

Shapes: n motor units, H x W pixels, T frames.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from muspipe import __version__
from muspipe.errors import InputError
from simulator.shared.files import atomic_path

FORMAT = "muspipe result"
FORMAT_VERSION = 1

FIRINGS = h5py.vlen_dtype(np.float64)  # arrays of different lengths

DATASETS = {
    # name: (dtype, axes, unit, description)
    "territories": ("uint8", "motor unit, height, width", "1", "1 where the pixel is in the motor unit's territory"),
    "twitch_trains": ("float32", "motor unit, time", "velocity_unit", "tissue velocity of the motor unit alone"),
    "firings": (FIRINGS, "motor unit", "s", "for each motor unit the instants of its twitches' peak velocity, rising"),
    "scores": ("float32", "motor unit", "1", "the method's confidence in the unit, 0 to 1"),
}
"""Every dataset of a result file; unit, axes and description are stored as its attributes ("velocity_unit" stands for
the recording's)."""

ATTRIBUTES = {
    "format": "always 'muspipe result'",
    "format_version": "integer, raised when older readers could misread the file",
    "frame_rate_hz": "frame rate [Hz]",
    "pixel_mm": "side of a pixel [mm]",
    "velocity_unit": "unit of the recording's velocity",
    "method": "name of the method of identification",
    "settings": "all settings of the method, JSON",
    "source_name": "name of the recording's file",
    "source_sha256": "SHA-256 of that file's bytes, hexadecimal",
    "muspipe_version": "version that made the file",
}
"""Every attribute of a result file's root."""


@dataclass(frozen=True, eq=False)
class Result:
    """Identified (or, for a simulation, true) motor units of one recording; n = 0 is a result too.

    Raises InputError (a ValueError) for arrays that do not fit each other.
    """

    territories: np.ndarray
    """bool (n, H, W)"""
    twitch_trains: np.ndarray
    """float32 (n, T), in `velocity_unit`"""
    firings: list[np.ndarray]
    """n float64 arrays: instants of the twitches' peak velocity [s] from the first frame, rising"""
    scores: np.ndarray
    """float32 (n,), 0-1"""
    frame_rate_hz: float
    pixel_mm: float
    method: str = ""
    settings: dict = field(default_factory=dict)
    """All settings of the method, JSON values."""
    source: dict = field(default_factory=lambda: {"name": "", "sha256": ""})
    """File of the recording: `name`, `sha256`."""
    velocity_unit: str = "a.u."
    version: str = __version__
    """Version of muspipe that identified the units."""

    def __post_init__(self):
        converted = {
            "territories": np.ascontiguousarray(self.territories, bool),
            "twitch_trains": np.ascontiguousarray(self.twitch_trains, np.float32),
            "firings": [np.asarray(times_s, np.float64) for times_s in self.firings],
            "scores": np.asarray(self.scores, np.float32),
            "frame_rate_hz": float(self.frame_rate_hz),
            "pixel_mm": float(self.pixel_mm),
        }
        for name, value in converted.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self):
        n = self.n_units
        _require(self.territories.ndim == 3, "territories: expected shape (n, H, W)", self.territories.shape)
        _require(self.twitch_trains.ndim == 2, "twitch_trains: expected shape (n, T)", self.twitch_trains.shape)
        _require(len(self.twitch_trains) == n, f"twitch_trains: expected {n} units", len(self.twitch_trains))
        _require(self.scores.shape == (n,), f"scores: expected shape ({n},)", self.scores.shape)
        _require(len(self.firings) == n, f"firings: expected {n} arrays", len(self.firings))
        for times_s in self.firings:
            _require(times_s.ndim == 1, "firings: expected 1-D arrays", times_s.shape)
            rising = np.isfinite(times_s).all() and (np.diff(times_s) >= 0).all()
            _require(rising, "firings: expected finite, rising times [s]", times_s)
        _require(np.isfinite(self.twitch_trains).all(), "twitch_trains: expected finite values", "NaN or infinity")
        _require(0 < self.frame_rate_hz < np.inf, "frame_rate_hz: expected a positive number", self.frame_rate_hz)
        _require(0 < self.pixel_mm < np.inf, "pixel_mm: expected a positive number", self.pixel_mm)

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
        centres = [np.argwhere(mask).mean(axis=0) if mask.any() else (np.nan, np.nan) for mask in self.territories]
        return (np.reshape(centres, (-1, 2)) + 0.5) * self.pixel_mm

    @property
    def diameters_mm(self) -> np.ndarray:
        """(n,) diameters [mm] of the discs of the territories' areas."""
        return 2 * np.sqrt(self.territories.sum(axis=(1, 2)) / np.pi) * self.pixel_mm

    def save(self, path) -> None:
        """Write the result file (HDF5, see DATASETS and ATTRIBUTES), replacing an older one; whole or not at all.

        Raises OSError where the file cannot be written.
        """
        image = io.BytesIO()  # a full disk then fails in one plain write, not somewhere inside HDF5
        with h5py.File(image, "w") as file:
            self._fill(file)
        with atomic_path(path) as temporary:
            temporary.write_bytes(image.getbuffer())

    def _fill(self, file):
        for name, (dtype, axes, unit, description) in DATASETS.items():
            unit = self.velocity_unit if name == "twitch_trains" else unit
            if dtype is FIRINGS:
                dataset = file.create_dataset(name, (self.n_units,), dtype)
                for i, times_s in enumerate(self.firings):
                    dataset[i] = times_s
            else:
                array = getattr(self, name).astype(dtype)
                compression = {"compression": "gzip", "shuffle": True} if array.size else {}
                dataset = file.create_dataset(name, data=array, **compression)
            dataset.attrs.update({"unit": unit, "axes": axes, "description": description})
        file.attrs.update(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "frame_rate_hz": self.frame_rate_hz,
                "pixel_mm": self.pixel_mm,
                "velocity_unit": self.velocity_unit,
                "method": self.method,
                "settings": json.dumps(self.settings, default=_plain),
                "source_name": self.source.get("name", ""),
                "source_sha256": self.source.get("sha256", ""),
                "muspipe_version": self.version,
            }
        )

    @classmethod
    def load(cls, path) -> Result:
        """Read a result file. Raises InputError for a missing, damaged or other file."""
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: expected a result file, {'it is a folder' if path.is_dir() else 'no such file'}")
        with _reading(path), h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path}: expected a muspipe result, got another HDF5 file")
            if file.attrs.get("format_version", FORMAT_VERSION) > FORMAT_VERSION:
                raise InputError(f"{path}: written by a newer version of muspipe: update muspipe")
            lacking = ", ".join([n for n in DATASETS if n not in file] + [n for n in ATTRIBUTES if n not in file.attrs])
            if lacking:
                raise InputError(f"{path}: the result file is incomplete, it lacks {lacking}")
            arrays = {name: file[name][()] for name in DATASETS}
            attributes = {name: file.attrs[name] for name in ATTRIBUTES}
            return cls(
                territories=arrays["territories"],
                twitch_trains=arrays["twitch_trains"],
                firings=list(arrays["firings"]),
                scores=arrays["scores"],
                frame_rate_hz=attributes["frame_rate_hz"],
                pixel_mm=attributes["pixel_mm"],
                method=attributes["method"],
                settings=json.loads(attributes["settings"]),
                source={"name": attributes["source_name"], "sha256": attributes["source_sha256"]},
                velocity_unit=attributes["velocity_unit"],
                version=attributes["muspipe_version"],
            )


def _require(true, expected: str, got):
    if not true:
        raise InputError(f"result: {expected}, got {got}")


def _plain(value):
    """NumPy scalars and arrays, and paths, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


@contextlib.contextmanager
def _reading(path):
    """Whatever h5py and the conversions raise on a damaged file becomes an InputError that names the file."""
    try:
        yield
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as a muspipe result (damaged or another file?): {reason}") from error
