"""muspipe-train seg and twitch on the command line."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from muspipe.cli import main_train
from muspipe.models import PRESETS, get_preset


@pytest.fixture(autouse=True)
def small(monkeypatch):
    from muspipe.training import examples

    small = {
        "convolutions": [{"maps": 2, "kernel": [5, 5, 3], "stride": [4, 4, 1]}],
        "dense_before": [8],
        "gru": 4,
        "dense_after": [4],
        "name": "small",
    }
    monkeypatch.setitem(PRESETS["twitch"], "small", get_preset("twitch", "compact") | small)
    monkeypatch.setattr(examples, "ONLINE_CROPS", 16)
    monkeypatch.setitem(examples.ONLINE_SEQUENCES, "twitch", 4)


def arguments(folder, *more):
    return ["twitch", "--out", str(folder / "run"), *more]


NEW = ("--online", "--preset", "small", "--steps", "4", "--batch-size", "4", "--val-batches", "1", "--val-every", "2")


def test_a_run_and_its_resumption(tmp_path, capsys):
    assert main_train(arguments(tmp_path, *NEW, "--max-minutes", "0")) == 0
    assert "time is up at step 1 of 4" in capsys.readouterr().out
    assert main_train(arguments(tmp_path, "--resume", "--preset", "small")) == 0
    out = capsys.readouterr().out
    assert "finished at step 4 of 4" in out and "best.weights.h5" in out and "peak memory process" in out


def test_another_run_is_not_resumed(tmp_path, capsys):
    main_train(arguments(tmp_path, *NEW, "--max-minutes", "0"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    for more, said in (
        (("--resume", "--preset", "compact"), "has preset 'small', got 'compact'"),
        (("--resume", "--snr-db", "10", "30"), "has snr-db None, got (10.0, 30.0)"),
        (NEW, "exists already; give --resume"),
    ):
        assert main_train(arguments(tmp_path, *more)) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    assert main_train(["seg", "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "has task 'twitch', got 'seg'" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before


@pytest.mark.parametrize(
    "more, said",
    [
        ((), "expected --data DIR"),
        (("--online", "--preset", "huge"), "preset of twitch: expected one of paper, compact"),
        (("--online", "--steps", "0"), "steps: expected at least 1"),
        (("--online", "--memory-gb", "-1"), "--memory-gb: expected a number above 0"),
        (("--online", "--snr-db", "1", "2", "3"), "--snr-db: expected one SNR or LOW HIGH"),
        (("--resume",), "expected the folder of a run"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, more, said):
    assert main_train(arguments(tmp_path, *more)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and error.startswith("muspipe-train: error: ")
    assert not (tmp_path / "run").exists()


def test_missing_data_and_weights(tmp_path, capsys):
    assert main_train(arguments(tmp_path, "--data", str(tmp_path / "none"), "--preset", "small")) == 2
    assert "none" in capsys.readouterr().err
    (tmp_path / "run2").mkdir()
    weights = ["--weights", str(tmp_path / "no.h5")]
    assert main_train(["twitch", "--out", str(tmp_path / "run2"), *NEW, *weights]) == 2
    assert "no.h5" in capsys.readouterr().err
    assert not (tmp_path / "run2").exists()  # so that the next try may have the name


def test_threads_are_limited_before_numpy_is_loaded(tmp_path):
    """NumPy's threads and the backend's wait for each other: a training was five times slower."""
    import subprocess
    import sys

    code = (
        "import sys, muspipe.runtime as backend\n"
        "def load(memory_gb): print('numpy' in sys.modules, 'keras' in sys.modules); sys.exit(0)\n"
        "backend.load_keras = load\n"
        f"from muspipe.cli import main_train; main_train(['twitch', '--online', '--out', {str(tmp_path / 'run')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stdout + done.stderr
