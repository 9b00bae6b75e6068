"""The tables of the READMEs hold the numbers of experiments/results/*.csv."""

import csv
import json
import re
import sys
from pathlib import Path

import h5py
import pytest

from experiments import fig09, fig10, inference_defaults, published_table, tables
from muspipe.evaluation.stored import COLUMNS
from muspipe.training.history import read_history

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ("paper", "physiological")
FIVE = ("recall", "precision", "segmentation_recall", "segmentation_precision", "roa")


def read_raw(path, sequences="100"):
    """{(scenario, method, snr_db, units, metric): (mean, sd)} as texts. sequences: of every cell."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    found = {tuple(row[:5]): tuple(row[5:7]) for row in rows[1:]}
    assert {row[7] for row in rows[1:]} == {sequences}
    assert len(found) == len(rows) - 1
    return found


RAW, NOW = {}, {}
for scenario in SCENARIOS:
    RAW |= read_raw(ROOT / f"experiments/results/{scenario}.csv")
    NOW |= read_raw(ROOT / f"experiments/results/now_{scenario}.csv")
"""All noise levels, by the methods as they were; 10 dB, as they are."""


def table_after(text, start):
    """Rows of cells of the first Markdown table after a text, its head first."""
    lines = text[text.index(start) :].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            return rows
        if not line.startswith("|---"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def assert_shows(cell, keys, raw=RAW):
    """A cell such as "0.99 / 0.998" has the raw means of these keys. The files have three decimals, so that the last
    of two may have been rounded from either side."""
    shown = re.findall(r"\d+\.\d+", cell)
    assert len(shown) == len(keys)
    for text, key in zip(shown, keys, strict=True):
        slack = 0.5 * 10.0 ** -len(text.split(".")[1]) + (0.0005 if len(text) < 5 else 0)
        assert abs(float(text) - float(raw[key][0])) <= slack + 1e-9, (key, text)


def test_the_table_of_the_readme():
    head, *rows = table_after((ROOT / "README.md").read_text(encoding="utf-8"), "## How well it works")
    assert [name.split(":")[0] for name in head[2:6]] == ["`hybrid`", "`deep`", "`ica`", "stICA, our implementation"]
    assert [row[:2] for row in rows] == [[s, n] for s in SCENARIOS for n in ("1", "5", "15", "25")]
    three = ("recall", "precision", "roa")
    columns = (("hybrid", FIVE, NOW), ("deep", FIVE, NOW), ("ica", three, NOW), ("stica", three, RAW))
    assert head[6] == "the paper's networks, trained here: the same"
    columns += (("noise", FIVE, read_printed("noise")),)
    for scenario, n_units, *cells in rows:
        for cell, (method, metrics, raw) in zip(cells, columns, strict=False):
            assert_shows(cell, [(scenario, method, "10", n_units, metric) for metric in metrics], raw)


def test_the_methods_as_they_are():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "## Every method on the paper's test set")
    assert len(rows) == 12 and head[2:] == ["ica", "deep", "hybrid"]
    for scenario, n_units, *cells in rows:
        for cell, method in zip(cells, head[2:], strict=True):
            assert_shows(cell, [(scenario, method, "10", n_units, metric) for metric in FIVE], NOW)


def test_the_reliability_is_that_of_its_file():
    with open(ROOT / "experiments/results/reliability.csv", encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert all(abs(row["mean_score"] - row["share_true"]) < 0.05 for row in rows) and len(rows) == 10
    share = {round(row["from"], 1): f"{row['share_true']:.0%}".replace("%", " %") for row in rows}
    text = " ".join((ROOT / "experiments/README.md").read_text(encoding="utf-8").split())
    assert f"score of 0.8-0.9 are motor units in {share[0.8]} of the cases, those of 0.3-0.4 in {share[0.3]}" in text
    guide = " ".join((ROOT / "muspipe/README.md").read_text(encoding="utf-8").split())
    assert f"of those scored 0.8 to 0.9, {share[0.8]} are" in guide


def test_summaries_of_experiments():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "Recall / precision at 10 dB")
    assert len(rows) == 12
    for scenario, n_units, *cells in rows:
        for cell, method in zip(cells, head[2:], strict=True):
            assert_shows(cell, [(scenario, method, "10", n_units, metric) for metric in FIVE[:2]])
    head, *rows = table_after(text, "Pixel recall / pixel precision / RoA of the units found, 25 units")
    for name, *cells in rows:
        scenario, metrics = name.split(",")[0], ("seconds",) if "seconds" in name else FIVE[2:]
        for cell, method in zip(cells, head[1:], strict=True):
            assert_shows(cell, [(scenario, method, "10", "25", metric) for metric in metrics])


def test_trained_with_and_without_noise():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "### Trained with and without noise")
    columns = [(method, snr_db) for method in ("compact, clean", "compact") for snr_db in ("inf", "20", "10")]
    assert len(rows) == 12
    for scenario, n_units, *cells in rows:
        for cell, (method, snr_db) in zip(cells, columns, strict=True):
            assert_shows(cell, [(scenario, method, snr_db, n_units, metric) for metric in FIVE[:2]])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tables_of_blind_source_separation(scenario):
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, f"### Scenario {scenario}")
    columns = [("ica", m) for m in FIVE] + [("stica", m) for m in (*FIVE[:3], "roa")]
    assert len(rows) == 18
    for snr_db, n_units, *cells in rows:
        for cell, (method, metric) in zip(cells, columns, strict=True):
            mean, sd = RAW[scenario, method, snr_db, n_units, metric]
            assert cell == f"{mean} ({sd})"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_full_tables(scenario):
    text = (ROOT / f"experiments/results_{scenario}.md").read_text(encoding="utf-8")
    seen = set()
    for metric, title in tables.METRICS.items():
        head, *rows = table_after(text, f"## {title}")
        for snr_db, n_units, *cells in rows:
            for cell, method in zip(cells, head[2:], strict=True):
                key = scenario, method, snr_db, n_units, metric
                mean, sd = (float(value) if value else None for value in RAW[key])
                assert cell == tables.shown({"mean": mean, "sd": sd})
                seen.add(key)
    assert seen == {key for key in RAW if key[0] == scenario}


def test_twitch_trains_of_the_true_territories():
    """Means alone were kept, but for ica, which is of the units that it found."""
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "## Twitch trains of the true territories")
    raw = {}
    for scenario in SCENARIOS:
        raw |= read_raw(ROOT / f"experiments/results/twitch_true_{scenario}.csv")
    methods = [name.replace("`", "") for name in head[3:-1]]
    shown = {}
    for scenario, snr_db, n_units, *cells in rows:
        for method, cell in zip(methods, cells[:-1], strict=True):
            shown[scenario, method, snr_db, n_units, "roa"] = (cell, "")
        assert cells[-1] == RAW[scenario, "ica", snr_db, n_units, "roa"][0]
    assert shown == raw and len(raw) == 2 * 18 * 4


PRINTED = ROOT / "experiments/printed"
TRAININGS = ("seg-clean", "seg-noise", "twitch-clean", "twitch-noise")


def read_printed(kind):
    """Of both scenarios, all 36 cells; of the networks trained without noise, one scenario may be all."""
    places = [PRINTED / f"eval-{kind}{ending}.csv" for ending in ("", "-physiological")]
    found = {}
    for place in filter(Path.is_file, places):
        found |= read_raw(place)
    return found


def test_the_networks_of_the_paper():
    """Every cell that is kept is shown: 100 sequences, five metrics."""
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "| trained | scenario | SNR [dB] |")
    units = [re.match(r"\d+", cell)[0] for cell in head[3:]]
    raw = {"with noise": read_printed("noise"), "without": read_printed("clean")}
    seen = dict.fromkeys(raw, 0)
    for trained, scenario, snr_db, *cells in rows:
        method = "noise" if trained == "with noise" else "clean"
        for n_units, cell in zip(units, cells, strict=True):
            assert_shows(cell, [(scenario, method, snr_db, n_units, metric) for metric in FIVE], raw[trained])
            seen[trained] += len(FIVE)
    assert seen == {trained: len(found) for trained, found in raw.items()} and seen["with noise"] == 36 * len(FIVE)


def test_the_twitch_network_of_the_paper():
    raw = read_printed("twitch-noise")
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "RoA with the true territories, by number of motor\nunits")
    shown = [(s, snr_db, n, cell) for s, snr_db, *cells in rows for n, cell in zip(head[2:], cells, strict=True)]
    for s, snr_db, n_units, cell in shown:
        assert_shows(cell, [(s, "twitch-noise", snr_db, n_units, "roa")], raw)
        assert float(cell) > 0.90, "the published number"
    assert len(shown) == len(raw) == 36


def test_the_trainings_of_the_papers_networks():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "| network | trained | steps |")
    summaries = [json.loads((PRINTED / name / "summary.json").read_text(encoding="utf-8")) for name in TRAININGS]
    for (_, _, steps, hours, best, _), summary in zip(rows, summaries, strict=True):
        assert summary["reason"] == "finished"
        assert (steps, hours) == (f"{summary['step']:,}", f"{summary['hours']:.2f}")
        assert best == f"{summary['best']['val_loss']:.3f} at step {summary['best']['step']:,}"
    kept = [path for path in PRINTED.rglob("*") if path.suffix in (".csv", ".json", ".md")]
    assert not any(word in path.read_text(encoding="utf-8") for path in kept for word in ("/tmp", "/work"))


def test_the_table_of_the_papers_networks_is_made_of_what_is_kept():
    rows = published_table.rows_of(PRINTED)
    settings = json.loads((PRINTED / "replicate.json").read_text(encoding="utf-8"))["settings"]
    assert published_table.markdown(rows, settings) == (PRINTED / "table.md").read_text(encoding="utf-8")
    kept = read_raw(PRINTED / "eval-stica.csv")
    assert len(kept) == 18 * len(FIVE)
    for key, values in kept.items():
        assert [float(value) for value in values] == [float(value) for value in RAW[key]]


def test_what_single_defaults_of_detection_cost():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "| option | value | 1 unit |")
    with open(ROOT / "experiments/results/inference_defaults.csv", encoding="utf-8", newline="") as file:
        raw = {(r["option"], r["value"], r["units"], r["metric"]): (r["mean"],) for r in csv.DictReader(file)}
    units = [re.match(r"\d+", cell)[0] for cell in head[2:]]
    for option, value, *cells in rows:
        for n_units, cell in zip(units, cells, strict=True):
            keys = [(option.strip("`"), value, n_units, metric) for metric in inference_defaults.METRICS]
            assert_shows(cell, keys, raw)
    assert len(raw) == len(rows) * len(units) * len(inference_defaults.METRICS)


def test_the_anchors():
    """What they fit, and what a short training of each finds."""
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    head, *rows = table_after(text, "| anchors | sides [px] |")
    with open(ROOT / "experiments/results/anchors.csv", encoding="utf-8", newline="") as file:
        fits = {row["anchors"]: row for row in csv.DictReader(file)}
    with open(ROOT / "experiments/results/trials_anchors.csv", encoding="utf-8", newline="") as file:
        trained = {row["trial"].removeprefix("compact, anchors "): row for row in csv.DictReader(file)}
    assert [row[0] for row in rows] == list(fits) == list(trained) and {row["units"] for row in fits.values()} == {
        "1680"
    }
    for name, _, large, none, *found in rows:
        assert [large, none] == [f"{float(fits[name][column]):.2f}" for column in ("iou_from_0.7", "iou_below_0.3")]
        for cell, n_units in zip(found, (5, 15, 25), strict=True):
            assert cell == " / ".join(trained[name][f"{metric}, {n_units} units"] for metric in FIVE[:2])


def test_what_matterports_defaults_cost():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "### What Matterport's defaults cost without any error of the network")
    with open(ROOT / "experiments/results/ceilings.csv", encoding="utf-8", newline="") as file:
        raw = {label: values for label, *values in csv.reader(file)}
    assert len(rows) == 9
    for label, *values in rows:
        assert raw[re.sub(r" \([^)]*\)", "", label)] == values


def test_long_recordings():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "## Long and large recordings")
    with open(ROOT / "experiments/results/long.csv", encoding="utf-8", newline="") as file:
        raw = list(csv.DictReader(file))
    assert len(rows) == len(raw) and raw
    for cells, row in zip(rows, raw, strict=True):
        side, shares = row["side_px"], (f"{float(row[name]):.3f}" for name in ("recall", "precision", "roa"))
        size = f"{side} x {side}", f"{float(row['duration_s']):g}", row["units"]
        cost = f"{float(row['processor_s']):.1f}", f"{float(row['peak_gb']):.2f}"
        assert cells == [row["scenario"], f"`{row['method']}`", *size, *cost, *shares]


def test_the_networks_that_come_with_muspipe():
    """Sizes and numbers of weights are those of the files."""
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "## The networks that come with muspipe")
    files = {path.stem: path for path in (ROOT / "muspipe/models/files").glob("*.h5")}
    assert {row[0].strip("`") for row in rows} == set(files)
    for name, _, _, size in rows:
        path = files[name.strip("`")]
        with h5py.File(path) as file:
            n = sum(array.size for array in file.values())
        assert size == f"{path.stat().st_size / 1e6:.1f} MB, {n / 1e6:.2f} M weights"


def test_what_evidence_for_doublets_gains():
    stored = read_raw(ROOT / "experiments/results/doublets.csv", "10")
    head, *rows = table_after((ROOT / "experiments/README.md").read_text(encoding="utf-8"), "Two firings much closer")
    for units, *cells in rows:
        for title, cell in zip(head[1:], cells, strict=True):
            scenario, snr = title.removesuffix(" dB").split(", ")
            keys = [(scenario, when, snr, units, "roa_discharges") for when in ("before", "after")]
            assert cell == ", ".join(f"{float(stored[key][0]):.3f}" for key in keys)


RESULTS = {
    "README.md": {
        ("scenario", "units", "`hybrid`: recall"): "results/now_paper.csv",
        ("case", "units", "target"): "results/robustness.csv",
    },
    "muspipe/export/README.md": {
        ("length", "right, wrong pairs; delay off by, median and most"): "results/emg_pairs.csv",
    },
    "muspipe/README.md": {},
    "muspipe/echoes/README.md": {},
    "muspipe/training/README.md": {},
    "simulator/README.md": {},
    "experiments/README.md": {
        ("SNR [dB]", "units", "recall"): "results/paper.csv",
        ("case", "units", "target"): "results/robustness.csv",
        ("scenario", "units", "ica"): "results/now_paper.csv",
        ("scenario", "units", "stica"): "results/paper.csv",
        ("scenario", "stica"): "results/paper.csv",
        ("scenario", "units", "clean-trained: no noise"): "results/paper.csv",
        ("scenario", "SNR [dB]", "units", "`twitch-refit`"): "results/twitch_true_paper.csv",
        ("scenario", "SNR [dB]", "1"): "printed/eval-twitch-noise.csv",
        ("trained", "scenario", "SNR [dB]", "1 unit"): "printed/eval-noise.csv",
        ("network", "trained", "steps"): "printed",
        ("option", "value", "1 unit"): "results/inference_defaults.csv",
        ("scenario", "case", "trains"): "results/discharges.csv",
        ("units", "echo, 25 dB", "physiological, 10 dB"): "results/doublets.csv",
        ("scenario", "units", "stica", "stjade"): "results/field.csv",
        ("scenario", "firings a second", "trains of"): "results/field.csv",
        ("choice", "value", "ica"): "results/ablation.csv",
        ("", "sequences: training, validation, test"): None,  # what is planned, and hours that --estimate gives
        ("training", "steps", "hours"): "replicate",
        ("", "1 unit", "25 units"): "replicate",
        ("scenario", "method", "image [px]"): "results/long.csv",
        ("anchors", "sides [px]"): "results/anchors.csv",
        ("units", "1", "5"): "results/ceilings.csv",
        ("file", "preset", "trained on", "size"): "../muspipe/models/files",
    },
}
"""How the head of each table of measured numbers begins, and the file that they are from."""


@pytest.mark.parametrize("readme", RESULTS)
def test_every_table_of_numbers_has_its_file(readme):
    """A table with decimal numbers that nobody has entered here has none."""
    lines = (ROOT / readme).read_text(encoding="utf-8").splitlines()
    seen = set()
    for i in (i for i, line in enumerate(lines) if line.startswith("|---")):
        rest = lines[i + 1 :]
        rows = rest[: next((k for k, line in enumerate(rest) if not line.startswith("|")), len(rest))]
        head = [cell.strip() for cell in lines[i - 1].strip("|").split("|")]
        begins = [b for b in RESULTS[readme] if all(h.startswith(w) for h, w in zip(head, b, strict=False))]
        if sum(len(re.findall(r"\b\d+\.\d", row)) for row in rows) > len(rows) or begins:
            assert begins, f"{head}: its numbers have no file"
            seen |= set(begins)
    assert seen == set(RESULTS[readme])
    assert all((ROOT / "experiments" / file).exists() for file in RESULTS[readme].values() if file)


REPLICATED = ROOT / "experiments/replicate"


def test_what_has_been_run_of_the_replication():
    text = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    _, *rows = table_after(text, "| training | steps | hours |")
    names = ["seg-clean", "seg-noise", "twitch-clean", "twitch-noise"]
    assert [row[0].strip("`") for row in rows] == names
    for name, (_, steps, hours, best) in zip(names, rows, strict=True):
        summary = json.loads((REPLICATED / name / "summary.json").read_text(encoding="utf-8"))
        assert summary["reason"] == "finished"
        assert (steps, hours) == (str(summary["step"]), f"{summary['hours']:.2f}")
        assert best == f"{summary['best']['val_loss']:.3f} at step {summary['best']['step']}"
    _, *rows = table_after(text, "Recall of the pipeline, RoA of the true territories")
    found = {}
    for name in ("eval-noise", "eval-clean", "eval-twitch-noise", "eval-twitch-clean"):
        cells = json.loads((REPLICATED / name / "metrics.json").read_text(encoding="utf-8"))["cells"]
        means = {(cell["n_units"], cell["snr_db"]): cell["roa" if "twitch" in name else "recall"] for cell in cells}
        assert {cell["n_sequences"] for cell in cells} == {3}
        found[name] = [f"{means[at]['mean']:.3f}" for at in ((1, "inf"), (25, "inf"), (25, 10.0))]
    assert [row[1:] for row in rows] == list(found.values())


@pytest.mark.parametrize(("figure", "digits"), [(fig09, 2), (fig10, 3)])
def test_losses_of_the_trainings_drawn(figure, digits):
    said = " ".join(figure.__doc__.split())
    clean, noise = (read_history(run / "history.csv") for run in figure.RUNS)
    ends = [f"{row['loss']:.{digits}f}" for rows in (clean, noise) for row in (rows[0], rows[-1])]
    assert "training loss from {} to {}, then from {} to {}".format(*ends) in said
    validated = [[row["val_loss"] for row in rows if row["val_loss"] == row["val_loss"]] for rows in (clean, noise)]
    ends = [f"{value:.{digits}f}" for values in validated for value in (values[0], values[-1])]
    assert "validation loss from {} to {}, with noise from {} to {}".format(*ends) in said


def test_the_table_of_the_replication_is_made_of_what_is_kept():
    rows = published_table.rows_of(REPLICATED)
    settings = json.loads((REPLICATED / "replicate.json").read_text(encoding="utf-8"))["settings"]
    assert published_table.markdown(rows, settings) == (REPLICATED / "table.md").read_text(encoding="utf-8")
    texts = [
        path.read_text(encoding="utf-8") for path in REPLICATED.rglob("*") if path.suffix != ".png" and path.is_file()
    ]
    assert len(texts) == 4 * 2 + 5 + 4 and not any("/tmp" in text or "/work" in text for text in texts)


def test_tables_are_written_with_their_raw_numbers(tmp_path, monkeypatch):
    missing = {"mean": None, "sd": None}
    cells = [
        {"snr_db": "inf", "n_units": 1, "recall": {"mean": 2 / 3, "sd": 0.25}, "n_sequences": 2},
        {"snr_db": 10.0, "n_units": 5, "recall": missing, "n_sequences": 2},
    ]
    data = {"scenario": "paper", "seed": 1, "split": "test"}
    (tmp_path / "run").mkdir()
    metrics = {"method": "ica", "settings": {}, "data": data, "cells": cells}
    (tmp_path / "run/metrics.json").write_text(json.dumps(metrics))
    out = tmp_path / "t.md"
    command = ["tables.py", f"mine={tmp_path / 'run'}", "--metrics", "recall", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    tables.main()
    assert "| inf | 1 | 0.667 (0.25) |" in out.read_text() and "| 10 | 5 | - |" in out.read_text()
    assert read_raw(tmp_path / "results/paper.csv", "2") == {
        ("paper", "mine", "inf", "1", "recall"): ("0.6666666666666666", "0.25"),
        ("paper", "mine", "10", "5", "recall"): ("", ""),
    }
