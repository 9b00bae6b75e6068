"""Firings as comma-separated values, for spreadsheets and R."""

from __future__ import annotations

import csv

from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

COLUMNS = ("unit", "firing_s")
"""Header of the table. `unit`: number of the motor unit, from 1, as in the figure; `firing_s`: instant of the twitch's
peak velocity [s] from the first frame, to 1 us. One row a firing, by unit, then time."""


def save_firings(result: Result, path) -> None:
    """Write the firings of all motor units to a .csv file, replacing an older one; whole or not at all.

    Raises OSError where the file cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, times_s in enumerate(result.firings, start=1):
            writer.writerows((number, f"{time_s:.6f}") for time_s in times_s)
