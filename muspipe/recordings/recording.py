"""A recording: tissue-velocity images over time, with the frame rate and pixel size that give them meaning."""

from __future__ import annotations

import copy
import math
import numbers
from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError

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

    velocity: np.ndarray
    """float32 (H, W, T), C-contiguous, in `velocity_unit`"""
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
        velocity = np.asarray(self.velocity)
        check_layout(velocity, frame_rate_hz)
        with np.errstate(over="ignore"):  # too large for float32 becomes inf, which check_values reports
            velocity = np.ascontiguousarray(velocity, np.float32)
        inside = check_inside(self.inside, velocity)
        if not inside.all():
            velocity = np.where(inside[..., None], velocity, np.float32(0))
        check_values(velocity)
        check_bmode(self.bmode)
        object.__setattr__(self, "inside", inside)
        object.__setattr__(self, "velocity", velocity)
        object.__setattr__(self, "frame_rate_hz", frame_rate_hz)
        object.__setattr__(self, "pixel_mm", pixel_mm)

    def with_velocity(self, velocity: np.ndarray) -> Recording:
        """The same recording with other float32 images of the same shape. They are not checked again: for methods
        that clean the velocity first."""
        other = copy.copy(self)
        object.__setattr__(other, "velocity", velocity)
        return other

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
        power = np.einsum("hwt,hwt->hw", self.velocity, self.velocity, dtype=np.float64)
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
    axes = " (the first axis is the longest: if it is time, give axes, --axes THW)" if height > n_frames else ""
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


def check_inside(inside, velocity: np.ndarray) -> np.ndarray:
    """bool (H, W): where velocity (H, W, T) holds data, as `inside` says, without pixels that are NaN in every frame.
    InputError for another shape, and where hardly any pixel is left."""
    shape = velocity.shape[:2]
    given = np.ones(shape, bool) if inside is None else np.asarray(inside)
    if given.shape != shape or given.dtype != bool:
        raise InputError(f"inside: expected true or false for {shape} pixels, got {given.dtype} {given.shape}")
    masked = np.isnan(velocity[..., 0])
    masked[masked] = np.isnan(velocity[masked]).all(axis=1)
    inside = given & ~masked
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


def check_values(velocity: np.ndarray) -> None:
    """InputError if float32 `velocity` (H, W, T) holds NaN, infinity or absurd sizes, or does not change over time."""
    finite = np.isfinite(velocity)
    n_odd = finite.size - np.count_nonzero(finite)
    if n_odd:
        row, column, frame = np.unravel_index(int(finite.argmin()), velocity.shape)
        raise InputError(
            f"velocity: {n_odd} of {finite.size} values are NaN or infinite, the first "
            f"at row {row}, column {column}, frame {frame} (counted from 0): replace or cut them out "
            "(only pixels that are NaN in every frame are taken as masked)"
        )
    first = velocity[:, :, :1]
    if (velocity == first).all():
        what = f"every value is {first.flat[0]:g}" if (first == first.flat[0]).all() else "no pixel changes over time"
        raise InputError(f"velocity: {what}: expected images of a moving muscle")
    largest = max(float(velocity.max()), -float(velocity.min()))
    if not RANGE_PEAK[0] <= largest <= RANGE_PEAK[1]:
        low, high = RANGE_PEAK
        raise InputError(f"velocity: expected a largest value of {low:g} to {high:g}, got {largest:g}: use mm/s")
