"""Many recordings: each is a matter of its own, and one that fails costs nothing but itself."""

from __future__ import annotations

import dataclasses
import functools
import os
import warnings
from collections.abc import Iterable, Iterator

from muspipe.errors import InputError
from muspipe.firings import DEFAULT_RULE
from muspipe.firings.find import check_rule
from muspipe.identification import blocks
from muspipe.identification.blocks import Cutting
from muspipe.identification.identify import identify
from muspipe.identification.method import DEFAULT_METHOD, Method, get_method, settings_of
from muspipe.preparation.prepare import PREFIX, apart, preparation_of
from muspipe.recordings.readers import load_recording
from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result
from simulator.shared.workers import Workers, mapped


def identify_many(
    paths: Iterable,
    method: str | Method = DEFAULT_METHOD,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    cluster: str | None = None,
    reading: dict | None = None,
    firings: str = DEFAULT_RULE,
    **settings,
) -> Iterator[tuple[object, Result | Exception]]:
    """(path, its Result, or the error that says why there is none) of each file, as they come.

    jobs: worker processes, None: one for each CPU core; or scheduler, the address of a dask scheduler, or cluster, a
    file that says how to start one (`simulator.shared.clusters`). reading: arguments of `load_recording`. The others
    are those of `identify`; what is wrong with them is raised at once. The processes are spawned, so a script that
    calls this needs `if __name__ == "__main__":`.

    >>> for path, result in identify_many(paths, jobs=4):
    ...     print(path, result)
    """
    if isinstance(paths, str | os.PathLike):
        raise InputError(f"identify_many: expected a list of files, got {paths!r} alone")
    settings_for(method, firings, settings)
    given = {os.path.abspath(path): path for path in paths}  # a worker on another machine has another working directory
    work = functools.partial(_identified, method=method, reading=reading or {}, firings=firings, settings=settings)
    return _answers(given, mapped(work, given, Workers(jobs, scheduler, cluster), apart=True))


def settings_for(method: str | Method, firings: str, settings: dict) -> dict:
    """All settings that `identify` would use with these, as plain values. InputError for what does not fit."""
    check_rule(firings)
    preparation, own = preparation_of(settings)
    cutting, own = apart(own, blocks.PREFIX, Cutting())
    method = get_method(method, own) if isinstance(method, str) else method
    others = {PREFIX: preparation, blocks.PREFIX: cutting}
    return settings_of(method) | {name: dataclasses.asdict(value) for name, value in others.items()}


def _answers(given, found):
    for path, finished in found:
        error = finished.exception()
        yield given[path], finished.result() if error is None else error


def _identified(path, method, reading, firings, settings):
    recording, doubts = load_noticing(path, **{"whole": False, **reading})
    return with_doubts(identify(recording, method, firings=firings, **settings), doubts)


def load_noticing(path, **reading) -> tuple[Recording, list[str]]:
    """(recording, warnings about it: the velocity of echoes may be doubtful). reading: arguments of
    `load_recording`."""
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", UserWarning)
        recording = load_recording(path, **reading)
    return recording, [str(warning.message) for warning in noticed]


def with_doubts(result: Result, doubts: list[str]) -> Result:
    """The result, warnings about its recording first."""
    return dataclasses.replace(result, warnings=(*doubts, *result.warnings))
