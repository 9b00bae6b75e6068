"""Data sets: the paper's three sets, the same bytes however they were made, nothing foreign overwritten."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from simulator import SimulationConfig
from simulator.generate import draw_sequence, generate_dataset
from simulator.shards import open_dataset, read_manifest
from simulator.shared.errors import InputError

CONFIG = SimulationConfig.scenario("paper")
SIZES = (520, 20, 12)


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_dataset(folder, CONFIG, 5, *SIZES, workers=2)
    return folder


def test_three_sets_as_in_the_paper(dataset):
    manifest = read_manifest(dataset)
    assert manifest["complete"] and manifest["seed"] == 5
    assert sorted(contents(dataset)) == [
        "manifest.json",
        "test-00000.h5",
        "train-00000.h5",
        "train-00001.h5",
        "train-00002.h5",
        "val-00000.h5",
    ]
    train, val, test = (open_dataset(dataset, split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == SIZES
    assert train.n_units.min() == 5 and train.n_units.max() == 30
    assert test.n_units.tolist() == [1, 1, 5, 5, 10, 10, 15, 15, 20, 20, 25, 25]
    for split in (train, val, test):
        split.validate()


def test_access_across_shards(dataset):
    train = open_dataset(dataset, "train")
    for index in (0, 249, 250, 519, -1):
        drawn = draw_sequence(CONFIG, 5, "train", index % 520, 520)
        np.testing.assert_array_equal(train[index].firings_s, drawn.firings_s)
    assert len({sequence.noise_seed for sequence in train}) == 520
    with pytest.raises(IndexError):
        train[520]


def test_splits_and_seeds_do_not_share_sequences():
    diameters = {
        tuple(draw_sequence(CONFIG, seed, split, 0, 6).diameters_mm[:1])
        for seed in (0, 1)
        for split in ("train", "val", "test")
    }
    assert len(diameters) == 6


def test_one_worker_gives_the_same_bytes(dataset, tmp_path):
    generate_dataset(tmp_path / "set", CONFIG, 5, *SIZES, workers=1)
    assert contents(tmp_path / "set") == contents(dataset)


def test_bytes_depend_on_neither_workers_nor_blas_threads(tmp_path):
    """Dense shards of the scenario that is rendered by matrix products throughout: blur, delays, images."""
    config = SimulationConfig.scenario("physiological")
    for workers, threads in ((1, 1), (1, 2), (2, 2)):
        with threadpool_limits(threads, user_api="blas"):
            generate_dataset(
                tmp_path / f"{workers}{threads}", config, 5, 27, 0, 0, workers=workers, dense=True, snr_db=20
            )
    assert contents(tmp_path / "11") == contents(tmp_path / "12") == contents(tmp_path / "22")
    dense = open_dataset(tmp_path / "11")
    dense.validate()
    np.testing.assert_allclose(dense.velocity(26), dense[26].render(20), atol=1e-5)


KILLED = """
import os, signal
from simulator import SimulationConfig
from simulator.generate import generate_dataset
if __name__ == "__main__":
    print("started", flush=True)
    generate_dataset({folder!r}, SimulationConfig.scenario("paper"), 5, 520, 20, 12, workers=2,
                     progress=lambda n: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_killed_run_continues_to_the_same_bytes(dataset, tmp_path):
    folder = tmp_path / "set"
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(folder=str(folder)))
    root = str(Path(__file__).parents[2])
    ended = subprocess.run([sys.executable, script], env=os.environ | {"PYTHONPATH": root}, stderr=subprocess.DEVNULL)
    assert ended.returncode == -signal.SIGKILL
    manifest = read_manifest(folder)
    assert not manifest["complete"]
    done = [entry["file"] for entry in manifest["shards"] if entry["sha256"]]
    assert 1 <= len(done) < 5
    with pytest.raises(InputError, match="not finished"):
        for split in ("train", "val", "test"):
            open_dataset(folder, split)
    (folder / ".train-00001.h5.1.part.h5").write_bytes(b"left by the killed run")
    time.sleep(0.5)  # its workers notice and end
    before = {name: (folder / name).stat().st_mtime_ns for name in done}
    generate_dataset(folder, CONFIG, 5, *SIZES, workers=1)
    assert contents(folder) == contents(dataset)
    assert before == {name: (folder / name).stat().st_mtime_ns for name in done}  # kept, not made again


