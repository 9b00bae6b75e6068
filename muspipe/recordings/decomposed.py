"""Firings of motor units that another program or signal gave: decomposed EMG as a reference for ultrasound.

| file | firings |
|---|---|
| .json | openhdemg's own file (0.1): MUPULSES, FSAMP; units are numbered from 0, as there |
| .csv | columns `unit` and `firing_s`, a row a firing; other columns do not matter |
| .h5 | a result of muspipe |
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.result import Result
from muspipe.recordings.tables import number_of, rows_of

COLUMNS = ("unit", "firing_s")


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Of one signal, on its own clock."""

    firings: list[np.ndarray]
    """m float64 arrays: firing times [s], rising."""
    labels: list[str]
    """What the file calls the m units."""
    duration_s: float
    """Of the signal, from 0 on; inf where the file does not tell."""

    @property
    def n_units(self) -> int:
        return len(self.firings)


def load_decomposition(path) -> Decomposition:
    """Read a file of the table above. InputError, in one line, for whatever cannot be used."""
    path = Path(path)
    readers = {".json": _openhdemg, ".csv": _csv, ".h5": _result, ".hdf5": _result}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: expected .json (openhdemg), .csv or .h5, got {path.suffix or 'no ending'}")
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}, expected firings")
    found = readers[path.suffix.lower()](path)
    if not found.n_units:
        raise InputError(f"{path}: holds no motor unit")
    return found


def _openhdemg(path):
    expected = f"{path}: expected a file saved by openhdemg (gzipped JSON with MUPULSES, FSAMP, EMG_LENGTH)"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        pulses, rate_hz, n_samples = (json.loads(content[name]) for name in ("MUPULSES", "FSAMP", "EMG_LENGTH"))
        rate_hz, n_samples = float(rate_hz), int(n_samples)
        if not 0 < rate_hz < np.inf:
            raise InputError(f"{path}: FSAMP: expected a positive number, got {rate_hz:g}")
        firings = [_times(f"{path}: MUPULSES {i}", samples) / rate_hz for i, samples in enumerate(pulses)]
    except InputError:
        raise
    except (KeyError, TypeError) as error:
        lacking = f", it lacks {error}" if isinstance(error, KeyError) else ""
        raise InputError(expected + lacking) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{expected}: {error}") from error
    return Decomposition(firings, [str(i) for i in range(len(firings))], n_samples / rate_hz)


def _csv(path):
    units: dict[str, list[float]] = {}
    for line, row in rows_of(path, COLUMNS):
        times_s = units.setdefault(str(row["unit"]).strip(), [])
        if row["firing_s"] not in (None, ""):  # a unit without firings
            times_s.append(number_of(f"{line}: firing_s", row["firing_s"], "s"))
    firings = [_times(f"{path}: unit {label}", times_s) for label, times_s in units.items()]
    return Decomposition(firings, list(units), np.inf)


def _result(path):
    result = Result.load(path)
    return Decomposition(result.firings, [str(i) for i in range(1, result.n_units + 1)], result.duration_s)


def _times(label, values) -> np.ndarray:
    """Rising float64; they need not be so in the file."""
    times = np.sort(np.asarray(values, np.float64))
    if times.ndim != 1 or not np.isfinite(times).all():
        raise InputError(f"{label}: expected finite numbers")
    return times
