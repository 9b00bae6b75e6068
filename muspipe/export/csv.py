"""Tables as comma-separated values, for spreadsheets, pandas and R: tidy, a row an observation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from muspipe.export.contents import DRIVE_COLUMNS, PAIR_COLUMNS, UNIT_COLUMNS, drive_table, pair_table, unit_table
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

COLUMNS = ("unit", "firing_s")
"""Header of the table of firings. `unit`: number of the motor unit, from 1, as in the figure; `firing_s`: instant of
the twitch's peak velocity [s] from the first frame, to 1 us. One row a firing, by unit, then time."""

TABLES = {
    "units.csv": "a row a motor unit: place, size, score, discharge properties",
    "firings.csv": "a row a firing",
    "twitch_trains.csv": "a row a unit and frame: unit, time_s, velocity",
    "pairs.csv": "a row a pair of units: synchronisation",
    "drive.csv": "a row a frame: firings of all units, the drive that they show",
    "columns.csv": "a row a column of units.csv, pairs.csv and drive.csv: unit and meaning",
}
"""Files of `save_tables`. What is not told is an empty cell."""


def save_firings(result: Result, path) -> None:
    """Write the firings of all motor units to a .csv file, replacing an older one; whole or not at all.

    Raises OSError where the file cannot be written.
    """
    rows = (
        (number, f"{time_s:.6f}")
        for number, times_s in enumerate(result.firings, start=1)
        for time_s in times_s.tolist()
    )
    write_table(path, COLUMNS, rows)


def save_tables(result: Result, folder) -> None:
    """Write TABLES into a folder that is there."""
    folder = Path(folder)
    tables = {"units.csv": unit_table(result), "pairs.csv": pair_table(result), "drive.csv": drive_table(result)}
    for name, table in tables.items():
        columns = [[cell(value) for value in values.tolist()] for values in table.values()]
        write_table(folder / name, table, zip(*columns, strict=True))
    save_firings(result, folder / "firings.csv")
    write_table(folder / "twitch_trains.csv", ("unit", "time_s", "velocity"), _train_rows(result))
    described = {"units.csv": UNIT_COLUMNS, "pairs.csv": PAIR_COLUMNS, "drive.csv": DRIVE_COLUMNS}
    rows = ((name, column, *says) for name, columns in described.items() for column, says in columns.items())
    write_table(folder / "columns.csv", ("table", "column", "unit", "description"), rows)


def write_table(path, header, rows) -> None:
    """A .csv file, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def cell(value) -> str:
    """A number or text as a table shows it: seven digits at most, empty for NaN."""
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.7g}"


def _train_rows(result):
    times = [f"{time_s:.6f}" for time_s in (np.arange(result.n_frames) / result.frame_rate_hz).tolist()]
    for number, train in enumerate(result.twitch_trains.tolist(), start=1):
        for time, velocity in zip(times, train, strict=True):
            yield number, time, cell(velocity)
