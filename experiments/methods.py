"""Methods beside each other: detection, pixels and rate of agreement against the number of motor units, with the
numbers of the paper.

Command: python experiments/methods.py [[LABEL=]EVALUATION ...] [--snr-db DB] [--out FILE]
Time: 6 seconds, the evaluations not counted.
Expected: without arguments, of the stored results of both scenarios, methods_paper.png and methods_physiological.png
(all methods at 10 dB) and ica_paper.png and ica_physiological.png (ica and stica at all noise levels). Recall at 25
units and 10 dB, scenario paper: hybrid 0.99, ica 0.99, centre 0.96, compact 0.92, stica 0.90.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of the stored results. Published numbers are drawn
as marks and lines where all are of scenario paper.
"""

import argparse
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.stored import read_evaluation
from muspipe.figures.metrics import draw_metrics
from simulator.shared.files import atomic_path

HERE = Path(__file__).resolve().parent
STORED = {"methods": (("stica", "ica", "compact", "centre", "hybrid"), 10.0), "ica": (("ica", "stica"), None)}
"""Picture of the stored results: (its methods, SNR [dB] or None for all)."""


def read_evaluations(places):
    """{label: metrics} of evaluations of one data set, given as LABEL=EVALUATION or EVALUATION."""
    found = {}
    for place in places:
        label, equals, rest = place.partition("=")
        metrics = read_evaluation(rest if equals else place)
        label = label if equals else metrics["method"]
        if label in found:
            raise InputError(f"{place}: a second evaluation of {label}: tell them apart with LABEL={place}")
        found[label] = metrics
    keys = ("scenario", "seed", "split", "shards")
    sets = {json.dumps([metrics["data"].get(key) for key in keys]) for metrics in found.values()}
    if len(sets) != 1:
        raise InputError("expected evaluations of one data set, got several: compare methods on the same data")
    return found


def draw(places, snr_db, out):
    """Write the picture of some evaluations."""
    metrics, statements = read_evaluations(places), []
    if all(m["data"]["scenario"] == "paper" for m in metrics.values()):  # the published numbers are of that scenario
        statements = json.loads((HERE / "published.json").read_text(encoding="utf-8"))["statements"]
    figure = draw_metrics(metrics, snr_db, statements)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=160)
    print(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluations", nargs="*", metavar="[LABEL=]EVALUATION")
    parser.add_argument("--snr-db", type=float, metavar="DB", help="only this noise level, each method in a colour")
    parser.add_argument("--out", type=Path, help="of given evaluations, the picture; default methods.png")
    args = parser.parse_args()
    try:
        if args.evaluations:
            draw(args.evaluations, args.snr_db, args.out or Path("methods.png"))
            return
        for scenario in ("paper", "physiological"):
            for name, (methods, snr_db) in STORED.items():
                places = [f"{HERE / f'results/{scenario}.csv'}:{method}" for method in methods]
                draw(places, snr_db, HERE / f"{name}_{scenario}.png")
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
