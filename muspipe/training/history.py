"""The losses of a run: history.csv, written row by row, and loss.png."""

from __future__ import annotations

import csv
import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from muspipe.errors import InputError
from simulator.shared.files import atomic_path

WATCHED = {
    "learning_rate": "learning rate",
    "gradient_norm": "norm of the gradient",
    "examples_per_s": "examples / s",
}
"""column -> what it is, of the columns behind the losses."""


class History:
    """history.csv of a run: columns step, hours, loss, its parts, the same with val_, those of WATCHED, and measures.

    Training losses are means over the steps since the row before; val_ ones are those of the last validation, empty
    before the first. gradient_norm is a mean likewise, before clipping; examples_per_s is of these steps, without the
    validations between them; learning_rate is that of the next step. measures: names of what may be measured now and
    then; each row has the last. The rows of an older run lack all these: they are empty.
    """

    def __init__(self, path: Path, loss_names: tuple[str, ...], measures: tuple[str, ...] = ()):
        self.path = path
        losses = ("loss", *loss_names)
        self.own = ("step", "hours", *losses, *(f"val_{name}" for name in losses))
        self.columns = (*self.own, *WATCHED, *measures)

    def start(self, after_step: int) -> None:
        """Make the file, or keep its rows up to a step: those of steps that are done again go."""
        rows = [row for row in self.read() if row["step"] <= after_step] if self.path.exists() else []
        with atomic_path(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows([_text(row[name]) for name in self.columns] for row in rows)

    def add(self, row: dict) -> None:
        """One more row, on the disk when this returns; missing columns are empty."""
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([_text(row.get(name)) for name in self.columns])
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict]:
        """Rows as numbers, NaN where empty; a half-written last line is left out. InputError for the history of another
        network."""
        rows, empty = read_history(self.path), dict.fromkeys(self.columns, math.nan)
        columns = read_columns(self.path)
        if [name for name in columns if name in self.own or name not in empty] != list(self.own):
            raise InputError(f"{self.path}: expected the columns {', '.join(self.own)}, got {', '.join(columns)}")
        return [empty | row for row in rows]

    def draw(self, path: Path) -> None:
        """The losses against the hours, as Figs. 9 and 10 of the paper."""
        with atomic_path(path) as temporary:
            draw_history(self.read()).savefig(temporary, format="png")


def read_history(path) -> list[dict]:
    """Rows of a history.csv as numbers, without those that a crash left half-written."""
    header, *rows = _lines(path)
    return [row for row in (_numbers(header, row) for row in rows) if row is not None]


def read_columns(path) -> list[str]:
    """Names of the columns of a history.csv."""
    return _lines(path)[0]


def _lines(path):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.reader(file)) or [[]]


def joined_histories(runs) -> tuple[list[dict], list[tuple[float, str]]]:
    """(rows of runs that went on from each other, hours and steps counted on, a row of NaN between two; (hour, name) at
    which each but the first begins). runs: folders, or history.csv files. InputError for a run without rows."""
    joined, marks = [], []
    for run in map(Path, runs):
        path = run / "history.csv" if run.is_dir() else run
        rows = read_history(path) if path.is_file() else []
        if not rows:
            raise InputError(f"{path}: expected the losses of a run, found none")
        before = {name: joined[-1][name] if joined else 0 for name in ("hours", "step")}
        if joined:
            marks.append((before["hours"], path.parent.name))
            joined.append(dict.fromkeys(rows[0], math.nan) | before)
        joined += [row | {name: row[name] + start for name, start in before.items()} for row in rows]
    return joined, marks


def _numbers(header, row):
    """{column: number} of a row; None if it is not whole."""
    try:
        numbers = {name: float(text) if text else math.nan for name, text in zip(header, row, strict=True)}
        return numbers | {"step": int(row[header.index("step")])}
    except ValueError:
        return None


FEW_POINTS = 40
"""Up to so many points of a line are marked, so that a single one is seen, too."""


