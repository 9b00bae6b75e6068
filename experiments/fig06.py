"""Rate of agreement of twitch trains by networks trained without and with noise, like Fig. 6 of the paper.

Command: python experiments/fig06.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of our networks `refit`: 0.98 or above in every cell, trained without noise at most 0.005 lower.
Published: trained with noise (B) > 0.90 in every cell; without (A), nearly perfect without noise, falling with noise
and the number of units.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of the stored results; by default it is that of
the twitch networks `refit` with the true territories, scenario paper, 100 sequences a cell, of which the means alone
were kept. `refit` corrects least squares and sees the mask, which the paper's network does not (departures.md).
Panels as in the paper: A trained without noise, B with it.
"""

import argparse
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.stored import read_evaluation
from muspipe.figures.panels import draw_panels
from simulator.shared.files import atomic_path

HERE = Path(__file__).resolve().parent
STORED = HERE / "results/twitch_true_paper.csv"
CLEAN, NOISE = f"{STORED}:refit trained without noise", f"{STORED}:twitch-refit"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", default=CLEAN, metavar="EVALUATION", help="of networks trained without noise")
    parser.add_argument("--noise", default=NOISE, metavar="EVALUATION", help="of networks trained with noise")
    parser.add_argument("--of", default="our refit networks", metavar="NETWORKS", help="what they are, for the title")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the figure")
    args = parser.parse_args()
    try:
        trained = {"clean": read_evaluation(args.clean), "noise": read_evaluation(args.noise)}
    except InputError as error:
        parser.error(str(error))
    statements = json.loads((HERE / "published.json").read_text(encoding="utf-8"))["statements"]
    figure = draw_panels(("roa",), trained, statements, f"Trains by {args.of}")
    args.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out / "fig06.png") as temporary:
        figure.savefig(temporary, dpi=160)
    print(args.out / "fig06.png")


if __name__ == "__main__":
    main()
