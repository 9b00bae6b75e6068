"""A method on a whole data set: every sequence at every noise level, in parallel, resumable.

Results of single sequences go to a journal as they come, one JSON line each; a killed run reads it and goes on.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import time
from pathlib import Path

import numpy as np

import muspipe
from muspipe.errors import InputError
from muspipe.evaluation import EVALUATED
from muspipe.evaluation.metrics import METRICS, compare
from muspipe.evaluation.oracle import TrueTerritories
from muspipe.firings import DEFAULT_RULE
from muspipe.firings.find import check_rule
from muspipe.identification.identify import find_units
from muspipe.identification.method import get_method, settings_of
from muspipe.preparation.prepare import PREFIX, preparation_of, prepare
from muspipe.recordings.simulated import recording_of, truth_of
from simulator.shards import open_dataset
from simulator.shared.processes import WorkerDied
from simulator.shared.workers import Workers, mapped

JOURNAL = "sequences.partial.jsonl"
CHUNK = 4
"""Sequences that a worker takes at a time."""


def evaluate(
    data,
    method: str,
    out,
    *,
    split="test",
    snrs_db=(np.inf, 20.0, 10.0),
    limit=None,
    workers: int | Workers | None = None,
    settings=None,
    firings=DEFAULT_RULE,
    overwrite=False,
    progress=None,
) -> dict:
    """Metrics of `method` on a split of the data set folder `data`; see `summarise` for what is returned.

    method: a name in `EVALUATED`; settings: those of the method that differ from its defaults, and of the
    preparation ("prepare.motion"). firings: the rule that finds them, a name in `muspipe.firings.RULES`. snrs_db: noise
    levels [dB], inf for none; noise is each sequence's own, so all methods meet the same. limit: at most this many
    sequences of each number of motor units. out: folder of the journal. workers: number of processes (None: one for
    each CPU core), or a cluster. overwrite: that of another evaluation, which did not finish, is dropped. progress:
    called with (finished, of) whenever some more sequences are finished.
    """
    dataset = open_dataset(data, split)
    dataset.validate()
    settings = settings or {}
    check_rule(firings)
    preparation, own = preparation_of(settings)
    identity = {
        "method": method,
        "settings": settings_of(get_method(method, own, EVALUATED)) | {PREFIX: dataclasses.asdict(preparation)},
        "firings": firings,
        "data": {
            "scenario": dataset.config.name,
            "config": dataset.config.to_dict(),
            "split": split,
            "seed": dataset.manifest["seed"],
            "shards": [s["sha256"] for s in dataset.manifest["shards"] if s["split"] == split],
        },
        "versions": {"muspipe": muspipe.__version__, "numpy": np.__version__},
    }
    chosen = _choose(dataset.n_units, limit)
    snrs_db = list(dict.fromkeys(float(snr) for snr in snrs_db))
    journal = Path(out) / JOURNAL
    rows = _read_journal(journal, identity, overwrite)
    done = {(row["snr_db"], row["index"]) for row in rows}
    tasks = [(i, snr) for snr in snrs_db for i in chosen if (_json_number(snr), i) not in done]
    total = len(chosen) * len(snrs_db)
    if progress:
        progress(total - len(tasks), total)
    for part in _run(tasks, os.path.abspath(data), split, method, settings, firings, workers):
        with open(journal, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in (part if rows else [identity, *part]))
        rows += part
        if progress:
            progress(total - len(tasks) + len({(r["snr_db"], r["index"]) for r in rows} - done), total)
    wanted = {(_json_number(snr), i) for snr in snrs_db for i in chosen}
    rows = [row for row in rows if (row["snr_db"], row["index"]) in wanted]
    return summarise(identity, sorted(rows, key=lambda r: (-_number(r["snr_db"]), r["n_true"], r["index"])))


def summarise(identity: dict, rows: list[dict]) -> dict:
    """{**identity, "cells": [...], "sequences": rows}: per noise level and number of motor units, of each metric the
    `mean`, the `sd` (n - 1) over sequences, and their number `n` (sequences in which nothing matched have no
    segmentation or firing metrics).
    """
    cells = []
    for snr, n_units in sorted({(_number(r["snr_db"]), r["n_true"]) for r in rows}, key=lambda c: (-c[0], c[1])):
        here = [r for r in rows if _number(r["snr_db"]) == snr and r["n_true"] == n_units]
        cell = {"scenario": identity["data"]["scenario"], "snr_db": _json_number(snr), "n_units": n_units}
        for metric in (*METRICS, "n_found", "seconds"):
            values = [r[metric] for r in here if r[metric] is not None]
            cell[metric] = {
                "mean": float(np.mean(values)) if values else None,
                "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                "n": len(values),
            }
        cells.append(cell | {"n_sequences": len(here)})
    return identity | {"cells": cells, "sequences": rows}


def _choose(n_units, limit):
    """Indices of the first `limit` sequences of each number of motor units, in order."""
    if limit is None:
        return list(range(len(n_units)))
    return sorted(int(i) for n in np.unique(n_units) for i in np.flatnonzero(n_units == n)[:limit])


def _run(tasks, data, split, method, settings, firings, workers):
    """Yield lists of rows as they are finished."""
    chunks = [tasks[i : i + CHUNK] for i in range(0, len(tasks), CHUNK)]
    work = functools.partial(_rows, data, split, method, settings, firings=firings)
    try:
        for _, finished in mapped(work, chunks, workers):
            yield finished.result()
    except WorkerDied as error:
        raise InputError(f"sequences {error}; the same call goes on") from error


_open_dataset = functools.lru_cache(maxsize=1)(open_dataset)


def _rows(data, split, method, settings, tasks, firings=DEFAULT_RULE):
    """Worker: metrics of some (index, snr_db)."""
    dataset = _open_dataset(data, split)
    preparation, own = preparation_of(settings)
    finder = get_method(method, own, EVALUATED)
    rows = []
    for index, snr_db in tasks:
        sequence = dataset[index]
        recording, true = recording_of(sequence, snr_db), truth_of(sequence)
        start = time.perf_counter()
        if isinstance(finder, TrueTerritories):
            prepared = prepare(recording, preparation)
            found, _ = prepared.judged(finder.find(prepared.recording, true))
        else:
            found = find_units(recording, finder, preparation, jobs=1).units
        seconds = time.perf_counter() - start
        metrics = compare(found, true, firings)
        row = {"index": index, "snr_db": _json_number(snr_db)} | metrics | {"seconds": round(seconds, 4)}
        rows.append({key: None if value != value else value for key, value in row.items()})  # NaN is no JSON
    return rows


def _read_journal(journal, identity, overwrite=False):
    """Rows of an earlier, unfinished run of the same evaluation; a half-written last line is dropped. That of another
    one is refused if it has rows, which are work done, unless `overwrite` drops it."""
    if not journal.exists():
        return []
    try:
        return _rows_of(journal, identity)
    except InputError:
        if not overwrite:
            raise
        journal.unlink()
        return []


def _rows_of(journal, identity):
    try:
        lines = journal.read_text(encoding="utf-8").split("\n")
        whole = lines[:-1]
        if len(whole) < 2:
            journal.unlink()
            return []
        found, *rows = [json.loads(line) for line in whole]
        wanted = json.loads(json.dumps(identity))
        other = [key for key in wanted if key not in found or found[key] != wanted[key]]
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{journal}: damaged ({error}): give --overwrite to drop it, or another output folder"
        ) from error
    if other:
        raise InputError(
            f"{journal}: is of an unfinished evaluation with other {', '.join(other)}: finish that one, give "
            "--overwrite to drop it, or another output folder"
        )
    if lines[-1]:
        journal.write_text("\n".join(whole) + "\n", encoding="utf-8")
    return rows


def _json_number(snr_db):
    """JSON has no infinity."""
    return "inf" if np.isinf(snr_db) else float(snr_db)


def _number(snr_db):
    return float(snr_db)
