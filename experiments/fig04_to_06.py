"""Figs. 4-6 of Ali et al. 2020: detection, segmentation and rate of agreement against the number of motor units.

    muspipe simulate data --train 0 --val 0 --test 600 --scenario paper --seed 2020
    muspipe evaluate data --method ica --out runs/ica
    muspipe evaluate data --method stica --out runs/stica
    python experiments/fig04_to_06.py runs/ica runs/stica --out fig04_to_06.png

About 8 min on 2 cores, most of it the evaluations. Expected with ica: recall, precision and segmentation >= 0.97 and
RoA >= 0.98 in every cell; README.md beside this file has the tables. Published numbers are drawn as
marks and lines.
"""

import argparse
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.figures.metrics import PANELS, draw_metrics
from simulator.shared.files import atomic_path

PUBLISHED = Path(__file__).with_name("published.json")
MARKS = {"network": ("_", "published network"), "stica": ("x", "published stICA")}


def add_published(figure):
    """Draw published means: marks at their numbers of motor units, lines and bands where no number is given."""
    axes = dict(zip(PANELS, figure.axes, strict=True))
    style = {"color": "black", "linewidth": 0.8}
    for statement in json.loads(PUBLISHED.read_text(encoding="utf-8"))["statements"]:
        if "values" not in statement:
            continue
        marker, label = MARKS[statement["method"]]
        for at, value in statement["values"].items():
            axis = axes[statement["metric"]]
            if at == "at_least":
                axis.axhline(value, linestyle=":", label=f"{label}, at least", **style)
            elif at == "between":
                axis.axhspan(*value, color="black", alpha=0.12, linewidth=0, label=f"{label}, range")
            else:
                axis.plot([int(at)], [value], marker=marker, markersize=5, label=label, linestyle="", **style)
    known = [pair for axis in axes.values() for pair in zip(*axis.get_legend_handles_labels(), strict=True)]
    marks = {text: handle for handle, text in known if text.startswith("published")}
    axes["segmentation_precision"].legend(marks.values(), marks, frameon=False, fontsize=6, loc="lower left")


def read_metrics(folders):
    """{label: metrics} of folders written by `muspipe evaluate`, given as LABEL=FOLDER or FOLDER, of one data set."""
    found = {}
    for folder in folders:
        label, equals, rest = folder.partition("=")
        label, folder = (label, rest) if equals else (None, folder)
        path = Path(folder) / "metrics.json"
        if not path.is_file():
            raise InputError(f"{path} is missing: make it with muspipe evaluate DATA --out {folder}")
        metrics = json.loads(path.read_text(encoding="utf-8"))
        label = label or metrics["method"]
        if label in found:
            raise InputError(f"{path}: a second evaluation of {label}: tell them apart with LABEL={folder}")
        found[label] = metrics
    sets = {json.dumps([m["data"][k] for k in ("scenario", "seed", "split", "shards")]) for m in found.values()}
    if len(sets) != 1:
        raise InputError("expected evaluations of one data set, got several: compare methods on the same data")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", metavar="[LABEL=]FOLDER", help="folders written by muspipe evaluate")
    parser.add_argument("--snr-db", type=float, metavar="DB", help="only this noise level, each method in a colour")
    parser.add_argument("--out", default="fig04_to_06.png")
    args = parser.parse_args()
    try:
        metrics = read_metrics(args.folders)
    except InputError as error:
        parser.error(str(error))
    figure = draw_metrics(metrics, args.snr_db)
    if all(m["data"]["scenario"] == "paper" for m in metrics.values()):  # the published numbers are of that scenario
        add_published(figure)
    with atomic_path(args.out) as temporary:
        figure.savefig(temporary, dpi=200)
    print(args.out)


if __name__ == "__main__":
    main()
