"""Every cell of the evaluations of several methods, as Markdown tables: mean (SD) over sequences.

    python experiments/tables.py ica=runs/paper-ica hybrid=runs/paper-hybrid --out results_paper.md

Takes a second. Expect one table per metric, with a row for each noise level and number of motor units and a column for
each method. All evaluations must be of one data set; a note says how many sequences a cell has.
"""

import argparse
import json
from pathlib import Path

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
    parser.add_argument("methods", nargs="+", metavar="LABEL=FOLDER", help="folders of `muspipe evaluate`")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = {}
    for pair in args.methods:
        label, _, folder = pair.partition("=")
        found[label] = json.loads((Path(folder) / "metrics.json").read_text())
    sets = {(m["data"]["scenario"], m["data"]["seed"], m["data"]["split"]) for m in found.values()}
    if len(sets) != 1:
        raise SystemExit(f"expected evaluations of one data set, got {sorted(sets)}")
    scenario, seed, split = sets.pop()
    parts = [f"# Scenario {scenario}, {split} set of seed {seed}\n", *notes(found)]
    parts += [table(metric, found) for metric in args.metrics]
    args.out.write_text("\n".join(parts), encoding="utf-8")
    print(args.out)


def notes(found):
    """How each method was run, one line each."""
    for label, metrics in found.items():
        settings = {k: v for k, v in metrics["settings"].items() if k in ("segmentation", "twitch", "signals")}
        settings = {k: v for k, v in settings.items() if k != "twitch" or settings.get("signals") == "network"}
        said = "".join(f", {k} {Path(v).name}" for k, v in settings.items())
        counts = sorted({cell["n_sequences"] for cell in metrics["cells"]})
        yield f"- {label}: method `{metrics['method']}`{said}; {' to '.join(map(str, counts))} sequences a cell"


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


def shown(value):
    """mean (SD), or - if it was not measured."""
    if value is None or value["mean"] is None:
        return "-"
    return f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ({value['sd']:.2f})")


if __name__ == "__main__":
    main()
