"""muspipe-train seg and twitch on the command line."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from muspipe.cli import COMMANDS, main_train
from muspipe.training.history import read_history

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("dense_before=[8]", "gru=4", "dense_after=[4]")
NEW = ("--online", "--steps", "4", "--batch-size", "4", "--val-batches", "1")
NEW += tuple(word for pair in (*SMALL, "val_every=2") for word in ("--set", pair))


def arguments(folder, *more):
    return ["twitch", "--out", str(folder / "run"), *more]


def refused(capsys, words):
    """The error of a command that was refused, one line."""
    assert main_train(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("muspipe-train: error: ")
    return error


@pytest.fixture(scope="module")
def one_step(tmp_path_factory):
    """A folder with a run of one step; not to be changed."""
    folder = tmp_path_factory.mktemp("training")
    assert main_train(arguments(folder, *NEW, "--max-minutes", "0")) == 0
    return folder


def test_a_run_and_its_resumption(tmp_path, capsys):
    watched = ("--metrics-every", "3")
    assert main_train(arguments(tmp_path, *NEW, "--snr-db", "20", "--max-minutes", "0", *watched)) == 0
    assert "time is up at step 1 of 4" in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["snr_db"] == 20.0 and config["preset"]["gru"] == 4
    assert config["settings"]["val_every"] == 2  # of the run, by --set too
    own = ("--preset", "compact", "--snr-db", "20", "--set", "gru=4")
    assert main_train(arguments(tmp_path, "--resume", *own)) == 0
    *_, last = read_history(tmp_path / "run/history.csv")
    assert last["step"] == 4 and 0 <= last["roa"] <= 1  # after the last step, too, and watched as before
    out = capsys.readouterr().out
    assert "finished at step 4 of 4" in out and "best.weights.h5" in out and "peak memory process" in out


def test_a_finished_run_goes_on_with_more_steps(one_step, tmp_path, capsys):
    shutil.copytree(one_step / "run", tmp_path / "run")
    said = refused(capsys, arguments(tmp_path, "--resume", "--steps", "3"))
    assert "--resume --steps: expected at least 4, the run's steps, got 3" in said
    assert main_train(arguments(tmp_path, "--resume", "--steps", "5", "--checkpoint-minutes", "0")) == 0
    assert "finished at step 5 of 5" in capsys.readouterr().out


def test_another_run_is_not_resumed(one_step, capsys):
    before = {path: path.stat().st_mtime_ns for path in (one_step / "run").rglob("*")}
    assert len(before) > 4
    for more, said in (
        (("--resume", "--preset", "refit"), "has preset 'compact', got 'refit'"),
        (("--resume", "--set", "gru=5"), "has set gru 4, got 5"),
        (("--resume", "--snr-db", "10", "30"), "has snr-db None, got (10.0, 30.0)"),
        (NEW, "exists already; give --resume"),
    ):
        assert said in refused(capsys, arguments(one_step, *more))
    said = refused(capsys, ["seg", "--out", str(one_step / "run"), "--resume"])
    assert "has task 'twitch', got 'seg'" in said
    assert {path: path.stat().st_mtime_ns for path in (one_step / "run").rglob("*")} == before


@pytest.mark.parametrize(
    "more, said",
    [
        ((), "expected --data DIR"),
        (("--online", "--preset", "huge"), "preset of twitch: expected one of paper, compact"),
        (("--online", "--steps", "0"), "--steps: expected an integer from 1 or none, got 0"),
        (("--online", "--seed", "x"), "--seed: expected an integer from 0, got 'x'"),
        (("--online", "--memory-gb", "-1"), "--memory-gb: expected a number above 0 or none [GB], got -1"),
        (("--online", "--max-minutes", "nan"), "--max-minutes: expected a number from 0 or none, got nan"),
        (("--online", "--devices", "0"), "--devices: expected an integer from 1, got 0"),
        (("--online", "--snr-db", "1", "2", "3"), "--snr-db: expected a number or 2 values"),
        (("--online", "--clean-share", "1.5"), "--clean-share: expected a number from 0 to 1, got 1.5"),
        (("--online", "--set", "gur=4"), "has no setting 'gur'"),
        (("--online", "--set", "val_every=0"), "--set val_every: expected an integer from 1, got 0"),
        (("--online", "--seed", "1", "--set", "seed=2"), "--set seed: --seed says 1, got 2"),
        (("--online", "--set", "gru"), "--set: expected NAME=VALUE, got 'gru'"),
        (("--online", "--until-phase", "noise"), "until_phase: expected one of all, got 'noise'"),
        (("--online", "--from-phase", "all"), "from_phase all: expected --weights, a run of the phases before"),
        (("--online", "--weights", "no.h5"), "weights 'no.h5': expected a file, a run folder, one of"),
        (
            ("--online", "--random-start", "--weights", "twitch-compact"),
            "random_start: expected no --weights beside it",
        ),
        (("--resume",), "expected the folder of a run"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, more, said):
    assert said in refused(capsys, arguments(tmp_path, *more))
    assert not (tmp_path / "run").exists()


def test_the_papers_schedule_needs_the_papers_weights(tmp_path, capsys):
    words = ["seg", "--out", str(tmp_path / "run"), "--online", "--schedule", "paper"]
    said = refused(capsys, words)
    assert "expected --weights mask_rcnn_coco.h5, as the paper's ResNet-101 and Mask R-CNN started from COCO" in said
    assert "--random-start keeps a random resnet frozen for 20,000 steps all the same" in said
    assert not (tmp_path / "run").exists()


def test_what_could_not_begin_leaves_nothing(tmp_path, capsys):
    assert "none" in refused(capsys, arguments(tmp_path, "--data", str(tmp_path / "none")))
    (tmp_path / "run2").mkdir()
    weights = ["--weights", "seg-compact"]  # of another network
    assert "seg-compact" in refused(capsys, ["twitch", "--out", str(tmp_path / "run2"), *NEW, *weights])
    assert list(tmp_path.iterdir()) == []  # so that the next try may have the name


@pytest.mark.parametrize("name", COMMANDS["muspipe-train"])
def test_help_loads_nothing_heavy(name):
    code = (
        f"import sys, muspipe.cli\ntry:\n    muspipe.cli.main_train([{name!r}, '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print('heavy:', sorted({'numpy', 'scipy', 'h5py', 'matplotlib', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"
