"""Evaluations as they are stored: the folder of `muspipe evaluate`, or a column of a CSV that holds many.

A CSV has one row for each cell and metric: scenario, method, snr_db, units, metric, mean, sd, sequences. Empty numbers
were not measured, or not kept.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.metrics import METRICS

COLUMNS = ("scenario", "method", "snr_db", "units", "metric", "mean", "sd", "sequences")
NOT_MEASURED = {"mean": None, "sd": None}
SECONDS = "seconds"
"""The one metric that differs between equal runs: it has a file of its own."""


def parted(metrics: dict) -> tuple[dict, dict]:
    """(metrics without seconds, the seconds of the same cells and sequences), as two files keep them."""
    rest, taken = dict(metrics), {}
    for part, keys in (("cells", ("snr_db", "n_units")), ("sequences", ("snr_db", "index"))):
        rest[part] = [{name: value for name, value in one.items() if name != SECONDS} for one in metrics[part]]
        taken[part] = [{name: one[name] for name in (*keys, SECONDS)} for one in metrics[part]]
    return rest, taken


def read_evaluation(place) -> dict:
    """{"method", "data": {"scenario", ...}, "cells": [...]} as in metrics.json, of a folder or of "FILE.csv:METHOD"; a
    CSV of one method needs no name. InputError if there is none, or something else."""
    text = str(place)
    if Path(text).is_dir():
        return _read_folder(Path(text))
    file, ending, method = text.partition(".csv")
    if not ending or (method and not method.startswith(":")):
        raise InputError(f"{text}: expected a folder of `muspipe evaluate`, or FILE.csv:METHOD")
    return _read_csv(Path(file + ending), method[1:])


def _read_folder(folder):
    path, times = folder / "metrics.json", folder / "seconds.json"
    if not path.is_file():
        raise InputError(f"{path} is missing: make it with muspipe evaluate DATA --out {folder}")
    metrics = _read_json(path)
    if not {"method", "data", "cells"} <= metrics.keys():
        raise InputError(f"{path}: expected the metrics of `muspipe evaluate`, found {', '.join(metrics) or 'nothing'}")
    if times.is_file():
        metrics["cells"] = _joined(metrics["cells"], times)
    return metrics


def _joined(cells, times):
    """The cells with their seconds, which are in the file `times`."""
    try:
        taken = {(cell["snr_db"], cell["n_units"]): cell[SECONDS] for cell in _read_json(times)["cells"]}
        return [cell | {SECONDS: taken.get((cell["snr_db"], cell["n_units"]), NOT_MEASURED)} for cell in cells]
    except (KeyError, TypeError) as error:
        raise InputError(f"{times}: damaged ({error})") from error


def _read_json(path):
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error})") from error


def _read_csv(path, method):
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}")
        rows = list(reader)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    if not method and len(methods) == 1:
        method = methods[0]
    if method not in methods:
        raise InputError(f"{path}: expected one of its methods, {', '.join(methods)}, got {method!r}: FILE.csv:METHOD")
    rows = [row for row in rows if row["method"] == method]
    cells = {}
    try:
        for row in rows:
            snr_db = "inf" if row["snr_db"] == "inf" else float(row["snr_db"])
            new = {"snr_db": snr_db, "n_units": int(row["units"]), "n_sequences": int(row["sequences"])}
            cell = cells.setdefault((snr_db, row["units"]), new | dict.fromkeys(METRICS, NOT_MEASURED))
            cell[row["metric"]] = {name: float(row[name]) if row[name] else None for name in ("mean", "sd")}
    except ValueError as error:
        raise InputError(f"{path}: expected numbers ({error})") from error
    return {"method": method, "data": {"scenario": rows[0]["scenario"]}, "cells": list(cells.values())}
