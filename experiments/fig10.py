"""Losses of the twitch network over the hours of its training, like Fig. 10 of the paper.

Command: python experiments/fig10.py [RUN ...] [--out experiments]
Time: 3 seconds, the training not counted.
Expected, by default of the small replication kept in replicate/ (replicate.py --preset compact --scale 0.03: 90 steps
of our small network without noise, 18 with it): training loss from 0.154 to 0.035, then from 0.084 to 0.047; validation
loss from 0.101 to 0.054, with noise from 0.067 to 0.055. Published: 17 h, the best network at about 10 h, quick
overfitting. Ours cannot show it: no crop came twice.

A RUN is a folder of `muspipe-train twitch`, or a history.csv; several follow each other, as one without noise and the
one with noise that goes on from it. Hours and steps are counted on.
"""

from drawing import HERE, losses

RUNS = [HERE / "replicate" / name for name in ("twitch-clean", "twitch-noise")]


def main():
    losses("fig10.png", __doc__, runs=RUNS, title="Losses of the twitch network")


if __name__ == "__main__":
    main()
