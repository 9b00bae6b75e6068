"""Do the anchors of preset `paper` fit the territories? The best IoU of any anchor with each unit's box, by reading.

Command: python experiments/anchors.py
Time: 10 s.
Expected, in results/anchors.csv, seed 77, 100 training sequences of scenario paper, 1,680 units: matterport-ratio 0.22
of the units with an anchor of IoU >= 0.7 and 0.38 with none >= 0.3; territory-sized 0.33 and 0.00; matterport-default
0.00 and 1.00.
A unit without an anchor of IoU >= 0.7 still makes its best one positive (Matterport's rule), whatever its IoU.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from simulator.shared.files import atomic_path

COLUMNS = ("anchors", "units", "iou_from_0.7", "iou_from_0.5", "iou_below_0.3")
"""Shares of the units whose best anchor has such an IoU."""


def best_ious(boxes, anchors):
    """Largest IoU of each box (n, 4) with any of the anchors (A, 4), (y1, x1, y2, x2) [px]."""
    best = []
    for box in boxes:
        low, high = np.maximum(anchors[:, :2], box[:2]), np.minimum(anchors[:, 2:], box[2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        areas = np.prod(anchors[:, 2:] - anchors[:, :2], axis=1) + np.prod(box[2:] - box[:2])
        best.append((shared / (areas - shared)).max())
    return np.array(best)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/anchors.csv")
    args = parser.parse_args()

    from muspipe.runtime import load_keras

    load_keras()
    from mrcnn.anchors import config_anchors
    from muspipe.data.geometry import boxes_of_masks
    from muspipe.data.sources import OnlineSource
    from muspipe.models import get_preset
    from muspipe.models.segmentation import ANCHORS
    from simulator import SimulationConfig

    source = OnlineSource(SimulationConfig.scenario("paper"), args.seed, args.sequences)
    boxes = np.concatenate([boxes_of_masks(source[i].territories) for i in range(len(source))])
    rows = []
    for name in ANCHORS:
        config = get_preset("seg", "paper").changed({"anchors": name}).config()
        best = best_ious(boxes, config_anchors(config))
        shares = ((best >= 0.7).mean(), (best >= 0.5).mean(), (best < 0.3).mean())
        rows.append((name, len(boxes), *(f"{share:.4f}" for share in shares)))
        print(*rows[-1])
    with atomic_path(args.out) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
