"""The way of a recording through the house stays short."""

import sys
from pathlib import Path

from muspipe import Result, identify, load_recording
from muspipe.recordings.simulated import recording_of
from muspipe.recordings.writers import write_recording
from simulator import SimulationConfig, simulate

ROOT = Path(__file__).resolve().parents[2]
MOST_STOPS = 25


def rooms_entered(work) -> list[str]:
    """Rooms of muspipe in the order in which work() first enters their files, neighbours in one room counted once."""
    files: list[str] = []

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and frame.f_code.co_name != "<module>" and path.is_relative_to(ROOT / "muspipe"):
            name = path.relative_to(ROOT / "muspipe").as_posix()
            if name not in files and path.name != "__init__.py":
                files.append(name)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    rooms = [name.partition("/")[0] for name in files]
    return [room for room, before in zip(rooms, [None, *rooms], strict=False) if room != before]


def test_identify_makes_few_stops(tmp_path):
    sequence = simulate(SimulationConfig.scenario("paper", n_units=5), 3)
    path, out = tmp_path / "recording.h5", tmp_path / "result.h5"
    write_recording(path, recording_of(sequence, 20.0))

    def work():
        identify(load_recording(path)).save(out)

    work()  # the networks are loaded now
    rooms = rooms_entered(work)
    assert Result.load(out).n_units == 5
    assert rooms[0] == "recordings" in rooms[-2:] and {"identification", "baselines", "models"} <= set(rooms)
    assert len(rooms) <= MOST_STOPS, rooms
