"""`muspipe identify`: what it writes, what it prints, and that bad input leaves one line and an untouched folder."""

import argparse
import csv
import dataclasses
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from muspipe import Result
from muspipe.cli import main
from muspipe.commands.identify import _print_summary
from muspipe.outputs import output_files

ROOT = Path(__file__).resolve().parents[2]
ALL = ["figure.png", "firings.csv", "metrics.json", "report.html", "result.h5"]


@pytest.fixture
def recording(tmp_path, velocity):
    path = tmp_path / "recording.h5"
    with h5py.File(path, "w") as file:
        file["velocity"] = velocity
        file["velocity"].attrs.update(frame_rate_hz=400.0, pixel_mm=0.5)
    return path


@pytest.fixture
def truth(tmp_path, velocity):
    territories = np.zeros((2, 10, 12), bool)
    territories[0, :, :6] = territories[1, :, 9:] = True
    trains = np.stack([velocity[:, :6].mean((0, 1)), velocity[:, 9:].mean((0, 1))])
    path = tmp_path / "truth.h5"
    Result(territories, trains, [1, 1], 400, 0.5, firings=[[0.1], [0.2]], method="truth").save(path)
    return path


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def refused(capsys, folder, arguments, message):
    """The command fails with one line, exit code 2, and leaves everything below `folder` as it was."""
    before, listing = snapshot(folder), sorted(folder.rglob("*"))
    assert main(["identify", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("muspipe: error: ") and message in line, line
    assert captured.out == ""
    assert snapshot(folder) == before and sorted(folder.rglob("*")) == listing


def test_files_and_summary(recording, tmp_path, capsys, fake_method):
    out = tmp_path / "new" / "out"
    words = ["--method", "fake", "--firings", "paper"]  # whose firings are the maxima of the sine
    assert main(["identify", str(recording), "--out", str(out), *words]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["figure.png", "firings.csv", "report.html", "result.h5"]
    result = Result.load(out / "result.h5")
    assert result.n_units == 1 and result.method == "fake" and result.source["name"] == "recording.h5"
    with open(out / "firings.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["unit", "firing_s"]
    assert [unit for unit, _ in rows[1:]] == ["1", "1"]
    np.testing.assert_allclose([float(time_s) for _, time_s in rows[1:]], result.firings[0], atol=1e-6)
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    assert "1 motor unit found" in text and "10 x 12 px, 0.25 s at 400 Hz; method fake" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("   1 ")]
    # 6 x 10 pixels of 0.5 mm from the left: centre (1.5, 2.5) mm; 15 mm2 is a disc of 4.4 mm; 10 Hz; score 0.5
    assert row == ["1", "1.5", "2.5", "4.4", "2", "10.0", "0.50"]
    assert str(out / "figure.png") in text and str(out / "report.html") in text and "metrics.json" not in text
    page = (out / "report.html").read_text()
    assert "1 motor unit found by fake" in page and "recording.h5" in page


def test_the_rate_in_the_terminal_is_that_of_the_report(truth, capsys):
    """Mean of the instantaneous rates: of intervals of 50 and 100 ms 20 and 10 Hz; 2 intervals in 150 ms were 13.3."""
    result = dataclasses.replace(Result.load(truth), firings=[[0.05, 0.1, 0.2], []])
    _print_summary(argparse.Namespace(recording="a.h5"), result)
    first, second = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("   "))
    assert (first[4:6], second[4:6]) == (["3", "15.0"], ["0", "-"])


def test_firings_by_the_rule_that_is_asked_for(recording, tmp_path, capsys, fake_method):
    for name, words in (("discharges", []), ("paper", ["--firings", "paper"])):
        out = tmp_path / name
        assert main(["identify", str(recording), "--out", str(out), "--method", "fake", *words]) == 0
        result = Result.load(out / "result.h5")
        assert result.firing_rule == name and np.isnan(result.firing_latencies[0]) == (name == "paper")
    np.testing.assert_allclose(400 * result.firings[0], np.round(400 * result.firings[0]))  # maxima are at frames
    capsys.readouterr()
    words = ["--method", "fake", "--firings", "peaks"]
    refused(capsys, tmp_path, [recording, "--out", tmp_path / "other", *words], "expected one of discharges, paper")


def test_a_frame_rate_in_place_of_the_files_is_told_once(recording, tmp_path, capsys, fake_method):
    words = ["--out", str(tmp_path / "out"), "--method", "fake", "--frame-rate", "200", "--pixel-mm", "0.5"]
    assert main(["identify", str(recording), *words]) == 0
    note = f"{recording}: taken as given: frame_rate_hz 200 instead of the file's 400"
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")][:1] == [f"note: {note}"]
    assert Result.load(tmp_path / "out/result.h5").warnings.count(note) == 1


def test_settings_reach_inside(recording, tmp_path):
    """`--set` with a list, for the separation; the tiny recording has no unit either way."""
    words = ["--method", "ica", "--set", "diameter_mm=[2, 24]", "--set", "sparse.iterations=3"]
    assert main(["identify", str(recording), "--out", str(tmp_path / "out"), *words]) == 0
    settings = Result.load(tmp_path / "out/result.h5").settings
    assert settings["diameter_mm"] == [2.0, 24.0] and settings["sparse"]["iterations"] == 3


def test_truth(recording, truth, tmp_path, capsys, fake_method):
    out = tmp_path / "out"
    assert main(["identify", str(recording), "--out", str(out), "--method", "fake", "--truth", str(truth)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ALL
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["recall"], metrics["precision"], metrics["roa"]) == (0.5, 1.0, 1.0)
    assert "1 of 2 found, 0 false: recall 0.500, precision 1.000" in capsys.readouterr().out


def test_nothing_found(recording, truth, tmp_path, capsys, fake_method, monkeypatch):
    out = tmp_path / "out"
    none = ["--method", "fake", "--set", "n_units=0"]
    assert main(["identify", str(recording), "--out", str(out), "--truth", str(truth), *none]) == 0
    assert "0 motor units found" in capsys.readouterr().out
    assert (out / "firings.csv").read_text() == "unit,firing_s\n"
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["recall"] == 0 and metrics["roa"] is None  # nothing matched: there is no mean


def test_existing_results_need_overwrite_and_then_all_go(recording, truth, tmp_path, capsys, fake_method):
    out = tmp_path / "out"
    arguments = [recording, "--out", out, "--method", "fake"]
    assert main(["identify", *map(str, arguments), "--truth", str(truth)]) == 0
    (out / "notes.txt").write_text("mine")
    capsys.readouterr()
    refused(capsys, tmp_path, arguments, "firings.csv, figure.png, report.html, metrics.json exists: give --overwrite")
    others = ["--no-report", "--figure-format", "pdf", "--figure-format", "svg"]
    assert main(["identify", *map(str, arguments), "--overwrite", *others]) == 0
    assert (out / "figure.pdf").read_bytes().startswith(b"%PDF") and "<svg" in (out / "figure.svg").read_text()
    # The metrics of the first run say nothing about the second's result.
    assert sorted(path.name for path in out.iterdir()) == [
        "figure.pdf",
        "figure.svg",
        "firings.csv",
        "notes.txt",
        "result.h5",
    ]


def test_overwrite_is_asked_for_before_the_work(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/result.h5").write_text("")
    refused(capsys, tmp_path, [tmp_path / "missing.h5", "--out", tmp_path / "out"], "exists: give --overwrite")


def test_inputs_are_never_replaced(truth, recording, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    inside = recording.rename(tmp_path / "out/result.h5")
    refused(capsys, tmp_path, [inside, "--out", tmp_path / "out", "--overwrite"], "would be replaced by the results")


def bad_inputs(folder, velocity):
    """(arguments, part of the message)"""
    np.save(folder / "good.npy", velocity)
    np.save(folder / "nan.npy", np.where(velocity > 0.9, np.nan, velocity))
    np.save(folder / "zero.npy", 0 * velocity)
    np.save(folder / "short.npy", velocity[:, :, :20])
    np.save(folder / "flat.npy", velocity[0])
    np.save(folder / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:999])
    (folder / "file").write_text("x")
    (folder / "odd/figure.png").mkdir(parents=True)
    options = ["--frame-rate", 400, "--pixel-mm", 0.5, "--method", "fake"]
    out = ["--out", folder / "out"]
    yield from (
        ([folder / f"{name}.npy", *options, *out], message)
        for name, message in (
            ("missing", "no such file"),
            ("nan", "are NaN or infinite"),
            ("zero", "every value is 0"),
            ("short", "at least 0.25 s"),
            ("flat", "expected 3 axes"),
            ("pickle", "pickled Python objects"),
            ("cut", "cut short"),
        )
    )
    good = folder / "good.npy"
    yield [good, "--pixel-mm", 0.5, *out], "frame rate [Hz] is missing: give frame_rate_hz (--frame-rate"
    yield [good, "--frame-rate", 400, *out], "pixel size [mm] is missing: give pixel_mm (--pixel-mm"
    yield [good, "--frame-rate", 40, "--pixel-mm", 0.5, *out], "to resolve a twitch"
    yield [good, *options, *out, "--axes", "abc"], "axes: expected"
    yield [good, *options, *out, "--method", "magic"], "unknown method 'magic'"
    yield [good, *options, *out, "--method", "ica", "--signals", "network"], "method 'ica' has no setting 'signals'"
    yield [good, *options, *out, "--method", "hybrid", "--signals", "loud"], "signals: expected one of clearest"
    separation = [good, *options, *out, "--method", "ica", "--set"]
    yield [*separation, "progress=1"], "--set progress: expected a setting of the method"
    yield [*separation, "min_score=nan"], "min_score: expected a number from 0 to 1, got nan"
    yield [*separation, "min_score=high"], "min_score: expected a number from 0 to 1, got 'high'"
    yield [*separation, "max_components=0"], "max_components: expected an integer from 1 to 2000, got 0"
    yield [*separation, "diameter_mm=[12, 2]"], "diameter_mm: expected 2 values (low <= high)"
    yield [*separation, "sparse.speed=1"], "method 'ica', sparse has no setting 'speed'"
    yield [good, *options, *out, "--set", "signals"], "--set: expected NAME=VALUE, got 'signals'"
    yield [good, *options, *out, "--truth", folder / "none.h5"], "none.h5: no such file"
    yield [good, *options, *out, "--truth", good], "cannot be read as a muspipe result"
    yield [good, *options, "--out", folder / "file"], "expected a folder for the output"
    yield [good, *options, "--out", folder / "file/out"], "nothing was written (result.h5, firings.csv"
    yield [good, *options, "--out", folder / "odd"], "figure.png would be replaced but is a folder"


def test_bad_input(tmp_path, velocity, capsys, fake_method):
    for arguments, message in bad_inputs(tmp_path, velocity):
        refused(capsys, tmp_path, arguments, message)


def test_truth_of_another_recording(recording, truth, tmp_path, capsys, fake_method):
    arguments = [recording, "--out", tmp_path / "out", "--method", "fake", "--frame-rate", 399, "--truth", truth]
    refused(capsys, tmp_path, arguments, "100 frames at 399 Hz, got 10 x 12 px, 100 frames at 400 Hz")


def test_unwritable_folder_is_noticed_before_the_work(recording, tmp_path, capsys, monkeypatch):
    def denied(**_):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "out"))

    monkeypatch.setattr("tempfile.mkdtemp", denied)
    monkeypatch.setattr("muspipe.identification.identify.identify", lambda *_, **__: pytest.fail("worked in vain"))
    refused(capsys, tmp_path, [recording, "--out", tmp_path / "out"], "nothing was written")


@pytest.mark.parametrize("where", ["muspipe.export.csv.save_firings", "muspipe.recordings.result.Result.save"])
def test_full_disk(recording, tmp_path, capsys, monkeypatch, fake_method, where):
    arguments = [recording, "--out", tmp_path / "out", "--method", "fake"]
    assert main(["identify", *map(str, arguments)]) == 0
    capsys.readouterr()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(where, full)
    message = "report.html, figure.pdf, figure.svg, metrics.json): No space left on device"
    refused(capsys, tmp_path, [*arguments, "--overwrite"], message)
    refused(capsys, tmp_path, [recording, "--out", tmp_path / "other", "--method", "fake"], message)


def test_really_full_disk(recording, tmp_path):
    """A limit of 20 kB on the size of files stands in for a disk that fills up while the figure is written."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    before = snapshot(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "muspipe", "identify", recording, "--out", tmp_path / "out"],
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]  # on a slow machine the log tells before it how far it is
    assert line.startswith("muspipe: error: ") and "nothing was written" in line and "File too large" in line
    assert snapshot(tmp_path) == before and not (tmp_path / "out").exists()


def test_failure_in_mid_exchange_restores_the_old_files(tmp_path, monkeypatch):
    names = ("a", "b", "c")
    for name in names:
        (tmp_path / name).write_text("old " + name)
    before, replace = snapshot(tmp_path), os.replace

    def fails_at_new_b(source, target):
        if Path(target) == tmp_path / "b" and Path(source).read_text().startswith("new"):
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr("os.replace", fails_at_new_b)
    with pytest.raises(ValueError, match="nothing was written .*Input/output error"):
        with output_files(tmp_path, names, overwrite=True) as folder:
            for name in names:
                (folder / name).write_text("new " + name)
    assert snapshot(tmp_path) == before and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_any_interruption_leaves_no_folder(tmp_path, error):
    with pytest.raises(error):
        with output_files(tmp_path / "x/y", ["a"]) as folder:
            (folder / "a").write_text("half")
            raise error
    assert list(tmp_path.iterdir()) == []


def test_sigterm_leaves_nothing(recording, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        "muspipe.identification.identify.identify", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
    )
    with pytest.raises(SystemExit) as caught:
        main(["identify", str(recording), "--out", str(tmp_path / "out")])
    assert caught.value.code == 128 + 15
    assert not (tmp_path / "out").exists() and signal.getsignal(signal.SIGTERM) is before


def test_errors_about_other_files_are_passed_on(tmp_path):
    with pytest.raises(FileNotFoundError):
        with output_files(tmp_path, ["a"]):
            open("/nonexistent/elsewhere")


def test_a_simulated_unit_is_found(tmp_path, capsys):
    from simulator import SimulationConfig, simulate

    sequence = simulate(SimulationConfig.scenario("paper", n_units=1), seed=3)
    np.save(tmp_path / "a.npy", sequence.render(snr_db=20))
    arguments = ["--frame-rate", "400", "--pixel-mm", "0.625", "--out", str(tmp_path / "out")]
    assert main(["identify", str(tmp_path / "a.npy"), *arguments]) == 0
    result = Result.load(tmp_path / "out/result.h5")
    assert result.n_units == 1
    np.testing.assert_allclose(result.centres_mm, sequence.centres_mm, atol=0.6)
    assert result.method == "hybrid" and "diameter_mm" in result.settings["ica"]
