"""Losses of the segmentation network over the hours of its training, like Fig. 9 of the paper.

Command: python experiments/fig09.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected, by default of the small replication kept in replicate/ (replicate.py --preset compact --scale 0.03: 450 steps
of our small network without noise, 90 with it): training loss from 4.01 to 0.52, then from 0.64 to 0.53; validation
loss from 2.63 to 0.55, with noise from 0.72 to 0.55. Published: losses of 600,000 steps in 67 h.

A RUN is a folder of `muspipe-train seg`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import HERE, losses

RUNS = [HERE / "replicate" / name for name in ("seg-clean", "seg-noise")]


def main():
    losses("fig09.png", __doc__, runs=RUNS, title="Losses of the segmentation network")


if __name__ == "__main__":
    main()
