"""The main job: from a recording to its motor units."""

from __future__ import annotations

import dataclasses

import numpy as np

from muspipe.errors import InputError
from muspipe.firings import DEFAULT_RULE
from muspipe.firings.find import check_rule, find_firings
from muspipe.identification import blocks
from muspipe.identification.blocks import Cutting
from muspipe.identification.familiar import unfamiliar
from muspipe.identification.long import Found, Progress, find_long
from muspipe.identification.method import DEFAULT_METHOD, Method, get_method, name_of, settings_of
from muspipe.preparation.prepare import PREFIX, Preparation, apart, preparation_of, prepare
from muspipe.progress import listening
from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result
from simulator.shared.threads import one_blas_thread


@one_blas_thread()
def identify(
    recording: Recording,
    method: str | Method = DEFAULT_METHOD,
    *,
    firings: str = DEFAULT_RULE,
    progress: Progress | None = None,
    jobs: int | None = None,
    **settings,
) -> Result:
    """Find the motor units of a recording: territories (n, H, W), twitch trains (n, T), firings [s], scores (n,).

    method: a name in `muspipe.identification.method.METHODS`, with settings that differ from its defaults; or a method
    itself, with its settings inside. prepare: the settings of what is done before (`muspipe.preparation.prepare`), a
    Preparation or a dictionary: prepare={"motion": False}. cut: those of how a long or large recording is cut
    (`muspipe.identification.blocks`), likewise. firings: the rule that finds them, a name in `muspipe.firings.RULES`.
    progress: called with the share that is done, 0-1, and a few words on what is being done. jobs: blocks of a long or
    large recording that are worked on at a time, None: as many as there are processors; the result does not depend on
    it. The result keeps all settings. Raises InputError (a ValueError) for anything but a Recording, for an unknown
    method, rule or setting, and for a value that does not fit.
    """
    if not isinstance(recording, Recording):
        raise InputError(
            f"identify: expected a Recording, got {type(recording).__name__}: make one with load_recording(path) or "
            "Recording(velocity, frame_rate_hz=..., pixel_mm=...)"
        )
    preparation, settings = preparation_of(settings)
    cutting, settings = apart(settings, blocks.PREFIX, Cutting())
    name, method = _chosen(method, settings)
    check_rule(firings)
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1):
        raise InputError(f"jobs: expected a whole number, at least 1, got {jobs!r}")
    used = settings_of(method)  # first: a network that is missing is noticed before the work
    used |= {PREFIX: dataclasses.asdict(preparation)}
    progress = progress or _say_nothing
    if cutting.plan(recording).is_cut:
        used |= {blocks.PREFIX: dataclasses.asdict(cutting)}
    found = find_units(recording, method, preparation, cutting, progress, jobs)
    progress(0.95, "firings")
    units = found.units
    fired = find_firings(units.twitch_trains, units.frame_rate_hz, firings)
    result = Result.of_units(
        units,
        firings=fired.times_s,
        firing_latencies=fired.latencies_s,
        firing_confidences=fired.confidences,
        firing_rule=fired.rule,
        **_activity(found, fired),
        method=name,
        settings=used,
        source={"name": recording.source_name, "sha256": recording.source_sha256},
        warnings=found.warnings,
        left_out_frames=found.left_out_frames,
        velocity_rms=recording.velocity_rms,
        bmode=recording.bmode,
    )
    progress(1.0, "done")
    return result


def _chosen(method, settings) -> tuple[str, Method]:
    """(name, the method with these settings)"""
    if isinstance(method, str):
        return method, get_method(method, settings)
    if settings:
        raise InputError(f"identify: expected {', '.join(settings)} inside the method that was given, got it beside")
    return name_of(method), method


def _say_nothing(done, what):
    pass


def find_units(
    recording: Recording,
    method: Method,
    preparation: Preparation,
    cutting: Cutting | None = None,
    progress: Progress = _say_nothing,
    jobs: int | None = None,
) -> Found:
    """Motor units, without firings, of a recording of any size; for the rest see `identify`."""
    plan = (cutting or Cutting()).plan(recording)
    if plan.is_cut:
        return find_long(recording, method, preparation, plan, progress, jobs)
    progress(0.0, "preparing")
    prepared = prepare(recording.part(slice(None)) if recording.is_stored else recording, preparation)
    progress(0.05, "looking for units")
    with listening(lambda done, what: progress(0.05 + 0.9 * done, what)):
        found = method.find(prepared.recording)
    units, warnings = prepared.judged(found)
    if method.networks():
        warnings += unfamiliar(prepared.recording)
    return Found(units, warnings, prepared.left_out_frames, None)


def _activity(found, fired):
    """{"recruited_s": ..., "derecruited_s": ...} of units that are active for a part of the recording; {} for none."""
    if found.active is None or found.active.all():
        return {}
    ends = np.array([times_s[[0, -1]] if len(times_s) else (np.nan, np.nan) for times_s in fired.times_s])
    ends[found.active] = np.nan
    return {"recruited_s": ends[:, 0], "derecruited_s": ends[:, 1]}
