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

from drawing import HERE, trained_without_and_with_noise

STORED = HERE / "results/paper.csv"
METRICS = ("segmentation_recall", "segmentation_precision")


def main():
    stored = {"clean": f"{STORED}:compact, clean", "noise": f"{STORED}:compact"}
    trained_without_and_with_noise(
        "fig05.png", __doc__, METRICS, **stored, title="Units found by", of="our compact networks"
    )


if __name__ == "__main__":
    main()
