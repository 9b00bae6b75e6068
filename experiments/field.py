"""The field's methods and ours on the same data: what each finds, and firings by each rule at 5, 10 and 30 a second.

    python experiments/field.py --out runs/field --limit 20      # the first 20 sequences of each cell
    python experiments/field.py --out runs/field --limit 20 --store   # and into results/field.csv and field.png

Sequences of one second, simulated here, of seed 1702250 (nothing was tuned on it): scenarios paper and physiological at
10 dB, echo at 25 dB; 5, 15 and 25 units, and 15 units that fire at 5, 10 and 30 a second. Every sequence is identified
by `muspipe.identify`, prepared alike, with each method's defaults. About 4 s of processor time a sequence for all
methods, 12 minutes for 20 sequences a cell. A killed run goes on; sequences come index after index, so that all cells
have as many. Writes field.csv (a row a cell, method and metric: mean, SD, sequences), field.png, and prints the tables.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from cases import CASES, sequence_of
from matplotlib.figure import Figure
from tqdm import tqdm

from muspipe import identify
from muspipe.evaluation.metrics import EDGE_S, compare, match_territories, rate_of_agreement
from muspipe.firings import RULES
from muspipe.firings.find import find_firings
from muspipe.recordings.recording import Recording
from muspipe.recordings.simulated import truth_of
from simulator.shared.files import atomic_path
from simulator.shared.threads import one_blas_thread

HERE = Path(__file__).resolve().parent
SCENARIOS = {"paper": CASES["paper"], "physiological": CASES["physiological"], "echo": CASES["all"]}
METHODS = ("stica", "stjade", "stsobi", "spca", "velbss", "ica", "deep", "hybrid")
COUNTS, RATES_HZ = (5, 15, 25), (5, 10, 30)
ANY_RATE = 0
"""Stands for the scenario's own rates, 8-13 a second."""
CELLS = [(scenario, n_units, ANY_RATE) for scenario in SCENARIOS for n_units in COUNTS]
CELLS += [(scenario, 15, rate_hz) for scenario in SCENARIOS for rate_hz in RATES_HZ]
FIRING_METHODS = ("stica", "hybrid")
"""Whose trains the rules are compared on: the separation as published, and our default."""
FOUND = ("recall", "precision", "segmentation_recall", "roa")
METRICS = (*FOUND, *(f"firings {rule}" for rule in RULES), "seconds")
COLUMNS = ("scenario", "units", "rate_hz", "method", "metric", "mean", "sd", "sequences")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=20, help="sequences a cell")
    parser.add_argument("--seed", type=int, default=1702250)
    parser.add_argument("--store", action="store_true", help="also into experiments/results and experiments")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    journal = args.out / "sequences.jsonl"
    rows = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    done = {(*row["cell"], row["index"], row["seed"]) for row in rows}
    todo = [(cell, index) for index in range(args.limit) for cell in CELLS if (*cell, index, args.seed) not in done]
    if todo:
        measured(CELLS[0], 0, args.seed + 1, ("deep",))  # loads the networks, whose time is no sequence's
    with open(journal, "a", encoding="utf-8") as file:
        for cell, index in tqdm(todo, unit="sequence", disable=None):
            rows.append(measured(cell, index, args.seed))
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    cells = summarise([row for row in rows if row["seed"] == args.seed and row["index"] < args.limit])
    for folder in (args.out, HERE) if args.store else (args.out,):
        write_csv(folder / "results/field.csv" if folder == HERE else folder / "field.csv", cells)
        with atomic_path(folder / "field.png") as temporary:
            drawn(cells).savefig(temporary, format="png", dpi=110)
    print(found_table(cells), firings_table(cells), sep="\n\n")


@one_blas_thread()
def measured(cell, index, seed, methods=None):
    """A row of the journal: one sequence by every method, {method: {metric: value}}."""
    scenario, n_units, rate_hz = cell
    case = SCENARIOS[scenario]
    if rate_hz:
        case = dataclasses.replace(case, config=dataclasses.replace(case.config, firing_rate_hz=(rate_hz, rate_hz)))
    sequence, velocity = sequence_of(case, n_units, seed, index)
    true = truth_of(sequence)
    recording = Recording(velocity, frame_rate_hz=true.frame_rate_hz, pixel_mm=true.pixel_mm)
    row = {"cell": cell, "index": index, "seed": seed, "methods": {}}
    for method in methods or (FIRING_METHODS if rate_hz else METHODS):
        start = time.process_time()
        found = identify(recording, method, firings="paper")
        seconds = time.process_time() - start
        metrics = firings_by_rule(found, true) if rate_hz else compare(found, true, "paper")
        metrics = {name: metrics[name] for name in METRICS if name in metrics} | {"seconds": round(seconds, 3)}
        row["methods"][method] = {name: None if value != value else value for name, value in metrics.items()}
    return row


