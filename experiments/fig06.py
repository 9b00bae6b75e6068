"""Rate of agreement of twitch trains by networks trained without and with noise, like Fig. 6 of the paper.

Command: python experiments/fig06.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of our networks `refit`: 0.98 or above in every cell, trained without noise at most 0.005 lower.
Published: trained with noise (B) > 0.90 in every cell; without (A), nearly perfect without noise, falling with noise
and the number of units.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of the stored results; by default it is that of
the twitch networks `refit` with the true territories, scenario paper, 100 sequences a cell, of which the means alone
were kept. `refit` corrects least squares and sees the mask, which the paper's network does not (departures.md).
Panels as in the paper: A trained without noise, B with it.
"""

from drawing import HERE, trained_without_and_with_noise

STORED = HERE / "results/twitch_true_paper.csv"
METRICS = ("roa",)


def main():
    stored = {"clean": f"{STORED}:refit trained without noise", "noise": f"{STORED}:twitch-refit"}
    trained_without_and_with_noise("fig06.png", __doc__, METRICS, **stored, title="Trains by", of="our refit networks")


if __name__ == "__main__":
    main()
