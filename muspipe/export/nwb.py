"""A result as a file of Neurodata Without Borders (NWB), by pynwb."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np

from muspipe.errors import InputError
from muspipe.export.contents import FIRING, UNIT_COLUMNS, facts, unit_table
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

UNKNOWN_START = datetime(1900, 1, 1, tzinfo=UTC)
"""NWB wants to know when a recording began, which a result does not say: a date that nobody takes for true."""


def save_nwb(result: Result, path, session_start: datetime | None = None) -> None:
    """Write the motor units as NWB's units: firings as `spike_times`, `territory` (H, W) and a column for each of the
    table of units; in the processing module `ultrasound` the twitch trains (T, n). Whole or not at all.

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
        _add_trains(pynwb, file, result)
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


def _add_trains(pynwb, file, result):
    trains = pynwb.TimeSeries(
        name="twitch_trains",
        data=np.ascontiguousarray(result.twitch_trains.T),
        unit=result.velocity_unit,
        rate=result.frame_rate_hz,
        starting_time=0.0,
        description="tissue velocity of each motor unit alone, a column a unit, in the order of the table of units",
    )
    file.create_processing_module("ultrasound", "motor units in tissue velocity").add(trains)


def _pynwb():
    try:
        import pynwb
    except ImportError as error:
        raise InputError('NWB needs pynwb, which is not installed: pip install "muspipe[nwb]"') from error
    return pynwb
