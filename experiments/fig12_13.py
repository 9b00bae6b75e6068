"""Frames of a 5-unit and a 15-unit sequence, like Figs. 12 and 13 of the paper.

Command: python experiments/fig12_13.py [--out experiments] [--snr-db DB]
Time: 3 seconds.
Expected: fig12.png (5 units) and fig13.png (15 units), 8 frames each, 125 ms apart, velocity in one colour scale.

The sequences are those of fig07_08.py (scenario paper, seed 2020, 20 dB): ours, as the published ones are not
available.
"""

import argparse
from pathlib import Path

from muspipe.figures.frames import draw_frames
from muspipe.recordings.simulated import recording_of
from simulator import SimulationConfig, simulate
from simulator.shared.files import atomic_path

EXAMPLES = {"fig12.png": 5, "fig13.png": 15}
"""File: number of motor units."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the figures")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("--snr-db", type=float, default=20.0, metavar="DB")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, n_units in EXAMPLES.items():
        sequence = simulate(SimulationConfig.scenario("paper", n_units=n_units), args.seed)
        title = f"{n_units} motor units, {args.snr_db:g} dB"
        figure = draw_frames(recording_of(sequence, args.snr_db), title=title)
        with atomic_path(args.out / name) as temporary:
            figure.savefig(temporary, dpi=200)
        print(args.out / name)


if __name__ == "__main__":
    main()
