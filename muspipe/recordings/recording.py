"""A recording: tissue-velocity images over time, with the frame rate and pixel size that give them meaning."""

from __future__ import annotations

import copy
import math
import numbers
from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.stored import StoredVelocity
from muspipe.recordings.survey import Survey, blocks_of, survey
from simulator.shared.files import readable

RANGE_HZ = 100.0, 100_000.0
"""Frame rates accepted. Below the first, a twitch (peak after about 27 ms) has fewer than three samples on its rise."""
RANGE_MM = 0.01, 10.0
"""Pixel sizes accepted; one outside this range is most likely not in mm."""
MIN_DURATION_S = 0.25
"""Two firings of a unit that fires at 8 Hz."""
MIN_SIDE_PX = 8
BMODE_DB = 60.0
"""Range of brightness that a B-mode image shows, from its brightest pixel down: usual on scanners."""
RANGE_PEAK = 1e-12, 1e12
"""Largest absolute velocities accepted, in whatever unit: squares and their sums then fit into float32."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Velocity images of a contracting muscle in cross-section.

    What is given is checked and converted: InputError (a ValueError) says what was expected, what came and how to mend
    it. Real numbers of any kind become float32; the image is at least 8 x 8 px, the sequence at least 0.25 s.
    """

    velocity: np.ndarray | StoredVelocity
    """float32 (H, W, T), C-contiguous, in `velocity_unit`; or still in its file, of which `part` reads frames."""
    frame_rate_hz: float
    pixel_mm: float
    """Side of a (square) pixel [mm]."""
    velocity_unit: str = "a.u."
    source_name: str = ""
    """Name of the file that it was read from."""
    source_sha256: str = ""
    """SHA-256 of that file's bytes, hexadecimal."""
    inside: np.ndarray | None = None
    """bool (H, W): pixels that hold data; None: all but those that are NaN in every frame, as outside a sector. The
    velocity of the others is 0."""
    bmode: np.ndarray | None = None
    """uint8 (h, w): brightness of the echoes over the same field as the images, in pixels of its own: 255 is the
    brightest, 0 what is BMODE_DB or more below; None: not known. To look at: no method uses it."""

    def __post_init__(self):
        mend = "give {} on the command line)".format
        frame_rate_hz = check_number(
            self.frame_rate_hz, "frame rate", "Hz", RANGE_HZ, mend("frame_rate_hz (--frame-rate")
        )
        pixel_mm = check_number(self.pixel_mm, "pixel size", "mm", RANGE_MM, mend("pixel_mm (--pixel-mm"))
        stored = isinstance(self.velocity, StoredVelocity)
        velocity = self.velocity if stored else np.asarray(self.velocity)
        check_layout(velocity, frame_rate_hz)
        if not stored:
            with np.errstate(over="ignore"):  # too large for float32 becomes inf, which check_values reports
                velocity = np.ascontiguousarray(velocity, np.float32)
        found = survey(velocity)
        inside = check_inside(self.inside, found)
        if not inside.all():
            velocity = velocity.within(inside) if stored else np.where(inside[..., None], velocity, np.float32(0))
        check_values(found, inside)
        check_bmode(self.bmode)
        object.__setattr__(self, "inside", inside)
        object.__setattr__(self, "velocity", velocity)
        object.__setattr__(self, "frame_rate_hz", frame_rate_hz)
        object.__setattr__(self, "pixel_mm", pixel_mm)
        object.__setattr__(self, "source_name", readable(self.source_name))

    def __str__(self):
        height, width = self.image_shape
        return (
            f"recording {self.source_name or 'without a file'}: {height} x {width} px of {self.pixel_mm:g} mm "
            f"({height * self.pixel_mm:.4g} x {width * self.pixel_mm:.4g} mm), {self.n_frames} frames at "
            f"{self.frame_rate_hz:g} Hz ({self.duration_s:.4g} s), velocity in {self.velocity_unit}"
        )

    def with_velocity(self, velocity: np.ndarray) -> Recording:
        """The same recording with other float32 images of the same shape. They are not checked again: for methods
        that clean the velocity first."""
        other = copy.copy(self)
        object.__setattr__(other, "velocity", velocity)
        return other

    def part(self, frames: slice, rows: slice = slice(None), columns: slice = slice(None)) -> Recording:
        """A stretch of time, and a part of the image, as a recording in memory. It is not checked again: it may be
        short, small, and still."""
        velocity = self.velocity.frames(frames) if self.is_stored else self.velocity[..., frames]
        part = self.with_velocity(np.ascontiguousarray(velocity[rows, columns]))
        object.__setattr__(part, "inside", self.inside[rows, columns])
        return part

    def inside_pixels(self) -> np.ndarray:
        """float32 (P, T): the velocity of the pixels inside; no copy where these are all."""
        return self.velocity.reshape(-1, self.n_frames) if self.inside.all() else self.velocity[self.inside]

    @property
    def is_stored(self) -> bool:
        """Whether its velocity is still in its file."""
        return isinstance(self.velocity, StoredVelocity)

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.velocity.shape[:2]

    @property
    def n_frames(self) -> int:
        return self.velocity.shape[2]

    @property
    def duration_s(self) -> float:
        """Length [s]."""
        return self.n_frames / self.frame_rate_hz

    @property
    def velocity_rms(self) -> np.ndarray:
        """float32 (H, W): root mean square of the velocity over time, in `velocity_unit`."""
        power = np.zeros(self.image_shape)
        for _, block in blocks_of(self.velocity):
            power += np.einsum("hwt,hwt->hw", block, block, dtype=np.float64)
        return np.sqrt(power / self.n_frames).astype(np.float32)