def test_damaged_and_missing_shards_are_made_again(dataset, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for name, data in contents(dataset).items():
        (folder / name).write_bytes(data)
    (folder / "val-00000.h5").write_bytes((folder / "val-00000.h5").read_bytes()[:-100])
    (folder / "test-00000.h5").unlink()
    with pytest.raises(InputError, match="val-00000.h5.*simulate again"):
        open_dataset(folder, "val")
    counts = []
    generate_dataset(folder, CONFIG, 5, *SIZES, workers=1, progress=counts.append)
    assert contents(folder) == contents(dataset)
    assert Counter(counts) == Counter([250, 250, 20, 20, 12])


@pytest.mark.parametrize(
    "seed, sizes, config, named",
    [
        (6, SIZES, CONFIG, "seed = 5, not 6"),
        (5, (521, 20, 12), CONFIG, "train = 520, not 521"),
        (5, SIZES, SimulationConfig.scenario("physiological"), "blur_sigma_px = 0.0, not 0.7"),
    ],
)
def test_a_folder_with_another_data_set_is_refused_untouched(dataset, seed, sizes, config, named):
    before = contents(dataset)
    with pytest.raises(InputError, match=named):
        generate_dataset(dataset, config, seed, *sizes, workers=1)
    assert contents(dataset) == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="thesis.txt"):
        generate_dataset(tmp_path, CONFIG, 5, 1, 0, 0, workers=1)
    with pytest.raises(InputError, match="got a file"):
        generate_dataset(tmp_path / "thesis.txt", CONFIG, 5, 1, 0, 0, workers=1)


@pytest.mark.parametrize(
    "arguments, named",
    [
        (dict(n_test=10), "multiple of 6"),
        (dict(n_train=-1), "train"),
        (dict(n_train=0, n_test=0), "at least one"),
        (dict(seed=-1), "seed"),
        (dict(workers=0), "jobs: expected an integer from 1"),
        (dict(snr_db=20.0), "dense"),
        (dict(snr_db=float("nan"), dense=True), "decibels"),
    ],
)
def test_sizes_that_cannot_be_had(tmp_path, arguments, named):
    settings = dict(seed=0, n_train=1, n_val=0, n_test=6) | arguments
    with pytest.raises(InputError, match=named):
        generate_dataset(tmp_path / "set", CONFIG, **settings)
    assert not (tmp_path / "set").exists()


def test_too_small_a_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")(1_000_000)
    monkeypatch.setattr("simulator.generate.shutil.disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="nothing written: 1 shards need about 11 MB, 1 MB are free"):
        generate_dataset(tmp_path / "set", CONFIG, 0, 250, 0, 0)
    assert not (tmp_path / "set").exists()


def test_a_damaged_manifest_is_refused(tmp_path):
    for text in ("{}", "", "[1]"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(InputError, match="manifest.json"):
            generate_dataset(tmp_path, CONFIG, 0, 1, 1, 0, workers=1)
        with pytest.raises(InputError, match="manifest.json"):
            open_dataset(tmp_path)


def test_a_disk_that_fails_says_what_was_not_written(tmp_path):
    folder = tmp_path / "set"
    script = tmp_path / "full.py"
    script.write_text(FULL.format(folder=str(folder)))
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True
    )
    assert "1 of 1 shards not written (File too large)" in ended.stdout, ended.stdout + ended.stderr
    assert not list(folder.glob("*.h5")) and not list(folder.glob(".*part*"))
    assert json.loads((folder / "manifest.json").read_text())["complete"] is False


FULL = """
import resource
from simulator import SimulationConfig
from simulator.generate import generate_dataset
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk: writing fails halfway
    try:
        generate_dataset({folder!r}, SimulationConfig.scenario("paper"), 5, 20, 0, 0, workers=1)
    except OSError as error:
        print(error)
"""


def test_a_folder_in_use_is_refused(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(InputError, match="another process"):
            generate_dataset(tmp_path, CONFIG, 0, 1, 0, 0, workers=1)
    finally:
        os.close(descriptor)
