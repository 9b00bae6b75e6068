import json

import pytest

from muspipe.cli import main
from simulator import SimulationConfig
from simulator.generate import generate_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate") / "data"
    generate_dataset(folder, SimulationConfig.scenario("physiological", n_units=2), 1, 0, 3, 0, workers=1)
    return str(folder)


def test_writes_numbers_table_and_picture(data, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", data, "--split", "val", "--snr-db", "20", "--limit", "2", "--jobs", "1"]
    arguments += ["--out", str(out)]
    assert main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "metrics.png", "seconds.json", "table.md"]
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text() in printed and "scenario physiological" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    (cell,) = metrics["cells"]
    assert (cell["n_units"], cell["n_sequences"], cell["snr_db"]) == (2, 2, 20.0)
    assert cell["recall"]["mean"] >= 0.5

    assert main(arguments) == 2  # there already
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--method", "stica"]) == 0
    assert json.loads((out / "metrics.json").read_text())["method"] == "stica"


@pytest.mark.parametrize(
    "changes, said",
    [
        (
            ["--method", "pca"],
            "unknown method 'pca': expected one of deep, hybrid, ica, stica, stjade, stsobi, spca, velbss, twitch-true",
        ),
        (["--split", "test"], "no split 'test': expected one of val"),
        (["--snr-db", "nan"], "--snr-db: expected decibels"),
        (["--snr", "nan"], "--snr-db: expected decibels"),  # the older name, as a beginning of the newer
        (["--set", "same_iou=nan"], "same_iou: expected a number from 0 to 1, got nan"),
        (["--set", "ica.diameter_mm=[2]"], "diameter_mm: expected 2 values"),
        (["--firings", "peaks"], "firings: expected one of discharges, paper, cbss, got 'peaks'"),
        (["--limit", "0"], "--limit: expected a number from 1"),
        (["--jobs", "-1"], "--jobs: expected an integer from 1 or none, got -1"),
        (["--jobs", "few"], "--jobs: expected an integer from 1 or none, got 'few'"),
        (["--scheduler", "tcp://localhost:1"], "expected one of jobs, scheduler and cluster"),
    ],
)
def test_bad_input_is_one_line(data, tmp_path, capsys, changes, said):
    out = tmp_path / "out"
    assert main(["evaluate", data, "--split", "val", "--jobs", "1", "--out", str(out), *changes]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error and error.startswith("muspipe: error: ")
    assert not out.exists()


def test_missing_data(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "muspipe simulate" in capsys.readouterr().err
