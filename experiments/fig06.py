"""Rate of agreement of twitch trains by networks trained without and with noise, like Fig. 6 of the paper.

Command: python experiments/fig06.py [--clean EVALUATION] [--noise EVALUATION] [--of NETWORKS] [--out experiments]
Time: 3 seconds, the evaluations not counted.
Expected, of the paper's own network after 1,200 steps of 100,000 (A) and 300 with noise (B): 0.97 or above in every
cell. Published: trained with noise (B) > 0.90 in every cell; without (A), nearly perfect without noise, falling with
noise and the number of units.

An EVALUATION is a folder of `muspipe evaluate`, or FILE.csv:METHOD of stored results; by default those kept in printed/
with the true territories, scenario paper, 30 (A) and 100 (B) sequences a cell.
Panels as in the paper: A trained without noise, B with it.
"""

from drawing import HERE, trained_without_and_with_noise

STORED = {kind: HERE / f"printed/eval-twitch-{kind}.csv" for kind in ("clean", "noise")}
METRICS = ("roa",)


def main():
    trained_without_and_with_noise(
        "fig06.png", __doc__, METRICS, **STORED, title="Trains by", of="the paper's networks, briefly trained"
    )


if __name__ == "__main__":
    main()
