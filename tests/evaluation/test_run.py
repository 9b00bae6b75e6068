"""Evaluation of a whole (small) data set: numbers, resumption, table and figure."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from muspipe.evaluation import run
from muspipe.evaluation.stored import parted, read_evaluation
from muspipe.evaluation.table import markdown_table
from muspipe.figures.metrics import PANELS, draw_metrics
from simulator import SimulationConfig
from simulator.generate import generate_dataset

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate") / "data"
    generate_dataset(folder, SimulationConfig.scenario("paper", n_units=(1, 3)), 1, 2, 0, 6, workers=1)
    return folder


@pytest.fixture(scope="module")
def metrics(data, tmp_path_factory):
    return run.evaluate(data, "ica", tmp_path_factory.mktemp("out"), snrs_db=(np.inf, 10), workers=1)


def without_times(metrics):
    cells = [{k: v for k, v in cell.items() if k != "seconds"} for cell in metrics["cells"]]
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics["sequences"]]
    return cells, rows


def test_every_sequence_at_every_noise_level(metrics):
    done = {(row["snr_db"], row["index"]) for row in metrics["sequences"]}
    assert done == {(snr, i) for snr in ("inf", 10.0) for i in range(6)}
    assert [(c["snr_db"], c["n_units"]) for c in metrics["cells"]] == [
        (snr, n) for snr in ("inf", 10.0) for n in (1, 5, 10, 15, 20, 25)
    ]
    assert metrics["cells"][0]["recall"] == {"mean": 1.0, "sd": None, "n": 1}
    assert metrics["data"]["scenario"] == "paper" and metrics["settings"]["territory_level"] == 0.3
    json.dumps(metrics, allow_nan=False)


def test_mean_and_sd():
    identity = {"data": {"scenario": "paper"}}
    row = {name: 0.5 for name in run.METRICS} | {"n_found": 1, "seconds": 0.1, "snr_db": 20.0, "n_true": 5}
    rows = [row | {"index": i, "recall": r, "roa": a} for i, (r, a) in enumerate([(0.2, None), (0.4, 0.9), (0.9, 0.7)])]
    (cell,) = run.summarise(identity, rows)["cells"]
    assert cell["recall"]["mean"] == pytest.approx(0.5)
    assert cell["recall"]["sd"] == pytest.approx(math.sqrt((0.09 + 0.01 + 0.16) / 2))
    assert cell["roa"] == {"mean": pytest.approx(0.8), "sd": pytest.approx(0.1 * math.sqrt(2)), "n": 2}
    assert cell["n_sequences"] == 3


def test_workers_do_not_matter(data, metrics, tmp_path):
    again = run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf, 10), workers=2)
    assert without_times(again) == without_times(metrics)


def test_a_killed_run_goes_on(data, metrics, tmp_path):
    """Broken off after the first part, with a half-written line; what was finished is not done again."""

    def interrupt(done, of):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf, 10), workers=1, progress=interrupt)
    journal = tmp_path / run.JOURNAL
    finished = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    assert len(finished) == run.CHUNK
    with open(journal, "a", encoding="utf-8") as file:
        file.write('{"index": 5, "snr')
    seen = []
    again = run.evaluate(
        data, "ica", tmp_path, snrs_db=(np.inf, 10), workers=1, progress=lambda *counts: seen.append(counts)
    )
    assert without_times(again) == without_times(metrics)
    assert seen[0] == (run.CHUNK, 12) and seen[-1] == (12, 12)
    assert all(row in again["sequences"] for row in finished)  # their times are those of the first run


def test_another_evaluations_journal_is_refused(data, tmp_path):
    run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf,), limit=1, workers=1)
    with pytest.raises(ValueError, match="unfinished evaluation with other method, settings: finish that one"):
        run.evaluate(data, "stica", tmp_path, workers=1)
    with pytest.raises(ValueError, match="unfinished evaluation with other settings: finish that one"):
        run.evaluate(data, "ica", tmp_path, workers=1, settings={"seed": 1})
    with pytest.raises(ValueError, match="unfinished evaluation with other firings: finish that one"):
        run.evaluate(data, "ica", tmp_path, workers=1, firings="paper")
    for damaged in (b"garbage\n3\n", b"\xff\xfe\n", b"3\n3\n"):
        (tmp_path / run.JOURNAL).write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged.*--overwrite"):
            run.evaluate(data, "ica", tmp_path, workers=1)


def test_an_evaluation_that_failed_does_not_keep_its_folder(data, tmp_path, monkeypatch):
    """One that has finished nothing leaves nothing; of one that has, `overwrite` drops the work."""

    def fail(*_):
        raise ValueError("wrong from the start")

    with monkeypatch.context() as patched, pytest.raises(ValueError, match="wrong from the start"):
        patched.setattr(run, "_run", fail)
        run.evaluate(data, "stica", tmp_path, workers=1)
    assert not list(tmp_path.iterdir())
    journal = tmp_path / run.JOURNAL
    journal.write_text('{"method": "stica"}\n{"index": 0}\n')
    with pytest.raises(ValueError, match="of an unfinished evaluation with other method.*--overwrite"):
        run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf,), limit=1, workers=1)
    monkeypatch.setattr(run, "_run", lambda tasks, *_: [[{"index": i, "snr_db": "inf", "n_true": 1} for i, _ in tasks]])
    monkeypatch.setattr(run, "summarise", lambda identity, rows: rows)
    assert len(run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf,), overwrite=True)) == 6
    first, *rows = map(json.loads, journal.read_text().splitlines())
    assert first["method"] == "ica" and len(rows) == 6


def test_seconds_have_a_file_of_their_own(metrics, tmp_path):
    rest, taken = parted(metrics)
    assert "seconds" not in json.dumps(rest) and rest["data"] == metrics["data"]
    assert [row["seconds"] for row in taken["sequences"]] == [row["seconds"] for row in metrics["sequences"]]
    (tmp_path / "metrics.json").write_text(json.dumps(rest))
    (tmp_path / "seconds.json").write_text(json.dumps(taken))
    assert read_evaluation(tmp_path)["cells"] == metrics["cells"]
    for damaged in ("{}", '{"cells": [3]}', "["):
        (tmp_path / "seconds.json").write_text(damaged)
        with pytest.raises(ValueError, match="seconds.json: damaged"):
            read_evaluation(tmp_path)


def test_noise_level_reaches_the_method(data):
    """The one unit of the first sequence is found until it drowns in noise."""
    rows = run._rows(str(data), "test", "ica", {}, [(0, np.inf), (0, 20.0), (0, -40.0)])
    assert [row["recall"] for row in rows] == [1, 1, 0] and [row["snr_db"] for row in rows] == ["inf", 20.0, -40.0]
    assert rows[0]["dice"] >= rows[1]["dice"] > 0.9 and rows[2]["roa"] is None


def test_the_rule_reaches_the_metrics(data, monkeypatch):
    monkeypatch.setattr(run, "compare", lambda found, true, rule: {"roa": rule})
    for rule in ("discharges", "paper"):
        (row,) = run._rows(str(data), "test", "ica", {}, [(0, np.inf)], firings=rule)
        assert row["roa"] == rule
    with pytest.raises(ValueError, match="firings: expected one of discharges, paper, cbss, got 'peaks'"):
        run.evaluate(data, "ica", data, firings="peaks")


def test_the_oracle_is_told_the_truth(data):
    (row,) = run._rows(str(data), "test", "twitch-true", {"signals": "least-squares"}, [(5, np.inf)])
    assert row["recall"] == row["precision"] == row["dice"] == row["roa"] == 1 and row["n_found"] == row["n_true"] == 25


def test_a_noise_level_named_twice_counts_once(data, tmp_path):
    (cell,) = run.evaluate(data, "ica", tmp_path, snrs_db=(20, 20.0), limit=1, workers=1)["cells"][:1]
    assert cell["n_sequences"] == 1


def test_damaged_data_are_noticed(data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "copy")
    shard = copy / "test-00000.h5"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        run.evaluate(copy, "ica", tmp_path, workers=1)


def test_limit_is_per_number_of_units(data):
    assert run._choose(np.array([1, 1, 1, 5, 5, 5]), 2) == [0, 1, 3, 4]
    assert run._choose(np.array([1, 5]), None) == [0, 1]


def test_table(metrics):
    lines = markdown_table(metrics).splitlines()
    assert lines[0].startswith("Method ica, scenario paper, test set of seed 1")
    assert len(lines) == 4 + 12 and len({len(line) for line in lines[2:]}) == 1
    assert lines[4].split("|")[1:4] == ["      inf ", "     1 ", "         1 "]


def test_figure_has_a_panel_for_each_metric(metrics):
    figure = draw_metrics({"ica": metrics, "other": metrics})
    assert [axis.get_ylabel() for axis in figure.axes] == list(PANELS.values())
    lines = figure.axes[0].get_legend_handles_labels()[1]
    assert lines == ["ica, no noise", "ica, 10 dB", "other, no noise", "other, 10 dB"]
    figure = draw_metrics({"ica": metrics, "other": metrics}, snr_db=10.0)
    handles, lines = figure.axes[0].get_legend_handles_labels()
    assert lines == ["ica", "other"] and len({handle[0].get_color() for handle in handles}) == 2


@pytest.mark.parametrize("script", ["tables.py", "methods.py"])
def test_comparisons_of_methods(metrics, script, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
    out = tmp_path / ("out.md" if script == "tables.py" else "out.png")
    words = [f"{label}={tmp_path / label}" for label in ("one", "two")] + ["--out", str(out)]
    subprocess.run([sys.executable, ROOT / "experiments" / script, *words], cwd=ROOT, check=True, env=ENV)
    if script == "tables.py":
        (recall,) = [cell["recall"] for cell in metrics["cells"] if (cell["snr_db"], cell["n_units"]) == (10.0, 1)]
        shown = f"{recall['mean']:.3f} ({recall['sd']:.2f})" if recall["sd"] is not None else f"{recall['mean']:.3f}"
        assert f"| 10 | 1 | {shown} | {shown} |" in out.read_text()
    else:
        assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("contraction", "agree"), [("positive", True), ("negative", False)])
def test_the_preparation_reaches_the_oracle(data, contraction, agree):
    """Upside down, the one unit of the first sequence peaks where it relaxes fastest."""
    settings = {"signals": "least-squares", "prepare.contraction": contraction}
    (row,) = run._rows(str(data), "test", "twitch-true", settings, [(0, np.inf)], firings="paper")
    assert (row["roa"] == 1) == agree


def test_sequences_are_in_the_order_of_the_cells_and_those_not_asked_for_are_left_out(data, tmp_path, monkeypatch):
    """A journal that holds more, of 10 dB before no noise, and is gone on with."""
    monkeypatch.setattr(
        run,
        "_run",
        lambda tasks, *_: [[{"index": i, "snr_db": run._json_number(snr), "n_true": 1} for i, snr in tasks]],
    )
    monkeypatch.setattr(run, "summarise", lambda identity, rows: [(row["snr_db"], row["index"]) for row in rows])
    assert len(run.evaluate(data, "ica", tmp_path, snrs_db=(10, np.inf))) == 12
    assert run.evaluate(data, "ica", tmp_path, snrs_db=(10, np.inf), limit=1) == [
        *(("inf", i) for i in range(6)), *((10.0, i) for i in range(6))
    ]  # fmt: skip
    assert run.evaluate(data, "ica", tmp_path, snrs_db=(np.inf,), limit=1) == [("inf", i) for i in range(6)]
