"""`muspipe identify` of many recordings: results of each, a table of all, and only what is not done yet."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import muspipe
from muspipe.commands.identifying import OUTPUTS, identify_into, refuse_inputs_as_outputs
from muspipe.commands.methods import given_settings
from muspipe.commands.showing import Unseen
from muspipe.commands.workers import given_workers
from muspipe.errors import InputError, one_line
from muspipe.identification.many import settings_for
from muspipe.outputs import output_files
from muspipe.recordings.folders import recordings_of
from muspipe.recordings.result import plain
from simulator.shared.files import atomic_path, held, sha256_of_file
from simulator.shared.workers import mapped

SUMMARY, SECONDS = "summary.csv", "seconds.csv"
RECORD = "made_with.json"
"""In a folder of results: of which file and with what they were made, and what the summary says of them."""
COLUMNS = {
    "file": "",
    "status": "done, failed or not done",
    "units": "",
    "firings": "of all units",
    "mean_score": "of the units",
    "mean_firing_confidence": "of the units that have one",
    "duration_s": "",
    "left_out_frames": "",
    "warnings": "what was noticed",
    "reason": "why it failed",
}
"""Of the summary; seconds are in a table of their own, so that equal runs write equal summaries."""
DONE, FAILED, NOT_DONE = "done", "failed", "not done"


@dataclass(frozen=True)
class Job:
    """One recording, small enough to send to a worker."""

    name: str
    path: str
    folder: str
    """Where its results go; both are absolute."""
    args: argparse.Namespace
    made_with: dict
    """Whatever the results depend on besides the recording, JSON values."""

    def __str__(self):
        return self.path


def run_many(args: argparse.Namespace) -> int:
    """Exit code 0, or 1 if there are recordings that failed."""
    if args.truth:
        raise InputError("--truth belongs to a single recording: leave it out")
    out, workers = Path(args.out), given_workers(args)
    made_with = _made_with(args)
    shared = argparse.Namespace(**vars(args) | {"recording": None, "out": None})
    jobs = [
        Job(name, str(path), str((out / name).absolute()), shared, made_with)
        for name, path in recordings_of(args.recording, leave_out=out).items()
    ]
    _refuse_foreign(out / SUMMARY, list(COLUMNS))
    _refuse_foreign(out / SECONDS, ["file", "seconds"])
    out.mkdir(parents=True, exist_ok=True)
    rows = {job.name: {"file": job.name, "status": NOT_DONE} for job in jobs}
    with held(out, "results there"):
        seconds = _read_seconds(out / SECONDS)
        try:
            for job, row, took_s in _done(jobs, workers):
                rows[job.name] |= row
                if took_s is not None:
                    seconds[job.name] = f"{took_s:.2f}"
        finally:
            _write(out / SUMMARY, list(COLUMNS), rows.values())
            taken = [{"file": name, "seconds": seconds[name]} for name in rows if name in seconds]
            _write(out / SECONDS, ["file", "seconds"], taken)
    failed = sum(row["status"] == FAILED for row in rows.values())
    print(f"{len(rows) - failed} of {len(rows)} recordings done; see {out / SUMMARY}")
    return 1 if failed else 0


def _done(jobs, workers):
    """(job, what the summary says of it, seconds or None) as they come, each shown in a line."""
    with tqdm(total=len(jobs), unit="recording", disable=None) as bar:
        for job, finished in mapped(_work, jobs, workers, apart=True):
            try:
                row, took_s = finished.result()
            except InputError as error:  # its worker died, or the cluster is gone
                row, took_s = {"status": FAILED, "reason": _short(str(error), job)}, None
            bar.update()
            bar.write(f"{job.name}: {_said(row, took_s)}")
            sys.stdout.flush()  # into a log, too
            yield job, row, took_s


def _said(row, took_s):
    if row["status"] == FAILED:
        return f"failed: {row['reason']}"
    units = f"{row['units']} motor unit{'' if row['units'] == 1 else 's'}"
    return units + (", as it was" if took_s is None else "")


def _made_with(args) -> dict:
    """What all results depend on. InputError for a method, setting or rule that there is not."""
    values = {
        "muspipe": muspipe.__version__,
        "method": args.method,
        "settings": settings_for(args.method, args.firings, given_settings(args)),
        "firings": args.firings,
        "reading": [args.frame_rate, args.pixel_mm, args.variable, args.axes],
        "figures": args.figure_format,
        "report": not args.no_report,
    }
    return json.loads(json.dumps(values, default=plain))


# On a worker


def _work(job: Job) -> tuple[dict, float | None]:
    """(what the summary says, seconds or None if the results were there already)."""
    start = time.perf_counter()
    try:
        record = _read_record(Path(job.folder) / RECORD)
        sha256 = sha256_of_file(job.path)
        if not job.args.overwrite and _is_done(job, record, sha256):
            return record["summary"], None
        return _make(job, record, sha256), time.perf_counter() - start
    except Exception as error:  # whatever it is, the other recordings are not to suffer
        if one_line(error) is None and os.environ.get("MUSPIPE_DEBUG") == "1":
            raise
        reason = one_line(error) or f"{type(error).__name__}: {error} (a bug: MUSPIPE_DEBUG=1 shows where)"
        return {"status": FAILED, "reason": _short(" ".join(reason.split()), job)}, time.perf_counter() - start


def _is_done(job, record, sha256):
    """Whether the results are there, of this file as it is and with the same settings."""
    if record is None or (record["sha256"], record["made_with"]) != (sha256, job.made_with):
        return False
    folder = Path(job.folder)
    there = all((folder / name).is_file() for name in record["files"])
    return there and sha256_of_file(folder / "result.h5") == record["result_sha256"]


def _make(job, record, sha256):
    source = os.path.relpath(job.path, job.folder)  # study and results may move together
    if record is not None and record["source"] != source and not job.args.overwrite:
        other = Path(job.folder, record["source"])
        if other.exists() and not other.samefile(job.path):
            raise InputError(
                f"{job.folder} holds the results of {os.path.normpath(other)}: give --overwrite, or another --out"
            )
    args = argparse.Namespace(**vars(job.args) | {"recording": job.path, "out": job.folder})
    refuse_inputs_as_outputs(args)
    with output_files(job.folder, (*OUTPUTS, RECORD), args.overwrite or record is not None) as folder:
        result, _ = identify_into(folder, args, Unseen())
        summary = _summary_of(result)
        content = {
            "source": source,
            "sha256": sha256,
            "made_with": job.made_with,
            "files": sorted(path.name for path in folder.iterdir()),
            "result_sha256": sha256_of_file(folder / "result.h5"),
            "summary": summary,
        }
        (folder / RECORD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return summary


def _summary_of(result):
    told = result.firing_confidences[np.isfinite(result.firing_confidences)]
    return {
        "status": DONE,
        "units": result.n_units,
        "firings": sum(map(len, result.firings)),
        "mean_score": f"{result.scores.mean():.3f}" if result.n_units else "",
        "mean_firing_confidence": f"{told.mean():.3f}" if len(told) else "",
        "duration_s": f"{result.duration_s:g}",
        "left_out_frames": len(result.left_out_frames),
        "warnings": "; ".join(result.warnings),
    }


def _short(reason, job):
    """Without the path, which stands beside it."""
    return reason.removeprefix(f"{job.path}: ")


# Files


def _read_record(path) -> dict | None:
    """None where there is none, or one that is damaged."""
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict) and {"source", "sha256", "made_with", "files", "result_sha256", "summary"} <= set(
            record
        ):
            return record
    return None


def _refuse_foreign(path, columns):
    """InputError for a file that is not ours to replace."""
    if path.exists():
        with contextlib.suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8", newline="") as file:
            if next(csv.reader(file), None) == columns:
                return
        raise InputError(f"{path}: would be replaced, but is no table of muspipe identify: choose another --out")


def _read_seconds(path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["seconds"] for row in csv.DictReader(file)}


def _write(path, columns, rows):
    with atomic_path(path) as temporary:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
