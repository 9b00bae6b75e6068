"""Which defaults of detection hold a trained segmentation network back? One is changed at a time; nothing is trained.

Command: python experiments/inference_defaults.py --network RUN [--sequences 10] [--seed 77] [--snr-db 10]
Time: 5 minutes for the paper's network on one core.
Expected: results/inference_defaults.csv, and the table of README.md.

RUN is the folder of a training, a weight file or the name of a network of the package, of a Mask R-CNN. What errors it
makes by itself stays the same; ceilings.py says what one without errors would lose. Sequences of scenario paper.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from tqdm import tqdm

from simulator.shared.files import atomic_path

N_UNITS = (1, 5, 10, 15, 20, 25)
METRICS = ("recall", "precision", "pixel recall", "pixel precision")
CHANGES = (
    ("DETECTION_NMS_THRESHOLD", (0.4, 0.5, 0.6)),
    ("RPN_NMS_THRESHOLD", (0.8, 0.9)),
    ("DETECTION_MIN_CONFIDENCE", (0.5, 0.9)),
    ("mask_level", (0.3, 0.4)),
)
COLUMNS = ("option", "value", "units", "metric", "mean", "sequences")


def network_of(path, changes):
    """The network of a weight file for inference, with other options of its Mask R-CNN."""
    from muspipe.models import pretrained, weight_files
    from muspipe.models.presets import read_preset

    file = pretrained.path_of(path)
    preset = read_preset(weight_files.stored_preset(file))
    network = preset.changed({f"mask_rcnn.{name}": value for name, value in changes.items()}).build_for_inference()
    weight_files.load_into(network, file)
    return network


def measured(network, recording, truth, min_score, mask_level):
    """Values of METRICS of one recording; NaN where no unit was found."""
    from muspipe.evaluation.metrics import detection_precision, detection_recall, match_territories, pixel_agreement
    from muspipe.identification.windows import find_territories

    found, _ = find_territories(network, recording, min_score, mask_level)
    true = truth.territories
    of_found, of_true = match_territories(found, true)
    pixels = pixel_agreement(found[of_found], true[of_true])
    means = [values.mean() if len(values) else np.nan for values in (pixels["recall"], pixels["precision"])]
    return detection_recall(len(of_true), len(true)), detection_precision(len(of_found), len(found)), *means


def variants(preset):
    """(option, value, changes of the Mask R-CNN, min_score, mask_level), first the defaults of the network."""
    config = preset.config()
    yield "as it is", "", {}, None, None
    for name, values in CHANGES:
        for value in values:
            if name == "mask_level":
                yield name, value, {}, None, value
            elif value != getattr(config, name):
                yield name, value, {name: value}, value if name == "DETECTION_MIN_CONFIDENCE" else None, None


def rows(path, sequences):
    """Rows of COLUMNS. sequences: {n_units: list of (recording, truth)}."""
    plain = network_of(path, {})
    for option, value, changes, *detection in tqdm(list(variants(plain.preset)), unit="option"):
        network = network_of(path, changes) if changes else plain
        for n_units, pairs in sequences.items():
            found = np.array([measured(network, *pair, *detection) for pair in pairs])
            for metric, mean in zip(METRICS, np.nanmean(found, axis=0), strict=True):
                yield option, value, n_units, metric, f"{mean:.4f}", len(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True, help="folder of a training, weight file or name")
    parser.add_argument("--sequences", type=int, default=10, help="of each number of motor units")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--snr-db", type=float, default=10.0, metavar="DB")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/inference_defaults.csv")
    args = parser.parse_args()

    from muspipe.recordings.simulated import recording_of, truth_of
    from muspipe.runtime import load_keras
    from simulator import SimulationConfig, simulate

    load_keras()
    sequences = {}
    for n_units in N_UNITS:
        config = SimulationConfig.scenario("paper", n_units=n_units)
        simulated = [simulate(config, args.seed + 1000 * n_units + i) for i in range(args.sequences)]
        sequences[n_units] = [(recording_of(one, args.snr_db), truth_of(one)) for one in simulated]
    table = list(rows(args.network, sequences))
    with atomic_path(args.out) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *table])
    print("| option | value | " + " | ".join(map(str, N_UNITS)) + " |\n|---|---:" + "|---" * len(N_UNITS) + "|")
    shown = {}
    for option, value, n_units, _, mean, _ in table:
        shown.setdefault((option, value), {}).setdefault(n_units, []).append(f"{float(mean):.2f}")
    for (option, value), cells in shown.items():
        print(f"| {option} | {value} | " + " | ".join(" / ".join(cells[n]) for n in N_UNITS) + " |")


if __name__ == "__main__":
    main()
