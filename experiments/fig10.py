"""Losses of the twitch network over the hours of its training, like Fig. 10 of the paper.

Command: python experiments/fig10.py RUN ... [--out experiments]
Time: 3 seconds, the training not counted.
Expected: of `twitch-clean` and `twitch-noise` of replicate.py, two stretches of losses. Published: 17 h, the best
network at about 10 h, quick overfitting. None of our runs is kept as a default.

A RUN is a folder of `muspipe-train twitch`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import losses


def main():
    losses("fig10.png", __doc__, runs=None, title="Losses of the twitch network")


if __name__ == "__main__":
    main()
