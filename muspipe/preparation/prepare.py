"""From a recording as it came to one that methods can work on, with all that was left out or taken off, in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError
from muspipe.preparation.artefacts import burst_frames, dead_and_outside, fill_frames, fill_pixels, repeated_frames
from muspipe.preparation.direction import upside_down
from muspipe.preparation.motion import Motion, without_motion
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import changed, check, setting
from simulator.shared.threads import one_blas_thread

PREFIX = "prepare"
"""Name under which a method's settings hold these: "prepare.motion"."""
MOST_BAD_FRAMES = 0.2
"""Of the frames; with more nothing is left out, as a gap could not be told from the rest."""
LEAST_TERRITORY = 0.5
"""A unit stays if this share of its territory lies inside the image."""
PULSE_LOCAL, PULSE_STRONG = 15.0, 4.0
"""A unit is what is left of a pulse if the rough motion taken off there had this many times its mean power over the
image, and this many times the power of the unit's train. Arteries in simulations: 29 and 21 at least; true units: at
most 36 and 3.3, never both."""


@dataclass(frozen=True)
class Preparation:
    """Settings of what is done before any method."""

    artefacts: bool = setting(True, "frames of a burst, and frames that repeat the one before, are left out")
    dead_pixels: bool = setting(True, "pixels that never change are left out")
    motion: bool = setting(True, "motion of the whole muscle and of arteries is taken off")
    motion_below_hz: float = setting(4.5, "motion is slower than this", unit="Hz", above=0, most=8)
    """Below the rate at which units fire (8 a second and more; 5 at the least), above breathing, drift and a heart's
    first harmonics."""
    motion_order: int = setting(3, "motion varies over the image as surfaces of up to this order", least=0, most=5)
    """Translation, rotation, stretch and shear are of first and second order."""
    contraction: str = setting("positive", "sign of the velocity in a contraction", choices=("positive", "negative"))

    def __post_init__(self):
        check(self, "prepare.")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A recording that is ready, and what was done to it."""

    recording: Recording
    left_out_frames: np.ndarray
    """int64 (k,), rising, from 0: filled from those before and after"""
    dead_pixels: np.ndarray
    """bool (H, W): filled from those around. What holds no data at all lies outside `recording.inside`."""
    motion: Motion
    warnings: tuple[str, ...]

    def judged(self, units: MotorUnits) -> tuple[MotorUnits, tuple[str, ...]]:
        """(units without what lies where the image holds no data, and without remains of a pulse; all warnings)."""
        units, warnings = self.sifted(units)
        return units, warnings + said_of_direction(units)

    def sifted(self, units: MotorUnits) -> tuple[MotorUnits, tuple[str, ...]]:
        """The same, but for the direction of the twitches, of which a stretch of the recording says little."""
        within = units.territories & self.recording.inside
        kept = within.sum(axis=(1, 2)) >= np.maximum(LEAST_TERRITORY * units.territories.sum(axis=(1, 2)), 1)
        pulses = kept & self._pulses(within, units.twitch_trains)
        kept &= ~pulses
        warnings = self.warnings + units.warnings
        units = MotorUnits.of(self.recording, within[kept], units.twitch_trains[kept], units.scores[kept])
        if pulses.any():
            n = np.count_nonzero(pulses)
            warnings += (f"{n} of what was found only pulsates, as an artery does: dropped",)
        return units, warnings

    def _pulses(self, territories, trains):
        """bool (n,): whether territories (n, H, W) with these trains (n, T) are what is left of local motion."""
        rough = self.motion.rough_power
        if rough is None or not len(trains):
            return np.zeros(len(trains), bool)
        there = np.tensordot(territories, rough, 2) / np.maximum(territories.sum(axis=(1, 2)), 1)
        overall = rough[self.recording.inside].mean()
        return (there > PULSE_LOCAL * overall) & (there > PULSE_STRONG * np.mean(trains**2, axis=1))


def said_of_direction(units: MotorUnits) -> tuple[str, ...]:
    """A warning, if the twitches look upside down."""
    if not upside_down(units.twitch_trains, units.frame_rate_hz):
        return ()
    return (
        "the twitches look upside down, as they fall faster than they rise: if velocity is negative in a "
        "contraction, or its sign is not known, try contraction negative (--set prepare.contraction=negative)",
    )


def preparation_of(settings: dict) -> tuple[Preparation, dict]:
    """(preparation, settings of the method), told apart by the prefix: {"prepare.motion": False}, or {"prepare":
    {"motion": False}}, or a Preparation in its place. Raises InputError for what does not fit."""
    return apart(settings, PREFIX, Preparation())


def apart(settings: dict, prefix: str, default):
    """(a dataclass of settings as changed by what stands under this prefix, all other settings), as `preparation_of`
    has it."""
    given, kind = settings.get(prefix, {}), type(default)
    if not isinstance(given, dict | kind):
        raise InputError(f"{prefix}: expected a {kind.__name__} or a dictionary of its settings, got {given!r}")
    listed = f"listed by `muspipe settings {prefix}`"
    start = given if isinstance(given, kind) else changed(default, given, prefix, listed=listed)
    own = {name.removeprefix(f"{prefix}."): value for name, value in settings.items() if name.startswith(f"{prefix}.")}
    rest = {name: value for name, value in settings.items() if name.split(".")[0] != prefix}
    return changed(start, own, prefix, listed=listed), rest


@one_blas_thread()
def prepare(recording: Recording, settings: Preparation | None = None, first_frame: int = 0) -> Prepared:
    """The recording without what is no motor unit's and no muscle's. It is not changed itself. first_frame: number of
    its first frame, as it is told, where it is a stretch of another."""
    settings = settings or Preparation()
    recording, dead, warnings = _without_dead_pixels(recording, settings)
    recording, frames, said = _without_bad_frames(recording, settings, first_frame)
    warnings += said
    if settings.contraction == "negative":
        recording = recording.with_velocity(-recording.velocity)
    motion = Motion()
    if settings.motion:
        recording, motion = without_motion(recording, settings.motion_below_hz, settings.motion_order)
        warnings += _said_of_motion(motion, settings)
    return Prepared(recording, frames, dead, motion, tuple(warnings))


def _without_dead_pixels(recording, settings):
    """(recording, dead pixels (H, W), warnings)"""
    warnings, dead = [], np.zeros(recording.image_shape, bool)
    if settings.dead_pixels:
        dead, outside = dead_and_outside(recording.velocity, recording.inside)
        if dead.any() or outside.any():
            filled = fill_pixels(recording.velocity, dead, outside)
            recording = dataclasses.replace(recording, velocity=filled, inside=~outside)
    n = dead.size
    if dead.any():
        warnings.append(f"{dead.sum()} of {n} pixels never change: taken as dead and filled from those around them")
    if not recording.inside.all():
        n_outside = n - np.count_nonzero(recording.inside)
        warnings.append(f"{n_outside} of {n} pixels hold no data (masked, or still regions): no unit is sought there")
    return recording, dead, warnings


def _without_bad_frames(recording, settings, first_frame):
    """(recording, frames left out (k,), warnings)"""
    none = np.zeros(0, np.int64)
    if not settings.artefacts:
        return recording, none, []
    x = recording.inside_pixels()
    repeated = repeated_frames(x)
    burst = burst_frames(x, recording.frame_rate_hz) & ~repeated
    bad, n = burst | repeated, recording.n_frames
    if not bad.any():
        return recording, none, []
    if bad.mean() > MOST_BAD_FRAMES:
        return recording, none, [f"{bad.sum()} of {n} frames stand out or repeat the one before: too many to leave out"]
    warnings = []
    if burst.any():
        warnings.append(
            f"{burst.sum()} of {n} frames stand out ({_listed(burst, first_frame)}): left out as an artefact"
        )
    if repeated.any():
        warnings.append(
            f"{repeated.sum()} of {n} frames repeat the one before ({_listed(repeated, first_frame)}): left out as lost"
        )
    filled = recording.velocity.copy()
    filled[recording.inside] = fill_frames(x, bad, recording.frame_rate_hz)
    return recording.with_velocity(filled), first_frame + np.flatnonzero(bad), warnings


def _listed(frames, first_frame, most=6):
    """ "12, 40-44" of the true frames, of which the first has this number."""
    at = first_frame + np.flatnonzero(frames)
    runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    words = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _said_of_motion(motion, settings):
    if motion.share == 0:
        return []
    what = f"surfaces of order {motion.order}" if motion.order >= 0 else "a pattern over the image"
    said = [
        f"motion slower than {settings.motion_below_hz:g} Hz was taken off, {what}: {motion.share:.0%} of the power"
    ]
    if motion.rough_share > 0.01:
        said.append(
            f"{motion.rough_share:.0%} of that motion is rougher than such surfaces (an artery, layers that slide, "
            "speckle): what is slow of the units may have gone with it"
        )
    return said
