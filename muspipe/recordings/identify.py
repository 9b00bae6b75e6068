"""The main job: from a recording to its motor units."""

from __future__ import annotations

from muspipe import DEFAULT_METHOD
from muspipe.errors import InputError
from muspipe.firings import find_firings
from muspipe.methods import get_method, settings_of
from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result


def identify(recording: Recording, method: str = DEFAULT_METHOD, **settings) -> Result:
    """Find the motor units of a recording: territories (n, H, W), twitch trains (n, T), firings [s], scores (n,).

    method: a name in `muspipe.methods.METHODS`; settings: of that method, where they shall differ from its defaults.
    The result keeps all settings. Raises InputError (a ValueError) for anything but a Recording, and for an unknown
    method or setting.
    """
    if not isinstance(recording, Recording):
        raise InputError(
            f"identify: expected a Recording, got {type(recording).__name__}: make one with load_recording(path) or "
            "Recording(velocity, frame_rate_hz=..., pixel_mm=...)"
        )
    finder = get_method(method, **settings)
    if getattr(finder, "needs_truth", False):
        raise InputError(f"method {method!r} needs the true territories: it is for `muspipe evaluate` only")
    rate = recording.frame_rate_hz
    units = finder.find(recording.velocity, frame_rate_hz=rate, pixel_mm=recording.pixel_mm)
    return Result(
        territories=units.territories,
        twitch_trains=units.twitch_trains,
        firings=find_firings(units.twitch_trains, rate),
        scores=units.scores,
        frame_rate_hz=rate,
        pixel_mm=recording.pixel_mm,
        method=method,
        settings=settings_of(finder),
        source={"name": recording.source_name, "sha256": recording.source_sha256},
        velocity_unit=recording.velocity_unit,
    )
