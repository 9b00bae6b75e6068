"""What more steps would bring: a power law through the curve of a training, and where it goes.

Command: python experiments/learning_curve.py RUN [RUN ...] --at 20000 600000 [--column loss] [--from 300]
Time: seconds.
Expected: learning_curve.png, and a line for each column and number of steps.

The law is  limit + b * steps^-c,  limit and c not below 0, by least squares of logarithms; of a column that rises to 1,
as recall, it is that of 1 - value. The range behind a number is that of all fits with a fifth of the points left out,
each fifth once: points are few and the cosine of the learning rate is in them, so this is a guess, and says how wide.
"""

import argparse
import itertools
import math
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

from muspipe.errors import InputError
from muspipe.training.history import joined_histories
from simulator.shared.files import atomic_path

RISING = ("recall", "precision", "pixel_recall", "pixel_precision", "roa")
COLUMNS = ("loss", "recall")
PARTS = 5


def law(steps, limit, b, c):
    """limit + b * (steps / 1,000)^-c."""
    return limit + b * (steps / 1000) ** -c


def fit(steps, values):
    """(limit, b, c) of the law through values of a loss, float64 (n,), after these steps; None of under 4 points."""
    if len(steps) < 4:
        return None
    low, high = [0.0, 0.0, 0.0], [max(values.min(), 1e-9), np.inf, 4.0]
    start = [0.5 * high[0], max(values[-1], 1e-6), 0.5]

    def logarithm(*parameters):
        return np.log(law(*parameters))

    return curve_fit(logarithm, steps, np.log(values), p0=start, bounds=(low, high), max_nfev=20_000)[0]


def fits(steps, values):
    """That of all points, and those without each fifth of them, every fifth point being of one."""
    left_out = [np.arange(len(steps)) % PARTS == part for part in range(PARTS)]
    return [fit(steps, values), *(fit(steps[~out], values[~out]) for out in left_out)]


def points(rows, column, first):
    """Steps and values, float64 (n,), of the rows in which the column is new, as a loss."""
    rows = [row for row in rows if row["step"] >= first and not math.isnan(row.get(column, math.nan))]
    rows = rows[:1] + [row for before, row in itertools.pairwise(rows) if row[column] != before[column]]
    steps, values = (np.array([row[name] for row in rows]) for name in ("step", column))
    return steps.astype(float), np.maximum(1 - values, 1e-3) if column in RISING else values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="in the order of training")
    parser.add_argument("--column", nargs="+", default=COLUMNS, help=f"of history.csv; default: {' '.join(COLUMNS)}")
    parser.add_argument("--from", dest="first", type=int, default=300, metavar="STEP", help="leave out those before")
    parser.add_argument("--at", nargs="+", type=int, default=[20_000, 600_000], metavar="STEPS")
    parser.add_argument("--out", type=Path, default=Path("learning_curve.png"))
    args = parser.parse_args()
    try:
        rows, _ = joined_histories(args.runs)
    except InputError as error:
        parser.error(str(error))
    found = {}
    for column in args.column:
        steps, values = points(rows, column, args.first)
        laws = [own for own in fits(steps, values) if own is not None]
        if not laws:
            parser.error(f"{column}: expected at least 4 values from step {args.first} on, got {len(steps)}")
        found[column] = steps, values, laws
        for at in args.at:
            print(f"{column} after {at:,} steps: {said(column, [law(at, *own) for own in laws])}")
    figure = draw(found, args.at)
    with atomic_path(args.out) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
    print(args.out)


def said(column, values):
    """The first value, and in brackets the range of all."""
    own = [1 - value if column in RISING else value for value in values]
    return f"{own[0]:.3g} ({min(own):.3g}-{max(own):.3g})"


def draw(found, at):
    """A panel for each column: its points, the law through all of them, and the others' range."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(found), 3.2), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (column, (steps, values, laws)) in zip(panels, found.items(), strict=True):
        far = np.geomspace(steps[0], max(*at, steps[-1]), 200)
        rising = column in RISING
        curves = np.array([law(far, *own) for own in laws])
        values, curves = (1 - values, 1 - curves) if rising else (values, curves)
        axes.fill_between(far, curves.min(axis=0), curves.max(axis=0), alpha=0.25, lw=0)
        axes.plot(far, curves[0], lw=1.2)
        axes.plot(steps, values, "k.", ms=4)
        axes.set(xscale="log", xlabel="steps", ylabel=f"{column.replace('_', ' ')}{' (validation)' if rising else ''}")
        if rising:
            axes.set_ylim(0, 1.02)
        else:
            axes.set_yscale("log")
        axes.grid(alpha=0.3, which="both", lw=0.4)
    return figure


if __name__ == "__main__":
    main()
