"""`muspipe identify` of many recordings: a row and a folder for each, whatever becomes of the others; done once."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from muspipe import Result, identify_many
from muspipe.cli import main
from muspipe.commands import many
from muspipe.errors import InputError
from muspipe.recordings.folders import recordings_of
from simulator import SimulationConfig, simulate
from simulator.shared.workers import mapped

ROOT = Path(__file__).resolve().parents[2]


def write(path, velocity):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["velocity"] = velocity
        file["velocity"].attrs.update(frame_rate_hz=400.0, pixel_mm=0.5)


@pytest.fixture
def study(tmp_path, velocity):
    """Two recordings that are right, one that is cut short."""
    folder = tmp_path / "study"
    for number, name in enumerate(("s1/rest.h5", "s2/rest.h5")):
        write(folder / name, velocity + np.float32(number))
    (folder / "s2/cut.h5").write_bytes((folder / "s1/rest.h5").read_bytes()[:2000])
    return folder


@pytest.fixture
def here(monkeypatch, fake_method):
    """The work is done in this process, where there is a method `fake`."""
    monkeypatch.setattr(many, "mapped", lambda work, jobs, workers, apart: mapped(work, jobs, 1))


def call(*words):
    return main(["identify", *map(str, words)])


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def contents(folder, but=("seconds.csv",)):
    files = (path for path in Path(folder).rglob("*") if path.is_file() and path.name not in but)
    files = (path for path in files if not path.parent.name.startswith(".part-"))  # of a process that was killed
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def times(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in Path(folder).rglob("result.h5")}


FAKE = ("--method", "fake", "--firings", "paper", "--no-report")


def test_a_failed_file_is_a_row(study, tmp_path, capsys, here):
    out = tmp_path / "out"
    assert call(study, "--out", out, *FAKE) == 1
    rows = table(out / "summary.csv")
    assert [(name, row["status"]) for name, row in sorted(rows.items())] == [
        ("s1/rest", "done"),
        ("s2/cut", "failed"),
        ("s2/rest", "done"),
    ]
    assert "cannot be read" in rows["s2/cut"]["reason"] and str(study) not in rows["s2/cut"]["reason"]
    row = rows["s1/rest"]
    assert (row["units"], row["firings"], row["mean_score"], row["duration_s"]) == ("1", "2", "0.500", "0.25")
    assert Result.load(out / "s1/rest/result.h5").source["name"] == "rest.h5"
    assert not (out / "s2/cut").exists() and (out / "s2/rest/figure.png").exists()
    assert set(table(out / "seconds.csv")) == set(rows)
    printed = capsys.readouterr().out
    assert "s1/rest: 1 motor unit\n" in printed and "s2/cut: failed: " in printed
    assert f"2 of 3 recordings done; see {out / 'summary.csv'}" in printed


def test_only_what_is_missing_or_changed_is_done_again(study, tmp_path, velocity, capsys, here):
    out = tmp_path / "out"
    assert call(study, "--out", out, *FAKE) == 1
    first, summary = times(out), (out / "summary.csv").read_bytes()
    assert call(study, "--out", out, *FAKE) == 1
    assert times(out) == first and (out / "summary.csv").read_bytes() == summary
    assert "s1/rest: 1 motor unit, as it was" in capsys.readouterr().out

    def again(*words):
        """Names of those that were done by another call."""
        before = {path: path.stat().st_mtime_ns for path in out.rglob("result.h5")}
        call(study, "--out", out, *(words or FAKE))
        return sorted(p.parent.parent.name for p in out.rglob("result.h5") if p.stat().st_mtime_ns != before.get(p))

    write(study / "s2/rest.h5", 2 * velocity)
    assert again() == ["s2"]
    (out / "s1/rest/figure.png").unlink()
    assert again() == ["s1"] and (out / "s1/rest/figure.png").exists()
    (out / "s1/rest/result.h5").write_bytes(b"damaged")
    assert again() == ["s1"]
    (out / "s1/rest/made_with.json").write_text("{")
    assert call(study, "--out", out, *FAKE) == 1  # results without a record may be anybody's
    assert "give --overwrite" in table(out / "summary.csv")["s1/rest"]["reason"]
    assert again(*FAKE, "--overwrite") == ["s1", "s2"] and again() == []
    for words in (("--set", "n_units=2"), ("--frame-rate", "399"), ("--set", "prepare.motion=false")):
        assert again(*FAKE, *words) == ["s1", "s2"] and again(*FAKE, *words) == []
    record = json.loads((out / "s1/rest/made_with.json").read_text())
    record["made_with"]["muspipe"] = "0.0.1"
    (out / "s1/rest/made_with.json").write_text(json.dumps(record))
    assert again(*FAKE, *words) == ["s1"]


def test_another_files_results_are_kept(study, tmp_path, here):
    out = tmp_path / "out"
    assert call(study / "s1", "--out", out, *FAKE) == 0
    before = contents(out, ("seconds.csv", "summary.csv"))
    (study / "s2/cut.h5").unlink()
    assert call(study / "s2", "--out", out, *FAKE) == 1
    assert "holds the results of" in table(out / "summary.csv")["rest"]["reason"]
    assert contents(out, ("seconds.csv", "summary.csv")) == before
    study.rename(tmp_path / "moved")  # the same recording elsewhere
    assert call(tmp_path / "moved/s1", "--out", out, *FAKE) == 0
    assert contents(out, ("seconds.csv", "summary.csv")) == before


def test_what_cannot_be_is_said_at_once(study, tmp_path, capsys, here):
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/summary.csv").write_text("my,own,table\n")
    for words, said in (
        ((study, "--out", out, "--truth", "t.h5"), "--truth belongs to a single recording"),
        ((study, "--out", out, "--set", "n_unitz=1"), "method 'fake' has no setting 'n_unitz'"),
        ((study, "--out", out, "--jobs", "0"), "--jobs: expected an integer from 1"),
        ((study, "--out", out, "--firings", "peaks"), "firings: expected one of"),
        ((empty, "--out", out), "no recording is there: expected files ending in .h5"),
        ((study, "--out", tmp_path / "notes"), "is no table of muspipe identify"),
        ((study, "--out", ""), "out: expected a value, got an empty text"),
    ):
        assert call(*words, "--method", "fake") == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert said in line, line
        assert not out.exists()


def test_names(tmp_path, velocity):
    for name in ("a/x.h5", "a/x.npy", "a/y.h5", "b/x.mat", "b/.hidden.h5", "b/notes.txt", "out/z.h5", ".cache/c.h5"):
        write(tmp_path / name, velocity)
    with h5py.File(tmp_path / "b/result.h5", "w") as file:
        file.attrs["format"] = "muspipe result"
    found = recordings_of([tmp_path], leave_out=tmp_path / "out")
    assert sorted(found) == ["a/x.h5", "a/x.npy", "a/y", "b/x"]
    assert found["a/y"] == tmp_path / "a/y.h5"
    assert list(recordings_of([tmp_path / "a/y.h5", tmp_path / "a/y.h5"])) == ["y"]
    assert sorted(recordings_of([tmp_path / "a/x.h5", tmp_path / "b/x.mat"])) == ["a/x", "b/x"]
    assert sorted(recordings_of([tmp_path / "b", tmp_path / "a/y.h5"])) == ["a/y", "b/x"]
    assert sorted(recordings_of([tmp_path / "a/none.h5", tmp_path / "a/y.h5"])) == ["none", "y"]


def test_a_name_that_is_no_text(tmp_path, velocity, capsys, here):
    """A file from a disk with another encoding: its bytes are not UTF-8."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfcller.npy"))
    np.save(path, velocity)
    words = ("--frame-rate", 400, "--pixel-mm", 0.5, *FAKE[:4])
    assert call(path, "--out", tmp_path / "one", *words) == 0
    assert Result.load(tmp_path / "one/result.h5").source["name"] == "m\ufffdller.npy"
    assert call(path, "--out", tmp_path / "many", "--jobs", 1, *words) == 0
    assert list(table(tmp_path / "many/summary.csv")) == ["m\\udcfcller"]


