"""Losses of the twitch network over the hours of its training, like Fig. 10 of the paper.

Command: python experiments/fig10.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected, by default of the paper's own network as kept in printed/ (1,200 steps of 32 crops without noise, 300 with
it): training loss from 0.101 to 0.021, then from 0.017 to 0.022; validation loss from 0.080 to 0.014, with noise from
0.110 to 0.014. Published: 17 h, the best network at about 10 h, quick overfitting. Ours cannot show it: no crop came
twice.

A RUN is a folder of `muspipe-train twitch`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import HERE, losses

RUNS = [HERE / "printed" / name for name in ("twitch-clean", "twitch-noise")]


def main():
    losses("fig10.png", __doc__, runs=RUNS, title="Losses of the twitch network")


if __name__ == "__main__":
    main()
