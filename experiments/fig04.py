"""Detection recall and precision of networks trained without and with noise, like Fig. 4 of the paper.

Command: python experiments/fig04.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of the paper's own networks after 3,000 and 3,600 steps of 600,000: recall falls from 1.00 (1 unit) to 0.73
(25 units), precision stays at 0.99 or above, at every noise level and however they were trained. Published: recall from
0.90 to 0.60 by Fig. 4B, "> 80 %" by the text; trained without noise, both greatly reduced at 10 dB, which ours are not.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of stored results; by default those kept in
printed/, scenario paper, 100 sequences a cell.
Panels as in the paper: A, B recall, C, D precision; A, C trained without noise, B, D with it.
"""

from drawing import HERE, trained_without_and_with_noise

STORED = {kind: HERE / f"printed/eval-{kind}.csv" for kind in ("clean", "noise")}
METRICS = ("recall", "precision")


def main():
    trained_without_and_with_noise(
        "fig04.png", __doc__, METRICS, **STORED, title="Detection by", of="the paper's networks, briefly trained"
    )


if __name__ == "__main__":
    main()
