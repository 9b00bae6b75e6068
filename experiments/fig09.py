"""Losses of the segmentation network over the hours of its training, like Fig. 9 of the paper.

Command: python experiments/fig09.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected, by default of the paper's own network as kept in printed/ (3,000 steps of 8 sequences without noise, 600 with
it): training loss from 3.88 to 0.51, then from 0.54 to 0.51; validation loss from 13252.60 to 0.49, with noise from
0.65 to 0.49. Published: losses of 600,000 steps in 67 h.

A RUN is a folder of `muspipe-train seg`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import HERE, losses

RUNS = [HERE / "printed" / name for name in ("seg-clean", "seg-noise")]


def main():
    losses("fig09.png", __doc__, runs=RUNS, title="Losses of the segmentation network")


if __name__ == "__main__":
    main()