def firings_by_rule(found, true):
    """Rate of agreement with the true discharges by each rule, mean over the units found; NaN if there are none."""
    pairs = match_territories(found.territories, true.territories)
    ends = {"neutral_before_s": EDGE_S, "neutral_after_s": true.duration_s - EDGE_S}
    means = {}
    for rule in RULES:
        times_s = find_firings(found.twitch_trains[pairs[0]], found.frame_rate_hz, rule).times_s
        roa = [rate_of_agreement(a, true.firings[i], **ends) for a, i in zip(times_s, pairs[1], strict=True)]
        means[f"firings {rule}"] = float(np.mean(roa)) if roa else float("nan")
    return means


def summarise(rows):
    """{(scenario, units, rate, method): {metric: (mean, SD, sequences)}}"""
    values = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for method, metrics in row["methods"].items():
            for name, value in metrics.items():
                values[(*row["cell"], method)][name] += [] if value is None else [value]
    return {
        key: {name: (np.mean(v), np.std(v, ddof=1) if len(v) > 1 else 0.0, len(v)) for name, v in own.items() if v}
        for key, own in values.items()
    }


def write_csv(path, cells):
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for key in sorted(cells, key=lambda key: (CELLS.index(key[:3]), METHODS.index(key[3]))):
            for name, (mean, sd, n) in cells[key].items():
                writer.writerow((*key, name, f"{mean:.4f}", f"{sd:.4f}", n))


def read_csv(path):
    """The cells of a CSV of `write_csv`."""
    cells = defaultdict(dict)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["scenario"], int(row["units"]), int(row["rate_hz"]), row["method"]
            cells[key][row["metric"]] = float(row["mean"]), float(row["sd"]), int(row["sequences"])
    return dict(cells)


def _shown(cell, metrics):
    return " / ".join(f"{cell[name][0]:.2f}" if name in cell else "-" for name in metrics)


def found_table(cells):
    """Markdown: recall / precision / pixel recall / RoA of each method by scenario and number of units."""
    lines = ["| scenario | units | " + " | ".join(METHODS) + " |", "|---|---:|" + "---|" * len(METHODS)]
    for cell in CELLS:
        if cell[2] == ANY_RATE:
            values = [_shown(cells.get((*cell, method), {}), FOUND) for method in METHODS]
            lines.append(f"| {cell[0]} | {cell[1]} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def firings_table(cells):
    """Markdown: RoA with the true discharges by each rule, on trains of two methods, by scenario and rate."""
    lines = ["| scenario | firings a second | trains of | " + " | ".join(RULES) + " |"]
    lines.append("|---|---:|---|" + "---:|" * len(RULES))
    for cell in CELLS:
        for method in FIRING_METHODS if cell[2] else ():
            values = [_shown(cells.get((*cell, method), {}), [f"firings {rule}"]) for rule in RULES]
            lines.append(f"| {cell[0]} | {cell[2]} | {method} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def drawn(cells):
    """A column a scenario: recall and precision by the number of units, and firings by the rate."""
    figure = Figure(figsize=(11, 9.5), layout="constrained")
    axes = figure.subplots(3, 3, sharey="row")
    colours = dict(zip(METHODS, "#D55E00 #E69F00 #F0E442 #999999 #CC79A7 #56B4E9 #0072B2 #009E73".split(), strict=True))
    for column, scenario in zip(axes.T, SCENARIOS, strict=True):
        for axis, metric in zip(column[:2], FOUND[:2], strict=True):
            for method, colour in colours.items():
                own = [cells.get((scenario, n, ANY_RATE, method), {}).get(metric, (np.nan,))[0] for n in COUNTS]
                ours = method in METHODS[5:]
                axis.plot(COUNTS, own, "o-" if ours else "s--", color=colour, ms=5, label=method)
            axis.set(xticks=COUNTS, xlabel="motor units", ylim=(-0.03, 1.03))
        for rule, colour in zip(RULES, ("#009E73", "#D55E00", "#0072B2"), strict=True):
            for method, line in zip(FIRING_METHODS, ("s--", "o-"), strict=True):
                name = f"firings {rule}"
                own = [cells.get((scenario, 15, r, method), {}).get(name, (np.nan,))[0] for r in RATES_HZ]
                column[2].plot(RATES_HZ, own, line, color=colour, ms=5, label=f"{rule}, {method}")
        column[2].set(xticks=RATES_HZ, xlabel="firings a second, 15 units", ylim=(-0.03, 1.03))
        column[0].set_title(f"scenario {scenario}")
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    for row, label in zip(axes, ("recall", "precision", "RoA with the true discharges"), strict=True):
        row[0].set_ylabel(label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=8, frameon=False)
    figure.legend(*axes[2, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return figure


if __name__ == "__main__":
    main()
