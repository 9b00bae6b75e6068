"""Pixel recall and precision of networks trained without and with noise, like Fig. 5 of the paper.

Command: python experiments/fig05.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of the paper's own networks after 3,000 and 3,600 steps of 600,000: recall 0.92-0.95, precision 0.97-0.98 in
every cell. Published: both above 0.80 at every number of units and noise level.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of stored results; by default those kept in
printed/, scenario paper, 100 sequences a cell.
Which panels the printed figure has is not in our notes: here they are those of Fig. 4.
"""

from drawing import HERE, trained_without_and_with_noise

STORED = {kind: HERE / f"printed/eval-{kind}.csv" for kind in ("clean", "noise")}
METRICS = ("segmentation_recall", "segmentation_precision")


def main():
    trained_without_and_with_noise(
        "fig05.png", __doc__, METRICS, **STORED, title="Units found by", of="the paper's networks, briefly trained"
    )


if __name__ == "__main__":
    main()
