"""Losses of the twitch network over the hours of its training, like Fig. 10 of the paper.

Command: python experiments/fig10.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected: XXX

A RUN is a folder of `muspipe-train twitch`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import HERE, losses

RUNS = [HERE / "replicate/twitch-clean", HERE / "replicate/twitch-noise"]


def main():
    losses("fig10.png", __doc__, runs=RUNS, title="Losses of the twitch network")


if __name__ == "__main__":
    main()