def check_number(value, quantity: str, unit: str, allowed: tuple[float, float], mend: str) -> float:
    """`value` as a float if it is a real number in the closed range `allowed`; InputError with `mend` otherwise."""
    low, high = allowed
    if value is None:
        raise InputError(f"the {quantity} [{unit}] is missing: {mend}")
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise InputError(f"{quantity}: expected a number [{unit}], got {value!r}: {mend}")
    value = float(value)
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{quantity}: expected a positive number [{unit}], got {value:g}: {mend}")
    if not low <= value <= high:
        why = ", at least that to resolve a twitch" if unit == "Hz" else ""
        raise InputError(f"{quantity}: expected {low:g} to {high:g} {unit}{why}, got {value:g} {unit}: {mend}")
    return value


def check_layout(velocity: np.ndarray, frame_rate_hz: float) -> None:
    """InputError unless `velocity` is real, (H, W, T), and large and long enough."""
    kind, shape = velocity.dtype.kind, velocity.shape
    if kind == "c":
        raise InputError("velocity: expected real numbers, got complex ones (IQ data?): compute tissue velocity first")
    if kind not in "fiu":
        raise InputError(f"velocity: expected real numbers, got dtype {velocity.dtype}")
    if velocity.ndim != 3:
        raise InputError(
            f"velocity: expected 3 axes, height x width x time, got {velocity.ndim} with shape {shape}: save the "
            "images as one 3-D array"
        )
    if velocity.size == 0:
        raise InputError(f"velocity: expected data, got an empty array of shape {shape}")
    height, width, n_frames = shape
    axes = ""
    if max(height, width) > n_frames:
        which, order = ("first", "THW") if height >= width else ("second", "HTW")
        axes = f" (the {which} axis is the longest: if it is time, give axes, --axes {order})"
    if n_frames / frame_rate_hz < MIN_DURATION_S:
        raise InputError(
            f"velocity: expected at least {MIN_DURATION_S:g} s, got {n_frames / frame_rate_hz:.3g} s "
            f"({n_frames} frames at {frame_rate_hz:g} Hz, shape {shape}){axes}"
        )
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(
            f"velocity: expected images of at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px, got {height} x {width} px "
            f"(shape {shape}){axes}"
        )


def check_inside(inside, found: Survey) -> np.ndarray:
    """bool (H, W): where there is data, as `inside` says, without pixels that are NaN in every frame. InputError for
    another shape, and where hardly any pixel is left."""
    shape = found.masked.shape
    given = np.ones(shape, bool) if inside is None else np.asarray(inside)
    if given.shape != shape or given.dtype != bool:
        raise InputError(f"inside: expected true or false for {shape} pixels, got {given.dtype} {given.shape}")
    inside = given & ~found.masked
    if np.count_nonzero(inside) < MIN_SIDE_PX**2:
        raise InputError(
            f"velocity: expected data in at least {MIN_SIDE_PX**2} pixels, got {np.count_nonzero(inside)}: all others "
            "are masked (NaN in every frame)"
        )
    return inside


def check_bmode(bmode) -> None:
    """InputError unless `bmode` is None or an image of bytes."""
    if bmode is not None and not (bmode.dtype == np.uint8 and bmode.ndim == 2 and bmode.size):
        raise InputError(f"bmode: expected an image of uint8, got {bmode.dtype} of shape {bmode.shape}")


def check_values(found: Survey, inside: np.ndarray) -> None:
    """InputError if the velocity inside (H, W) holds NaN, infinity or absurd sizes, or does not change over time."""
    odd = np.where(inside, found.odd, 0)
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise InputError(
            f"velocity: {odd.sum()} of {found.n_frames * odd.size} values are NaN or infinite, the first "
            f"at row {row}, column {column}, frame {found.first_odd[row, column]} (counted from 0): replace or cut "
            "them out (only pixels that are NaN in every frame are taken as masked)"
        )
    first = np.where(inside, found.first, 0)
    if not found.changes[inside].any():
        what = f"every value is {first.flat[0]:g}" if (first == first.flat[0]).all() else "no pixel changes over time"
        raise InputError(f"velocity: {what}: expected images of a moving muscle")
    largest = float(found.largest[inside].max())
    if not RANGE_PEAK[0] <= largest <= RANGE_PEAK[1]:
        low, high = RANGE_PEAK
        raise InputError(f"velocity: expected a largest value of {low:g} to {high:g}, got {largest:g}: use mm/s")
