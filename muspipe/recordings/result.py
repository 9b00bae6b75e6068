"""What was identified in a recording, and the file that keeps it.

Shapes: n motor units, H x W pixels, T frames.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field, fields
from pathlib import Path

import h5py
import numpy as np

from muspipe import __version__
from muspipe.discharges import (
    DRIVE_PROPERTIES,
    PAIR_PROPERTIES,
    PROPERTIES,
    discharge_properties,
    drive_properties,
    synchronisation,
)
from muspipe.errors import InputError
from muspipe.recordings.recording import BMODE_DB, check_bmode
from muspipe.recordings.units import MotorUnits, convert, require
from simulator.shared.files import atomic_path
from simulator.shared.hdf5 import open_hdf5

FORMAT = "muspipe result"
FORMAT_VERSION = 1

FIRINGS = h5py.vlen_dtype(np.float64)  # arrays of different lengths

DATASETS = {
    # name: (dtype, axes, unit, description)
    "territories": ("uint8", "motor unit, height, width", "1", "1 where the pixel is in the motor unit's territory"),
    "twitch_trains": ("float32", "motor unit, time", "velocity_unit", "tissue velocity of the motor unit alone"),
    "firings": (FIRINGS, "motor unit", "s", "for each motor unit the instants of its twitches' peak velocity, rising"),
    "scores": ("float32", "motor unit", "1", "the method's confidence in the unit, 0 to 1"),
    "firing_latencies": (
        "float64",
        "motor unit",
        "s",
        "delay of a unit's firings after the visible onset of its twitch, one for all of them; NaN: not told",
    ),
    "firing_confidences": (
        "float32",
        "motor unit",
        "1",
        "share of the twitch train's power that the firings explain, 0 to 1; NaN: not told",
    ),
    "recruited_s": (
        "float64",
        "motor unit",
        "s",
        "first firing of a unit that becomes active during the recording; NaN: active from its beginning. Left out if "
        "every unit is active all the time, or that is not known",
    ),
    "derecruited_s": (
        "float64",
        "motor unit",
        "s",
        "last firing of a unit that becomes silent; NaN: active to the end",
    ),
    "left_out_frames": ("int64", "frame", "1", "frames, from 0, that were left out and filled from those about them"),
    "velocity_rms": (
        "float32",
        "height, width",
        "velocity_unit",
        "root mean square of the recording's velocity over time, to draw territories on; left out if not known",
    ),
    "bmode": (
        "uint8",
        "row, column",
        "1",
        f"brightness of the echoes over the field of the images, in pixels of its own: 255 is the brightest, 0 what is "
        f"{BMODE_DB:g} dB or more below; left out if not known",
    ),
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
    "firing_rule": "name of the rule that found the firings; empty if that is not known",
    "settings": "all settings of the method and of what was done before it, JSON",
    "warnings": "what was noticed, left out or taken off, in words, JSON list",
    "source_name": "name of the recording's file",
    "source_sha256": "SHA-256 of that file's bytes, hexadecimal",
    "muspipe_version": "version that made the file",
}
"""Every attribute of a result file's root."""

TEXTS = ("velocity_unit", "method", "firing_rule", "settings", "warnings", "source_name", "source_sha256")
MOST_SECONDS = 1e6
PLAUSIBLE = {"frame_rate_hz": (1, 1e6), "pixel_mm": (1e-4, 1e3)}

COMPUTED = {
    # group: (axes, {dataset: (unit, description, ...)})
    "discharge_properties": ("motor unit", PROPERTIES),
    "synchronisation": ("pair of motor units", PAIR_PROPERTIES),
    "drive": ("time", DRIVE_PROPERTIES),
}
"""Groups of a result file with what the firings say of each unit, each pair and all together. They are for other
readers: ours computes them from the firings."""

