"""Detection recall and precision of networks trained without and with noise, like Fig. 4 of the paper.

Command: python experiments/fig04.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of our compact networks: recall falls from 1.00 (1 unit) to 0.92-0.91 (25 units), precision stays at 0.99 or
above, at every noise level and however they were trained. Published: recall from 0.90 to 0.60 by Fig. 4B, "> 80 %" by
the text; trained without noise, both greatly reduced at 10 dB, which ours are not.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of the stored results; by default it is that of
our compact Mask R-CNN, scenario paper, 100 sequences a cell, as the paper's own networks have not been trained. It
differs from these in anchors, NMS, optimiser and data, too (departures.md).
Panels as in the paper: A, B recall, C, D precision; A, C trained without noise, B, D with it.
"""

from drawing import HERE, trained_without_and_with_noise

STORED = HERE / "results/paper.csv"
METRICS = ("recall", "precision")


def main():
    stored = {"clean": f"{STORED}:compact, clean", "noise": f"{STORED}:compact"}
    trained_without_and_with_noise(
        "fig04.png", __doc__, METRICS, **stored, title="Detection by", of="our compact networks"
    )


if __name__ == "__main__":
    main()
