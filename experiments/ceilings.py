"""Which of Matterport's defaults hold the paper's segmentation back? What a network without errors would still lose.

Command: python experiments/ceilings.py [--scenario paper] [--sequences 50] [--seed 77] [--out results/ceilings.csv]
Time: 1 minute.
Expected: results/ceilings.csv, and the table of README.md.
Nothing is trained: true boxes and masks take the place of what a network finds, and one option is changed at a time.

anchors   share of the units that some positive anchor of the RPN is to be moved to (Matterport's rule: IoU >= 0.7, or
          the best of all anchors); the others are no one's target
NMS       share of the true boxes that are kept among the detections of an image, scores being in random order
masks     pixel recall and precision of true masks that went through s x s pixels in their true box and back, and
          the share of units of which IoU > 0.5 is left
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from simulator.shared.files import atomic_path

N_UNITS = (1, 5, 10, 15, 20, 25)
NMS = (0.3, 0.5, 0.6, 0.7)
SIDES = (14, 28, 56)


def targeted(masks, anchors):
    """Share of the units, bool (n, H, W), that some positive anchor (A, 4) is moved to."""
    from mrcnn.rpn_targets import match_anchors
    from muspipe.data.geometry import boxes_of_masks

    match, nearest = match_anchors(anchors, boxes_of_masks(masks), np.zeros((0, 4)))
    return len(np.unique(nearest[match == 1])) / len(masks)


def kept(sequences, threshold):
    """Share of the true boxes of all sequences, a list of masks (n, H, W), that are left by NMS."""
    from keras import ops

    from mrcnn.nms import nms
    from muspipe.data.geometry import boxes_of_masks

    boxes = np.stack([boxes_of_masks(masks) for masks in sequences]).astype(np.float32)
    scores = np.random.default_rng(0).random(boxes.shape[:2]).astype(np.float32)
    _, real = nms(boxes, scores, threshold, boxes.shape[1])
    return float(ops.convert_to_numpy(real).mean())


def through(masks, side):
    """(pixel recall, pixel precision, share with IoU > 0.5) of true masks that went through side x side pixels."""
    from mrcnn.masks import minimize_mask, unmold_mask
    from muspipe.data.geometry import boxes_of_masks
    from muspipe.evaluation.metrics import match_territories, pixel_agreement

    boxes = boxes_of_masks(masks).astype(int)
    small = minimize_mask(boxes, np.moveaxis(masks, 0, -1), (side, side)).astype(np.float32)
    again = np.stack([unmold_mask(small[..., i], box, masks.shape[1:]) for i, box in enumerate(boxes)])
    pixels = pixel_agreement(again, masks)
    return pixels["recall"].mean(), pixels["precision"].mean(), len(match_territories(again, masks)[0]) / len(masks)


def rows(sequences):
    """(label, one value for each of N_UNITS); sequences: {n_units: list of masks (n, H, W)}."""
    from mrcnn.anchors import config_anchors
    from muspipe.models import get_preset
    from muspipe.models.segmentation import ANCHORS

    def means(function):
        return np.array([np.mean([function(masks) for masks in sequences[n]], axis=0) for n in N_UNITS])

    for name in ANCHORS:
        anchors = config_anchors(get_preset("seg", "paper").changed({"anchors": name}).config())
        yield f"anchors {name}: units targeted", means(lambda masks, anchors=anchors: targeted(masks, anchors))
    for threshold in NMS:
        yield f"NMS {threshold}: units kept", np.array([kept(sequences[n], threshold) for n in N_UNITS])
    for side in SIDES:
        values = means(lambda masks, side=side: through(masks, side))
        for i, what in enumerate(("pixel recall", "pixel precision", "units with IoU > 0.5")):
            yield f"masks {side} x {side}: {what}", values[:, i]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="paper", choices=("paper", "physiological"))
    parser.add_argument("--sequences", type=int, default=50, help="of each number of motor units")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/ceilings.csv", metavar="FILE")
    args = parser.parse_args()

    from muspipe.runtime import load_keras

    load_keras()
    from muspipe.data.sources import OnlineSource
    from simulator import SimulationConfig

    sequences = {}
    for n in N_UNITS:
        config = SimulationConfig.scenario(args.scenario, n_units=(n, n))
        source = OnlineSource(config, args.seed + n, args.sequences)
        sequences[n] = [source[i].territories for i in range(len(source))]
    print(f"scenario {args.scenario}, seed {args.seed}, {args.sequences} sequences a number of motor units\n")
    table = [[label, *(f"{value:.3f}" for value in values)] for label, values in rows(sequences)]
    with atomic_path(args.out) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["units", *N_UNITS], *table])
    print("| units | " + " | ".join(map(str, N_UNITS)) + " |\n|---" + "|---:" * len(N_UNITS) + "|")
    for row in table:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
