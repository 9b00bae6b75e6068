"""muspipe-train preview on the command line."""

import pytest

from muspipe.cli import main_train
from simulator import SimulationConfig
from simulator.generate import generate_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of 4 sequences; not to be changed."""
    folder = tmp_path_factory.mktemp("preview") / "set"
    generate_dataset(folder, SimulationConfig.scenario("physiological"), 1, 4, 0, 0, workers=1)
    return folder


@pytest.mark.parametrize("task, examples", [("seg", "sequences"), ("twitch", "crops")])
def test_a_batch_is_drawn_and_the_pipeline_measured(data, tmp_path, capsys, task, examples):
    picture = tmp_path / "batch.png"
    words = ["preview", str(data), "--task", task, "--out", str(picture), "--snr-db", "10", "30", "--batch-size", "3"]
    assert main_train([*words, "--seconds", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "4 sequences" in out and f"{examples}/s in batches of 3" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main_train(words) == 2
    assert "exists already; give --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, said",
    [
        (["--out", "a.jpg"], "expected a file ending in .png"),
        (["--task", "both"], "--task: expected one of seg, twitch, got 'both'"),
        (["--batch-size", "0"], "--batch-size: expected an integer from 1 to 10000 or none, got 0"),
        (["--seed", "-1"], "--seed: expected an integer from 0, got -1"),
        (["--snr-db", "nan"], "--snr-db: expected a number or 2 values"),
        (["--snr-db", "10", "inf"], "snr_db: expected decibels, a finite range (low, high) or inf, got (10.0, inf)"),
        (["--seconds", "0"], "--seconds: expected a number above 0 up to 3600 [s], got 0"),
        (["--split", "odd"], "odd"),
    ],
)
def test_bad_input_is_one_line(data, tmp_path, capsys, more, said):
    assert main_train(["preview", str(data), "--out", str(tmp_path / "a.png"), *more]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_data_set_is_noticed(tmp_path, capsys):
    generate_dataset(tmp_path / "set", SimulationConfig.scenario("paper"), 1, 4, 0, 0, workers=1)
    shard = tmp_path / "set" / "train-00000.h5"
    content = bytearray(shard.read_bytes())
    content[-10_000] ^= 1
    shard.write_bytes(content)
    assert main_train(["preview", str(tmp_path / "set"), "--out", str(tmp_path / "a.png")]) == 2
    assert "train-00000.h5" in capsys.readouterr().err and not (tmp_path / "a.png").exists()
