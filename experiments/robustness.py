"""Recordings as scanners give them: what each method finds where tissue, noise and motion are not as the paper has
them.

    python experiments/robustness.py --out runs/robustness                 # 100 sequences a cell, hours on two cores
    python experiments/robustness.py --out runs/robustness --limit 10      # the first 10 of each

Cases are those of cases.py, with 5 and 15 motor units; every sequence is identified by `muspipe.identify` with the
defaults of each method. Writes robustness.csv (one row a case, number of units, method and metric: mean, SD, sequences)
and robustness.png (recall and precision). A killed run goes on; --methods, --cases choose some.

--seed 2020 is that of the numbers shown; settings were chosen on others (see README.md for what a look at it led to).
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
from collections import defaultdict
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
from cases import CASES, sequence_of
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from tqdm import tqdm

from simulator.shared.files import atomic_path
from simulator.shared.processes import worker_pool

METHODS = ("ica", "deep", "hybrid")
METRICS = ("recall", "precision", "dice", "mean_iou", "roa", "roa_discharges", "n_found", "seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="sequences a cell")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the methods")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    journal = args.out / "sequences.jsonl"
    rows = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    done = {(r["case"], r["units"], r["method"], r["index"], r["seed"]) for r in rows}
    todo = [
        (case, units, method, index, args.seed)
        for index in range(args.limit)
        for case in args.cases
        for units in CASES[case].counts
        for method in args.methods
        if (case, units, method, index, args.seed) not in done
    ]
    work = functools.partial(measured, settings=tuple(args.set))
    with worker_pool(min(args.workers, max(len(todo), 1))) as pool, open(journal, "a", encoding="utf-8") as file:
        futures = [pool.submit(work, *task) for task in todo]
        for future in tqdm(as_completed(futures), total=len(todo), unit="sequence", disable=None):
            rows.append(future.result())
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    rows = [r for r in rows if r["seed"] == args.seed and r["index"] < args.limit]
    cells = summarise(rows)
    write_csv(args.out / "robustness.csv", cells)
    figure = drawn(cells)
    with atomic_path(args.out / "robustness.png") as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    print(table(cells))


def measured(case, units, method, index, seed, settings=()):
    """A row of the journal: one sequence by one method."""
    import time

    from muspipe import identify
    from muspipe.evaluation.metrics import compare, match_territories
    from muspipe.recordings.recording import Recording
    from muspipe.recordings.simulated import truth_of
    from muspipe.territories import iou
    from simulator.shared.settings import parse_assignments

    sequence, velocity = sequence_of(CASES[case], units, seed, index)
    config, true = sequence.config, truth_of(sequence)
    recording = Recording(velocity, frame_rate_hz=config.frame_rate_hz, pixel_mm=config.pixel_mm)
    start = time.perf_counter()
    found = identify(recording, method, **parse_assignments(settings))
    seconds = time.perf_counter() - start
    metrics = compare(found, true)
    pairs = match_territories(found.territories, true.territories)
    overlaps = iou(found.territories, true.territories)[pairs]
    scores = [[round(float(s), 4), bool(i in set(pairs[0].tolist()))] for i, s in enumerate(found.scores)]
    metrics |= {"mean_iou": float(np.mean(overlaps)) if len(overlaps) else None, "seconds": round(seconds, 3)}
    row = {"case": case, "units": units, "method": method, "index": index, "seed": seed, "scores": scores}
    return row | {name: None if value != value else value for name, value in metrics.items()}


def summarise(rows):
    """{(case, units, method): {metric: (mean, SD, sequences)}}"""
    groups = defaultdict(list)
    for row in rows:
        groups[row["case"], row["units"], row["method"]].append(row)
    cells = {}
    for key, group in groups.items():
        cells[key] = {}
        for metric in METRICS:
            values = [row[metric] for row in group if row[metric] is not None]
            if values:
                sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
                cells[key][metric] = float(np.mean(values)), sd, len(values)
    return cells


def write_csv(path, cells):
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("case", "units", "method", "metric", "mean", "sd", "sequences"))
        for (case, units, method), metrics in sorted(cells.items(), key=lambda c: (list(CASES).index(c[0][0]), c[0])):
            for metric, (mean, sd, n) in metrics.items():
                writer.writerow((case, units, method, metric, f"{mean:.4f}", f"{sd:.4f}", n))


def read_csv(path):
    """The cells of a CSV of `write_csv`."""
    cells = defaultdict(dict)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["case"], int(row["units"]), row["method"]
            cells[key][row["metric"]] = float(row["mean"]), float(row["sd"]), int(row["sequences"])
    return dict(cells)


def table(cells, methods=None, cases=CASES):
    """Markdown: recall / precision / RoA (with the true discharges) of each case, by 5 / 15 units; false units where
    there are none. methods, cases: some of those there are."""
    methods = methods or _methods(cells)
    lines = ["| case | units | target | " + " | ".join(methods) + " |", "|---|---:|---|" + "---|" * len(methods)]
    for name in cases:
        case = CASES[name]
        for units in case.counts:
            here = {m: cells.get((name, units, m)) for m in methods}
            if not any(here.values()):
                continue
            target = " / ".join("-" if t is None else f"{t:g}" for t in case.target) if units else "0.01 false"
            row = [case.title, str(units), target]
            row += ["-" if cell is None else _words(cell, units) for cell in here.values()]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _words(cell, units):
    if units == 0:
        return f"{cell['n_found'][0]:.2f} false"
    return " / ".join(f"{cell[m][0]:.2f}" if m in cell else "-" for m in ("recall", "precision", "roa_discharges"))


def drawn(cells):
    """Recall and precision of every case: a dot a method; what is aimed at, a bar."""
    methods = _methods(cells)
    names = [name for name in CASES if any((name, units, m) in cells for units in (5, 15) for m in methods)]
    size = 11, 0.42 * len(names) + 1.6
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    colours = dict(zip(methods, ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False))
    for axis, metric, which in zip(axes, ("recall", "precision"), (0, 1), strict=True):
        for y, name in enumerate(names):
            target = CASES[name].target[which]
            if target is not None:
                axis.plot([target, target], [y - 0.4, y + 0.4], color="0.5", lw=2)
            for k, (method, colour) in enumerate(colours.items()):
                for units, marker in ((5, "o"), (15, "s")):
                    value = cells.get((name, units, method), {}).get(metric)
                    if value:
                        at = y + 0.22 * (k - (len(colours) - 1) / 2)
                        axis.plot(value[0], at, marker, color=colour, ms=5, mfc=colour if units == 15 else "white")
        shown = [cell[metric][0] for key, cell in cells.items() if key[1] and metric in cell]
        axis.set_xlim(np.floor(10 * min(shown, default=0)) / 10 - 0.01, 1.01)  # all of it, and no more
        axis.set_xlabel(metric)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), [CASES[name].title for name in names])
    axes[0].invert_yaxis()
    handles = [Line2D([], [], marker="s", ls="", color=c, label=m) for m, c in colours.items()]
    handles += [
        Line2D([], [], marker="o", ls="", color="k", mfc="white", label="5 units"),
        Line2D([], [], marker="s", ls="", color="k", label="15 units"),
        Line2D([], [], color="0.5", lw=2, label="aimed at"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def _methods(cells):
    return sorted({method for _, _, method in cells})


if __name__ == "__main__":
    main()