LATER = {
    "left_out_frames": np.zeros(0, np.int64),
    "warnings": "[]",
    "firing_latencies": None,
    "firing_confidences": None,
    "firing_rule": "",
    "velocity_rms": None,
    "recruited_s": None,
    "derecruited_s": None,
    "bmode": None,
}
"""What files of earlier versions lack, and what it was."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(MotorUnits):
    """Identified (or, for a simulation, true) motor units of one recording, their firings, and where they come from."""

    firings: list[np.ndarray]
    """n float64 arrays: instants of the twitches' peak velocity [s] from the first frame, rising"""
    firing_latencies: np.ndarray | None = None
    """float64 (n,): from the visible onset of the unit's twitch to its peak velocity [s]; a firing less this is the
    onset. None: NaN for each unit, not told"""
    firing_confidences: np.ndarray | None = None
    """float32 (n,), 0-1: share of the twitch train's power that the firings explain. None: NaN for each unit"""
    firing_rule: str = ""
    """Name of the rule that found the firings, see `muspipe.firings.RULES`."""
    recruited_s: np.ndarray | None = None
    """float64 (n,): first firing [s] of a unit that becomes active during the recording; NaN: it is from the beginning
    on. None: every unit is active all the time, or that is not known."""
    derecruited_s: np.ndarray | None = None
    """float64 (n,): the last firing, likewise; NaN: active to the end."""
    method: str = ""
    settings: dict = field(default_factory=dict)
    """All settings of the method, and of the preparation under `prepare`, JSON values."""
    source: dict = field(default_factory=lambda: {"name": "", "sha256": ""})
    """File of the recording: `name`, `sha256`."""
    version: str = __version__
    """Version of muspipe that identified the units."""
    left_out_frames: np.ndarray = field(default_factory=lambda: LATER["left_out_frames"])
    """int64 (k,): frames, from 0, that hold no data of their own: filled from those about them."""
    velocity_rms: np.ndarray | None = None
    """float32 (H, W), in `velocity_unit`: root mean square of the recording's velocity over time; None: not known."""
    bmode: np.ndarray | None = None
    """uint8 (h, w): see `Recording.bmode`; None: not known."""

    def __post_init__(self):
        super().__post_init__()
        convert(self, "firings", [np.asarray(times_s, np.float64) for times_s in self.firings])
        convert(self, "left_out_frames", np.asarray(self.left_out_frames, np.int64))
        require(len(self.firings) == self.n_units, f"firings: expected {self.n_units} arrays", len(self.firings))
        for times_s in self.firings:
            require(times_s.ndim == 1, "firings: expected 1-D arrays", times_s.shape)
            rising = np.isfinite(times_s).all() and (np.diff(times_s) >= 0).all()
            require(rising, "firings: expected finite, rising times [s]", times_s)
        for name, dtype in (("firing_latencies", np.float64), ("firing_confidences", np.float32)):
            given = getattr(self, name)
            convert(self, name, np.full(self.n_units, np.nan, dtype) if given is None else np.asarray(given, dtype))
            shape = getattr(self, name).shape
            require(shape == (self.n_units,), f"{name}: expected shape ({self.n_units},)", shape)
        for name in ("recruited_s", "derecruited_s"):
            if getattr(self, name) is not None:
                convert(self, name, np.asarray(getattr(self, name), np.float64))
                shape = getattr(self, name).shape
                require(shape == (self.n_units,), f"{name}: expected shape ({self.n_units},)", shape)
        if self.velocity_rms is not None:
            convert(self, "velocity_rms", np.asarray(self.velocity_rms, np.float32))
            expected = f"velocity_rms: expected shape {self.image_shape}"
            require(self.velocity_rms.shape == self.image_shape, expected, self.velocity_rms.shape)
            require(np.isfinite(self.velocity_rms).all(), "velocity_rms: expected finite values", "NaN or infinity")
        check_bmode(self.bmode)

    def __str__(self):
        height, width = self.image_shape
        n = self.n_units
        said = (
            f"{n} motor unit{'' if n == 1 else 's'} by method {self.method or 'unknown'} in "
            f"{self.source.get('name') or 'a recording'} ({height} x {width} px of {self.pixel_mm:g} mm, "
            f"{self.duration_s:.4g} s at {self.frame_rate_hz:g} Hz)"
        )
        if n:
            low_mm, high_mm = self.diameters_mm.min(), self.diameters_mm.max()
            said += (
                f": {sum(map(len, self.firings))} firings, territories of {low_mm:.1f} to {high_mm:.1f} mm, scores of "
                f"{self.scores.min():.2f} to {self.scores.max():.2f}"
            )
        return said + "".join(f"; {warning}" for warning in self.warnings)

    @property
    def onsets(self) -> list[np.ndarray]:
        """n float64 arrays: visible onsets of the twitches [s], which units of different twitches share where they
        share input; the firings where no latency is told."""
        latencies_s = np.nan_to_num(self.firing_latencies)
        return [times_s - latency_s for times_s, latency_s in zip(self.firings, latencies_s, strict=True)]

    @classmethod
    def of_units(cls, units: MotorUnits, **more) -> Result:
        """The units, and what a result holds beyond them: firings, method, settings, source."""
        return cls(**{part.name: getattr(units, part.name) for part in fields(MotorUnits)} | more)

    def save(self, path) -> None:
        """Write the result file (HDF5, see DATASETS and ATTRIBUTES), replacing any older one, whole or not at all.

        Raises OSError where the file cannot be written.
        """
        image = io.BytesIO()  # a full disk then fails in one plain write, not somewhere inside HDF5
        with h5py.File(image, "w") as file:
            self._fill(file)
        with atomic_path(path) as temporary:
            temporary.write_bytes(image.getbuffer())

    def _fill(self, file):
        for name, (dtype, axes, unit, description) in DATASETS.items():
            unit = self.velocity_unit if unit == "velocity_unit" else unit
            if name in LATER and getattr(self, name) is None:
                continue
            if dtype is FIRINGS:
                dataset = file.create_dataset(name, (self.n_units,), dtype)
                for i, times_s in enumerate(self.firings):
                    dataset[i] = times_s
            else:
                array = getattr(self, name).astype(dtype)
                compression = {"compression": "gzip", "shuffle": True} if array.size else {}
                dataset = file.create_dataset(name, data=array, **compression)
            _finish(dataset, unit, axes, description)
        self._fill_computed(file)
        file.attrs.update(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "frame_rate_hz": self.frame_rate_hz,
                "pixel_mm": self.pixel_mm,
                "velocity_unit": self.velocity_unit,
                "method": self.method,
                "firing_rule": self.firing_rule,
                "settings": json.dumps(self.settings, default=plain),
                "warnings": json.dumps(self.warnings),
                "source_name": self.source.get("name", ""),
                "source_sha256": self.source.get("sha256", ""),
                "muspipe_version": self.version,
            }
        )

    def _fill_computed(self, file):
        tables = {
            "discharge_properties": discharge_properties(self.firings),
            "synchronisation": synchronisation(self.onsets, self.duration_s),
            "drive": drive_properties(self.firings, self.n_frames, self.frame_rate_hz),
        }
        for group, (axes, described) in COMPUTED.items():
            for name, (unit, description, *_) in described.items():
                values = tables[group][name]
                packed = {"compression": "gzip", "shuffle": True} if len(values) > 100 else {}
                dataset = file.create_dataset(f"{group}/{name}", data=values, **packed)
                _finish(dataset, unit, axes, description)

    @classmethod
    def load(cls, path) -> Result:
        """Read a result file. Raises InputError for a missing, damaged or other file."""
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: {'expected a result file, it is a folder' if path.is_dir() else 'no such file'}")
        with _reading(path), open_hdf5(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path}: expected a muspipe result, got another HDF5 file")
            if file.attrs.get("format_version", FORMAT_VERSION) > FORMAT_VERSION:
                raise InputError(f"{path}: written by a newer version of muspipe: update muspipe")
            found = {*file, *file.attrs, *LATER}
            lacking = ", ".join(name for name in [*DATASETS, *ATTRIBUTES] if name not in found)
            if lacking:
                raise InputError(f"{path}: the result file is incomplete, it lacks {lacking}")
            arrays = LATER | {name: file[name][()] for name in DATASETS if name in file}
            attributes = LATER | {name: file.attrs[name] for name in ATTRIBUTES if name in file.attrs}
            for name in TEXTS:
                require(isinstance(attributes[name], str), f"{name}: expected text", attributes[name])
            settings, warnings = json.loads(attributes["settings"]), json.loads(attributes["warnings"])
            require(isinstance(settings, dict), "settings: expected a dictionary", settings)
            require(isinstance(warnings, list), "warnings: expected a list", warnings)
            result = cls(
                territories=arrays["territories"],
                twitch_trains=arrays["twitch_trains"],
                firings=list(arrays["firings"]),
                firing_latencies=arrays["firing_latencies"],
                firing_confidences=arrays["firing_confidences"],
                firing_rule=attributes["firing_rule"],
                scores=arrays["scores"],
                frame_rate_hz=attributes["frame_rate_hz"],
                pixel_mm=attributes["pixel_mm"],
                method=attributes["method"],
                settings=settings,
                source={"name": attributes["source_name"], "sha256": attributes["source_sha256"]},
                velocity_unit=attributes["velocity_unit"],
                version=attributes["muspipe_version"],
                warnings=map(str, warnings),
                left_out_frames=arrays["left_out_frames"],
                velocity_rms=arrays["velocity_rms"],
                recruited_s=arrays["recruited_s"],
                derecruited_s=arrays["derecruited_s"],
                bmode=arrays["bmode"],
            )
            result._require_plausible()
            return result

    def _require_plausible(self):
        """InputError for numbers that only damage can have made, and that would take others all memory and time."""
        for name, (least, most) in PLAUSIBLE.items():
            value = getattr(self, name)
            require(least <= value <= most, f"{name}: expected a number from {least:g} to {most:g}", value)
        for times_s in self.firings:
            within = (np.abs(times_s) <= MOST_SECONDS).all()
            require(within, f"firings: expected times [s] of at most {MOST_SECONDS:g} s", times_s)


def _finish(dataset, unit, axes, description):
    """Describe a dataset and put it into its place in the file now. HDF5 would do so when Python lets go of it, which
    is sooner or later where other threads are at work: the file would say the same in another order of bytes."""
    dataset.attrs.update({"unit": unit, "axes": axes, "description": description})
    dataset.flush()


def plain(value):
    """NumPy scalars and arrays, and paths, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


@contextlib.contextmanager
def _reading(path):
    """Whatever h5py and the conversions raise on a damaged file becomes an InputError that names the file."""
    try:
        yield
    except InputError as error:
        text = " ".join(str(error).split())
        raise error if str(path) in text else InputError(f"{path}: {text}") from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as a muspipe result (damaged or another file?): {reason}") from error
