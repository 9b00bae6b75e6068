"""Force (or torque) that was recorded beside the ultrasound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.tables import number_of, rows_of

COLUMNS = ("time_s", "force")


@dataclass(frozen=True, eq=False)
class Force:
    """Of one contraction, in whatever unit it came."""

    times_s: np.ndarray
    """float64 (k,), rising, on the force's own clock"""
    values: np.ndarray
    """float64 (k,)"""

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Interpolated at these times, NaN where none was recorded."""
        return np.interp(times_s, self.times_s, self.values, left=np.nan, right=np.nan)


def load_force(path) -> Force:
    """Read a .csv file with columns `time_s` and `force`. InputError, in one line, for whatever cannot be used."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}, expected a table of force")
    rows = [[number_of(f"{line}: {name}", row[name]) for name in COLUMNS] for line, row in rows_of(path, COLUMNS)]
    times_s, values = np.array(rows, np.float64).reshape(-1, 2).T
    if len(rows) < 2 or not np.isfinite([times_s, values]).all() or (np.diff(times_s) <= 0).any():
        raise InputError(f"{path}: expected finite numbers in rows of rising time_s, two at least")
    return Force(times_s, values)
