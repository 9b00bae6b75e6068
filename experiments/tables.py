"""Every cell of the evaluations of several methods, as Markdown tables: mean (SD) over sequences.

    python experiments/tables.py ica=runs/paper-ica hybrid=runs/paper-hybrid --out results_paper.md

Takes a second. Expect one table per metric, with a row for each noise level and number of motor units and a column for
each method. All evaluations must be of one data set; a note says how many sequences a cell has. Beside folders of
`muspipe evaluate`, FILE.csv:METHOD takes numbers that are stored already. The same numbers, unrounded where they are
new, go to results/SCENARIO.csv beside the tables (--csv): one row for each cell and metric, with these COLUMNS.
"""

import argparse
import csv
from pathlib import Path

from muspipe.evaluation.stored import COLUMNS, read_evaluation
from simulator.shared.files import atomic_path

METRICS = {
    "recall": "Detection recall",
    "precision": "Detection precision",
    "segmentation_recall": "Pixel recall of the units found",
    "segmentation_precision": "Pixel precision of the units found",
    "roa": "Rate of agreement of the firings of the units found",
    "seconds": "Seconds a sequence (one core, beside other work)",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="+", metavar="LABEL=EVALUATION", help="folders, or FILE.csv:METHOD")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--csv", type=Path, help="default: results/SCENARIO.csv beside --out")
    args = parser.parse_args()
    found = {}
    for pair in args.methods:
        label, _, folder = pair.partition("=")
        found[label] = read_evaluation(folder)
    sets = {
        (m["data"]["scenario"], m["data"].get("seed", 2020), m["data"].get("split", "test")) for m in found.values()
    }
    if len(sets) != 1:
        raise SystemExit(f"expected evaluations of one data set, got {sorted(sets)}")
    scenario, seed, split = sets.pop()
    parts = [f"# Scenario {scenario}, {split} set of seed {seed}\n", *notes(found)]
    parts += [table(metric, found) for metric in args.metrics]
    raw = args.csv or args.out.parent / "results" / f"{scenario}.csv"
    raw.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")
    with atomic_path(raw) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *raw_rows(scenario, found, args.metrics)])
    print(args.out, raw, sep="\n")


def notes(found):
    """How each method was run, one line each."""
    for label, metrics in found.items():
        settings = {k: v for k, v in metrics.get("settings", {}).items() if k in ("segmentation", "twitch", "signals")}
        settings = {k: v for k, v in settings.items() if k != "twitch" or settings.get("signals") == "network"}
        said = "".join(f", {k} {Path(v).name}" for k, v in settings.items())
        counts = sorted({cell["n_sequences"] for cell in metrics["cells"]})
        stored = "" if "settings" in metrics else " of an earlier version, as stored"
        yield f"- {label}: method `{metrics['method']}`{said}{stored}; {' to '.join(map(str, counts))} sequences a cell"


def table(metric, found):
    """Markdown of one metric."""
    cells = {
        label: {(c["snr_db"], c["n_units"]): c[metric] for c in metrics["cells"]} for label, metrics in found.items()
    }
    rows = list(dict.fromkeys(key for own in cells.values() for key in own))
    lines = [f"\n## {METRICS[metric]}\n", "| SNR [dB] | units | " + " | ".join(cells) + " |"]
    lines.append("|---:" * (2 + len(cells)) + "|")
    for snr_db, n_units in rows:
        values = [shown(own.get((snr_db, n_units))) for own in cells.values()]
        lines.append(f"| {snr_db:g} | {n_units} | " if snr_db != "inf" else f"| inf | {n_units} | ")
        lines[-1] += " | ".join(values) + " |"
    return "\n".join(lines)


def raw_rows(scenario, found, metrics):
    """Rows of the CSV; mean and sd empty where nothing was measured."""
    for metric in metrics:
        for label, evaluation in found.items():
            for cell in evaluation["cells"]:
                value = cell.get(metric) or {"mean": None, "sd": None}
                snr_db = f"{float(cell['snr_db']):g}"
                key = scenario, label, snr_db, cell["n_units"], metric
                yield *key, value["mean"], value["sd"], cell["n_sequences"]


def shown(value):
    """mean (SD), or - if it was not measured."""
    if value is None or value["mean"] is None:
        return "-"
    return f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ({value['sd']:.2f})")


if __name__ == "__main__":
    main()
