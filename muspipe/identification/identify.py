"""The main job: from a recording to its motor units."""

from __future__ import annotations

import dataclasses

from muspipe.errors import InputError
from muspipe.firings import DEFAULT_RULE
from muspipe.firings.find import check_rule, find_firings
from muspipe.identification.method import DEFAULT_METHOD, Method, get_method, name_of, settings_of
from muspipe.preparation.prepare import PREFIX, preparation_of, prepare
from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result


def identify(
    recording: Recording, method: str | Method = DEFAULT_METHOD, *, firings: str = DEFAULT_RULE, **settings
) -> Result:
    """Find the motor units of a recording: territories (n, H, W), twitch trains (n, T), firings [s], scores (n,).

    method: a name in `muspipe.identification.method.METHODS`, with settings that differ from its defaults; or a method
    itself, with its settings inside. prepare: the settings of what is done before (`muspipe.preparation.prepare`), a
    Preparation or a dictionary: prepare={"motion": False}. firings: the rule that finds them, a name in
    `muspipe.firings.RULES`. The result keeps all settings. Raises InputError (a ValueError) for anything but a
    Recording, for an unknown method, rule or setting, and for a value that does not fit.
    """
    if not isinstance(recording, Recording):
        raise InputError(
            f"identify: expected a Recording, got {type(recording).__name__}: make one with load_recording(path) or "
            "Recording(velocity, frame_rate_hz=..., pixel_mm=...)"
        )
    preparation, settings = preparation_of(settings)
    if isinstance(method, str):
        name, method = method, get_method(method, settings)
    elif settings:
        raise InputError(f"identify: expected {', '.join(settings)} inside the method that was given, got it beside")
    else:
        name = name_of(method)
    check_rule(firings)
    used = settings_of(method)  # first: a network that is missing is noticed before the work
    prepared = prepare(recording, preparation)
    units, warnings = prepared.judged(method.find(prepared.recording))
    found = find_firings(units.twitch_trains, units.frame_rate_hz, firings)
    return Result.of_units(
        units,
        firings=found.times_s,
        firing_latencies=found.latencies_s,
        firing_confidences=found.confidences,
        firing_rule=found.rule,
        method=name,
        settings=used | {PREFIX: dataclasses.asdict(preparation)},
        source={"name": recording.source_name, "sha256": recording.source_sha256},
        warnings=warnings,
        left_out_frames=prepared.left_out_frames,
        velocity_rms=recording.velocity_rms,
        bmode=recording.bmode,
    )
