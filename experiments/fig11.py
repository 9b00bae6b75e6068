"""How the rate of agreement is computed, on firings like those of Fig. 11 of the paper.

Command: python experiments/fig11.py [--out experiments]
Time: 2 seconds.
Expected: fig11.png; c = 7 firings matched, A = 3 only found, B = 2 only true: RoA = 7 / 12 = 0.583.

Two firings match within 15 ms, one-to-one. The counts and the rate come from muspipe.evaluation.metrics; the
instants are ours, as the printed ones are not known.
"""

import argparse
from pathlib import Path

from muspipe.evaluation.metrics import rate_of_agreement
from muspipe.figures.agreement import draw_agreement
from simulator.shared.files import atomic_path

FOUND_S = (0.060, 0.160, 0.250, 0.350, 0.440, 0.530, 0.630, 0.730, 0.840, 0.930)
TRUE_S = (0.068, 0.150, 0.363, 0.434, 0.556, 0.627, 0.680, 0.850, 0.918)
"""Rising times [s]; 0.530 found and 0.556 true are 26 ms apart, too far to agree."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.out / "fig11.png") as temporary:
        draw_agreement(FOUND_S, TRUE_S).savefig(temporary, dpi=200)
    print(f"{args.out / 'fig11.png'}: RoA {rate_of_agreement(FOUND_S, TRUE_S):.3f} (published: 0.583)")


if __name__ == "__main__":
    main()
