"""A result as one JSON file, for whatever reads nothing else."""

from __future__ import annotations

import json

import numpy as np

from muspipe.export.contents import (
    DRIVE_COLUMNS,
    PAIR_COLUMNS,
    UNIT_COLUMNS,
    drive_table,
    facts,
    pair_table,
    short,
    unit_table,
)
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

FORMAT = "muspipe export"


def save_json(result: Result, path) -> None:
    """Write an object of the facts, `units` and `pairs`, a list each, `drive`, a list a column, and what all these
    `columns` mean. Beside the columns of the table a unit has `firings_s`, `twitch_train` and `territory_px`, the
    [row, column] of its pixels from 0. Whole or not at all."""
    units = _rows(unit_table(result))
    for i, unit in enumerate(units):
        unit["firings_s"] = np.round(result.firings[i], 6).tolist()
        unit["twitch_train"] = short(result.twitch_trains[i])
        unit["territory_px"] = np.argwhere(result.territories[i]).tolist()
    said = facts(result)
    content = {
        "format": FORMAT,
        **said,
        "settings": json.loads(said["settings"]),
        "warnings": list(result.warnings),
        "image_shape_px": list(result.image_shape),
        "columns": {
            name: {column: f"{text} [{unit}]" for column, (unit, text) in columns.items()}
            for name, columns in {"units": UNIT_COLUMNS, "pairs": PAIR_COLUMNS, "drive": DRIVE_COLUMNS}.items()
        },
        "units": units,
        "pairs": _rows(pair_table(result)),
        "drive": {name: short(values) for name, values in drive_table(result).items()},
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")


def _rows(table):
    columns = [short(values) for values in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]
