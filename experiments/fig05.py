"""Pixel recall and precision of networks trained without and with noise, like Fig. 5 of the paper.

Command: python experiments/fig05.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of our compact networks: recall 0.94-0.96, precision 0.96-0.97 in every cell. Published: both above 0.80
at every number of units and noise level.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of the stored results; by default it is that of
our compact Mask R-CNN, scenario paper, 100 sequences a cell, as the paper's own networks have not been trained. It
differs from these in anchors, NMS, optimiser and data, too (departures.md).
Which panels the printed figure has is not in our notes: here they are those of Fig. 4.
"""

import argparse
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.stored import read_evaluation
from muspipe.figures.panels import draw_panels
from simulator.shared.files import atomic_path

HERE = Path(__file__).resolve().parent
CLEAN, NOISE = HERE / "results/paper.csv:compact, clean", HERE / "results/paper.csv:compact"
METRICS = ("segmentation_recall", "segmentation_precision")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", default=CLEAN, metavar="EVALUATION", help="of networks trained without noise")
    parser.add_argument("--noise", default=NOISE, metavar="EVALUATION", help="of networks trained with noise")
    parser.add_argument("--of", default="our compact networks", metavar="NETWORKS", help="what they are, for the title")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the figure")
    args = parser.parse_args()
    try:
        trained = {"clean": read_evaluation(args.clean), "noise": read_evaluation(args.noise)}
    except InputError as error:
        parser.error(str(error))
    statements = json.loads((HERE / "published.json").read_text(encoding="utf-8"))["statements"]
    figure = draw_panels(METRICS, trained, statements, f"Units found by {args.of}")
    args.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out / "fig05.png") as temporary:
        figure.savefig(temporary, dpi=160)
    print(args.out / "fig05.png")


if __name__ == "__main__":
    main()