# In other processes, where there are the methods of the table alone

ICA = ("--method", "ica", "--no-report")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Three recordings with two units each, small and short, and one that is cut short."""
    folder = tmp_path_factory.mktemp("simulated") / "study"
    config = SimulationConfig.scenario("paper", n_units=2, height_px=24, width_px=24, n_frames=200)
    for seed in range(3):
        write(folder / f"r{seed}.h5", simulate(config, seed).render(20))
    (folder / "cut.h5").write_bytes((folder / "r0.h5").read_bytes()[:2000])
    return folder


@pytest.fixture(scope="module")
def undisturbed(simulated, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "out"
    assert call(simulated, "--out", out, "--jobs", 1, *ICA) == 1
    rows = table(out / "summary.csv")
    assert [rows[f"r{i}"]["status"] for i in range(3)] == ["done"] * 3 and rows["cut"]["status"] == "failed"
    assert sum(int(rows[f"r{i}"]["units"]) for i in range(3)) >= 3  # the comparisons are of something
    return out


def run_in_background(folder, out, jobs):
    command = [sys.executable, "-m", "muspipe", "identify", folder, "--jobs", str(jobs), *ICA, "--out", out]
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # though tests run in the background
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heard)


def test_the_same_bytes_with_any_number_of_jobs(simulated, undisturbed, tmp_path):
    assert call(simulated, "--out", undisturbed.parent / "two", "--jobs", 2, *ICA) == 1
    assert contents(undisturbed.parent / "two") == contents(undisturbed)


def test_a_killed_run_goes_on(simulated, undisturbed):
    """Killed when the first is done; the second run keeps what is done, and leaves what an undisturbed one has."""
    out = undisturbed.parent / "killed"
    process = run_in_background(simulated, out, 1)
    assert any("motor unit" in line for line in process.stdout)
    process.kill()
    process.communicate()
    first = times(out)
    assert 1 <= len(first) < 3
    time.sleep(0.5)  # its worker notices and ends
    assert call(simulated, "--out", out, "--jobs", 1, *ICA) == 1
    assert first.items() <= times(out).items()
    assert contents(out) == contents(undisturbed)


def test_an_interrupt_leaves_nothing_half_done(simulated, tmp_path):
    process = run_in_background(simulated, tmp_path / "out", 2)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130 and said.strip() == "muspipe: error: interrupted"
    assert not list((tmp_path / "out").rglob(".*"))
    rows = table(tmp_path / "out/summary.csv")
    assert len(rows) == 4 and {row["status"] for row in rows.values()} >= {"not done"}
    assert {name for name, row in rows.items() if row["status"] == "done"} == set(times(tmp_path / "out"))


def test_a_cluster_gives_the_same_bytes(simulated, undisturbed, tmp_path):
    """Two worker processes, one of which is killed when the first recording is done."""
    distributed = pytest.importorskip("distributed", reason="no dask.distributed: pip install '.[cluster]'")
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=str(tmp_path / "dask"))
    out = undisturbed.parent / "cluster"
    with distributed.LocalCluster(**options) as cluster:
        process = min(worker.process.pid for worker in cluster.workers.values())
        killer = threading.Thread(target=_kill_after_the_first, args=(out, process))
        killer.start()
        assert call(simulated, "--out", out, "--scheduler", cluster.scheduler_address, *ICA) == 1
        killer.join()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert contents(out) == contents(undisturbed)


def _kill_after_the_first(out, process):
    deadline = time.monotonic() + 100
    while not list(out.rglob("result.h5")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)


def test_from_python(simulated):
    found = dict(identify_many(sorted(simulated.glob("*.h5")), "ica", jobs=2, firings="paper"))
    assert found.keys() == set(simulated.glob("*.h5"))
    assert isinstance(found[simulated / "cut.h5"], InputError)
    result = found[simulated / "r0.h5"]
    assert isinstance(result, Result) and result.firing_rule == "paper" and result.source["name"] == "r0.h5"
    with pytest.raises(InputError, match="method 'ica' has no setting 'sped'"):
        identify_many([], "ica", sped=1)
    with pytest.raises(InputError, match="expected a list of files"):
        identify_many("recording.h5")