def draw_history(rows: list[dict], marks: Sequence[tuple[float, str]] = (), title: str = "") -> Figure:
    """Figure over the hours, with the steps above. Losses in training and validation: the total on the left, the parts,
    if any, on the right; below them what else the rows tell: WATCHED, and measures in one panel. marks: (hour, what
    begins there)."""
    columns = list(rows[0]) if rows else []
    parts = [name for name in columns if name.endswith("_loss") and not name.startswith("val_")]
    told = [name for name in columns if any(not math.isnan(row[name]) for row in rows)]
    watched = [name for name in told if name in WATCHED]
    measures = [name for name in told if not (name in WATCHED or name in ("step", "hours") or name.endswith("loss"))]
    below = len(watched) + bool(measures)
    size = (max(9 if parts else 5.5, 2.6 * below), 6.2 if below else 3.8)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    wide = (1 + bool(parts)) * max(below, 1)
    grid = figure.add_gridspec(2 if below else 1, wide, height_ratios=(3, 2) if below else None)
    panels = [figure.add_subplot(grid[0, i * max(below, 1) : (i + 1) * max(below, 1)]) for i in range(1 + bool(parts))]
    _draw_losses(panels[0], rows, "loss", training="training", validation="validation")
    for i, name in enumerate(parts):
        _draw_losses(panels[1], rows, name, training=name.removesuffix("_loss").replace("_", " "), color=f"C{i}")
    panels[0].set_ylabel("loss")
    if parts:
        panels[1].set_ylabel("parts of the loss (validation: dashed)")
    for axes in panels:
        axes.set_yscale("log")
        _add_steps(axes, rows)
    each = 1 + bool(parts)
    small = [figure.add_subplot(grid[1, i * each : (i + 1) * each]) for i in range(below)]
    _draw_watched(small, rows, watched, measures)
    for axes in panels:
        _finish(axes, marks)
    for axes in small:  # too narrow for names
        _finish(axes, [(hour, "") for hour, _ in marks])
    figure.suptitle(title, fontsize=10)
    return figure


def _draw_watched(panels, rows, watched, measures):
    """Each of WATCHED in a panel, all measures in the last."""
    for axes, name in zip(panels, watched, strict=False):
        _draw_line(axes, rows, name, color="C0")
        axes.set_ylabel(WATCHED[name])
        if name == "examples_per_s":
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
    for i, name in enumerate(measures):
        _draw_line(panels[-1], _changes(rows, name), name, label=name.replace("_", " "), color=f"C{i}")
        panels[-1].set(ylim=(-0.02, 1.02), ylabel="validation")


def _finish(axes, marks):
    axes.set_xlabel("time [h]")
    axes.grid(alpha=0.3, which="both", lw=0.4)
    for hour, text in marks:
        axes.axvline(hour, color="#606060", lw=0.8, ls=":")
        if not text:
            continue
        at = {"xy": (hour, 1), "xycoords": ("data", "axes fraction"), "xytext": (3, -9)}
        axes.annotate(text, **at, textcoords="offset points", fontsize=7, color="#606060")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _draw_losses(axes, rows, name, *, training, validation=None, **look):
    """A loss over the hours, in training and validation."""
    val = f"val_{name}"
    _draw_line(axes, rows, name, label=training, **look)
    _draw_line(axes, _changes(rows, val), val, style="--", label=validation, **look)


def _changes(rows, name):
    """The rows in which a value is new: they repeat the last one until there is another."""
    return [row for before, row in itertools.pairwise([{name: math.nan}, *rows]) if row[name] != before[name]]


def _draw_line(axes, rows, name, style="-", **look):
    """Over the hours, with a gap where it is NaN; few points are marked."""
    few = sum(not math.isnan(row[name]) for row in rows) <= FEW_POINTS
    marker = {"marker": "o", "markersize": 3} if few else {}
    axes.plot([row["hours"] for row in rows], [row[name] for row in rows], style, lw=1.2, **marker, **look)


def _add_steps(axes, rows):
    """A second axis, above, of the steps that were done at these hours."""
    if len(rows) < 2:
        return
    hours, steps = [row["hours"] for row in rows], [row["step"] for row in rows]
    ticks = [step for step in MaxNLocator(5, integer=True).tick_values(0, steps[-1]) if steps[0] <= step <= steps[-1]]
    above = axes.secondary_xaxis("top")
    above.set_xticks(np.interp(ticks, steps, hours), [f"{step:,.0f}" for step in ticks], fontsize=8)
    above.set_xlabel("steps", fontsize=8)


def _text(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, int) else f"{value:.6g}"
