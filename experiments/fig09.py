"""Losses of the segmentation network over the hours of its training, like Fig. 9 of the paper.

Command: python experiments/fig09.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected: XXX

A RUN is a folder of `muspipe-train seg`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

import argparse
from pathlib import Path

from muspipe.errors import InputError
from muspipe.training.history import draw_history, joined_histories
from simulator.shared.files import atomic_path

HERE = Path(__file__).resolve().parent
RUNS = [HERE / "replicate/seg-clean", HERE / "replicate/seg-noise"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, default=RUNS, metavar="RUN", help="in the order of training")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the figure")
    args = parser.parse_args()
    try:
        rows, marks = joined_histories(args.runs)
    except InputError as error:
        parser.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out / "fig09.png") as temporary:
        draw_history(rows, marks, "Losses of the segmentation network").savefig(temporary, dpi=160)
    print(args.out / "fig09.png")


if __name__ == "__main__":
    main()
