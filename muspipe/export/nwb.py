"""A result as a file of Neurodata Without Borders (NWB), by pynwb."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np

from muspipe.errors import InputError
from muspipe.export.contents import (
    DRIVE_COLUMNS,
    FIRING,
    PAIR_COLUMNS,
    UNIT_COLUMNS,
    drive_table,
    facts,
    pair_table,
    unit_table,
)
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

UNKNOWN_START = datetime(1900, 1, 1, tzinfo=UTC)
"""NWB wants to know when a recording began, which a result does not say: a date that nobody takes for true."""


def save_nwb(result: Result, path, session_start: datetime | None = None) -> None:
    """Write the motor units as NWB's units: firings as `spike_times`, `territory` (H, W) and a column for each of the
    table of units; in the processing module `ultrasound` the twitch trains (T, n), the drive of all together (T,)
    and a table of the pairs' synchronisation. Whole or not at all.

    session_start: of the recording, with its time zone; UNKNOWN_START without. InputError where pynwb is missing.
    """
    pynwb = _pynwb()
    said = facts(result)
    text = "\n".join(f"{name}: {value}" for name, value in said.items())
    identifier = hashlib.sha256((text + repr(result.firings)).encode()).hexdigest()
    file = pynwb.NWBFile(
        session_description=f"Motor units in ultrafast ultrasound, identified by muspipe {result.version}",
        identifier=identifier,
        session_start_time=session_start or UNKNOWN_START,
        notes=text,
        source_script_file_name="muspipe export",
        source_script=f"muspipe {result.version}",
    )
    if result.n_units:
        file.units = _units(pynwb, result)
        module = file.create_processing_module("ultrasound", "motor units in tissue velocity")
        for part in (_trains(pynwb, result), *_drive(pynwb, result), *_pairs(pynwb, result)):
            module.add(part)
    with atomic_path(path) as temporary, pynwb.NWBHDF5IO(temporary, "w") as io:
        io.write(file)


def _units(pynwb, result):
    units = pynwb.misc.Units(name="units", description=f"Motor units; spike_times: {FIRING}")
    table = {name: values for name, values in unit_table(result).items() if name != "unit"}
    for name in table:
        unit, description = UNIT_COLUMNS[name]
        units.add_column(name, f"{description} [{unit}]")
    size = f"{result.pixel_mm:g} mm pixels"
    units.add_column("territory", f"1 where the pixel is in the motor unit's territory, (height, width) in {size}")
    for i, times_s in enumerate(result.firings):
        units.add_unit(
            id=i + 1,
            spike_times=times_s,
            obs_intervals=np.array([[0.0, result.duration_s]]),
            territory=result.territories[i].astype(np.uint8),
            **{name: float(values[i]) for name, values in table.items()},
        )
    return units


def _trains(pynwb, result):
    described = "tissue velocity of each motor unit alone, a column a unit, in the order of the table of units"
    return _series(pynwb, result, "twitch_trains", result.twitch_trains.T, result.velocity_unit, described)


def _drive(pynwb, result):
    for name, values in drive_table(result).items():
        if name != "time_s":
            yield _series(pynwb, result, name, values, *DRIVE_COLUMNS[name])


def _series(pynwb, result, name, values, unit, description):
    return pynwb.TimeSeries(
        name=name,
        data=np.ascontiguousarray(values),
        unit=unit,
        rate=result.frame_rate_hz,
        starting_time=0.0,
        description=description,
    )


def _pairs(pynwb, result):
    """The table, if there are pairs: NWB has no rows without values."""
    values = pair_table(result)
    if result.n_units > 1:
        columns = [
            pynwb.core.VectorData(
                name=name, description=f"{PAIR_COLUMNS[name][1]} [{PAIR_COLUMNS[name][0]}]", data=data
            )
            for name, data in values.items()
        ]
        described = "synchronisation of each pair of motor units, numbered as in the table of units (its ids)"
        yield pynwb.core.DynamicTable(name="pairs", description=described, columns=columns)


def _pynwb():
    try:
        import pynwb
    except ImportError as error:
        raise InputError('NWB needs pynwb, which is not installed: pip install "muspipe[nwb]"') from error
    return pynwb
