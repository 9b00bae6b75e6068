"""muspipe compare on the command line, with a simulated recording and its simulated EMG."""

import csv
import dataclasses

import h5py
import numpy as np
import pytest

from experiments.emg_pairs import seen
from muspipe import Result
from muspipe.cli import main
from muspipe.echoes.iq_file import write_iq
from muspipe.export.openhdemg import save_openhdemg
from muspipe.recordings.simulated import recording_of, truth_of
from muspipe.recordings.writers import write_recording
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """recording.h5; result.h5, its true units; emg.csv, the discharges of units 3, 1, 2 and of one that is not seen,
    20-40 ms before the peak velocity. Not to be changed."""
    folder = tmp_path_factory.mktemp("compare")
    sequence = simulate(SimulationConfig(n_units=3, n_frames=1600), seed=21)
    write_recording(folder / "recording.h5", recording_of(sequence, 20))
    truth = truth_of(sequence)
    truth.save(folder / "result.h5")
    rng = np.random.default_rng(3)
    emg = seen(rng, [truth.firings[k] for k in (2, 0, 1)], [-0.020, -0.030, -0.040], 4.0, false_hz=0.5)
    emg.append(np.sort(rng.uniform(0, 4, 30)))
    with open(folder / "emg.csv", "w", newline="") as file:
        rows = [(f"MU{k}", f"{t:.5f}") for k, times_s in enumerate(emg) for t in times_s]
        csv.writer(file).writerows([("unit", "firing_s"), *rows])
    return folder


def compare(folder, *words):
    return main(["compare", str(folder / "result.h5"), str(folder / "emg.csv"), *map(str, words)])


def test_pairs_and_maps(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert compare(folder, "--recording", folder / "recording.h5", "--out", out, "--least-roa", "0.5") == 0
    said = capsys.readouterr().out
    assert "3 pairs of 3 units in" in said and str(out / "maps.png") in said
    with open(out / "pairs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["unit"], row["reference_unit"]) for row in rows] == [("1", "MU1"), ("2", "MU2"), ("3", "MU0")]
    np.testing.assert_allclose([float(row["delay_ms"]) for row in rows], [30, 40, 20], atol=3)
    assert min(float(row["map_iou"]) for row in rows) > 0.6
    assert all(float(row["roa"]) > float(row["roa_by_chance"]) for row in rows)
    with h5py.File(out / "maps.h5") as file:
        assert file["labels"].asstr()[()].tolist() == ["MU0", "MU1", "MU2", "MU3"]
        assert file["units"][()].tolist() == [3, 1, 2, 0]
        assert file["maps"].shape == (4, 64, 64) and file["averages"].shape == (4, len(file["lags"]), 64, 64)
        assert all({"axes", "description"} <= set(dataset.attrs) for dataset in file.values())
    assert (out / "maps.png").read_bytes()[:4] == b"\x89PNG"
    assert compare(folder, "--out", out) == 2
    assert "give --overwrite" in capsys.readouterr().err
    assert compare(folder, "--out", out, "--overwrite") == 0
    assert [path.name for path in out.iterdir()] == ["pairs.csv"]  # maps of another run would mislead


def test_recordings_as_identify_takes_them(tmp_path):
    """Without a frame rate, that of the result; echoes, of which the result has another rate than the scanner."""
    firings = [np.arange(0.05, 0.45, 0.08)]
    mask, train = np.ones((1, 8, 8), bool), np.zeros((1, 200))
    result = Result(
        territories=mask, twitch_trains=train, firings=firings, scores=[1.0], frame_rate_hz=400, pixel_mm=0.625
    )
    result.save(tmp_path / "result.h5")
    words = ["compare", str(tmp_path / "result.h5"), str(tmp_path / "result.h5"), "--out", str(tmp_path / "out")]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.standard_normal((200, 8, 8)))
    assert main([*words, "--recording", str(tmp_path / "a.npy"), "--axes", "THW"]) == 0
    echoes = np.exp(1j * (np.cumsum(rng.uniform(0, 0.1, 401)) + rng.uniform(0, 6, (20, 8, 1))))
    write_iq(tmp_path / "iq.h5", echoes, centre_frequency_hz=7.8e6, prf_hz=800.0, pixel_mm=(0.25, 0.625))
    assert main([*words, "--recording", str(tmp_path / "iq.h5"), "--overwrite"]) == 0
    with h5py.File(tmp_path / "out/maps.h5") as file:
        assert file.attrs["frame_rate_hz"] == 400 and file.attrs["pixel_mm"] == 0.625
        assert file["maps"].shape == (1, 8, 8)


def test_one_delay_and_other_references(folder, tmp_path, capsys):
    assert compare(folder, "--delay", "one") == 0
    delays = {line.split()[2] for line in capsys.readouterr().out.splitlines()[3:] if "MU" in line}
    assert len(delays) == 1
    result = Result.load(folder / "result.h5")
    earlier = dataclasses.replace(result, firings=[np.maximum(times_s - 0.03, 0) for times_s in result.firings])
    save_openhdemg(earlier, tmp_path / "emg.json")
    earlier.save(tmp_path / "emg.h5")
    for name, first in (("emg.json", 0), ("emg.h5", 1)):
        assert main(["compare", str(folder / "result.h5"), str(tmp_path / name)]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:6]]
        assert [row[1] for row in rows] == [str(first + k) for k in range(3)]
        assert all(abs(float(row[2]) - 30) < 0.5 and float(row[4]) > 0.95 for row in rows)


def test_a_reference_that_agrees_no_better_than_chance_is_said_so(folder, tmp_path, capsys):
    rng = np.random.default_rng(8)
    rows = [f"a,{t:.4f}" for t in np.sort(rng.uniform(0, 4, 40))]
    (tmp_path / "emg.csv").write_text("\n".join(["unit,firing_s", *rows]))
    words = ["compare", str(folder / "result.h5"), str(tmp_path / "emg.csv")]
    assert main([*words, "--least-roa", "0.05"]) == 0
    assert "1 of them agree no better than by chance" in capsys.readouterr().out
    assert main([*words, "--least-roa", "0.9"]) == 0
    assert capsys.readouterr().out.startswith("0 pairs of 3 units in")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--recording recording.h5", "give --out DIR"),
        ("--recording other.h5 --out new", "expected the recording of the result, 64 x 64 px, 1600 frames, got 8 x 8"),
        ("--delay some", "one of each, one"),
        ("--delay-range-ms 50 20", "low <= high"),
        ("--start-s 100", "no firing within the 4 s of ultrasound, they are at -"),
        ("--start-s -10", "say by --start-s when the ultrasound began"),
    ],
)
def test_what_is_wrong_is_one_line(folder, tmp_path, capsys, monkeypatch, words, says):
    monkeypatch.chdir(folder)
    if "other.h5" in words:
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["velocity"] = np.random.default_rng(0).standard_normal((8, 8, 400))
        words = words.replace("other.h5", str(tmp_path / "other.h5"))
    assert main(["compare", "result.h5", "emg.csv", *words.split()]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (folder / "new").exists()


def test_a_reference_without_firings(folder, tmp_path, capsys):
    (tmp_path / "emg.csv").write_text("unit,firing_s\na,\n")
    assert main(["compare", str(folder / "result.h5"), str(tmp_path / "emg.csv")]) == 2
    assert "expected firings, its 1 units have none" in capsys.readouterr().err
