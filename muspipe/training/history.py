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


class History:
    """history.csv of a run: columns step, hours, loss, its parts, and the same with val_.

    Training losses are means over the steps since the row before; val_ ones are those of the last validation, empty
    before the first.
    """

    def __init__(self, path: Path, loss_names: tuple[str, ...]):
        self.path = path
        losses = ("loss", *loss_names)
        self.columns = ("step", "hours", *losses, *(f"val_{name}" for name in losses))

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
        """Rows as numbers, NaN where empty; a half-written last line is left out."""
        return read_history(self.path, self.columns)

    def draw(self, path: Path) -> None:
        """The losses against the hours, as Figs. 9 and 10 of the paper."""
        with atomic_path(path) as temporary:
            draw_history(self.read()).savefig(temporary, format="png")


def read_history(path, columns=None) -> list[dict]:
    """Rows of a history.csv as numbers, without those that a crash left half-written. InputError if its columns are not
    the expected ones."""
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        header, *rows = list(csv.reader(line.replace("\0", "") for line in file)) or [[]]
    if columns is not None and tuple(header) != tuple(columns):
        raise InputError(f"{path}: expected the columns {', '.join(columns)}, got {', '.join(header)}")
    return [row for row in (_numbers(header, row) for row in rows) if row is not None]


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
    """Figure of training and validation losses over the hours, with the steps above: the total on the left, the parts,
    if any, on the right. marks: (hour, what begins there)."""
    parts = [name for name in (rows[0] if rows else {}) if name.endswith("_loss") and not name.startswith("val_")]
    figure = Figure(figsize=(9 if parts else 5.5, 3.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if parts else 1, squeeze=False)[0]
    _draw_losses(panels[0], rows, "loss", training="training", validation="validation")
    for i, name in enumerate(parts):
        _draw_losses(panels[1], rows, name, training=name.removesuffix("_loss").replace("_", " "), color=f"C{i}")
    for axes in panels:
        axes.set(xlabel="time [h]", yscale="log")
        axes.grid(alpha=0.3, which="both", lw=0.4)
        for hour, text in marks:
            axes.axvline(hour, color="#606060", lw=0.8, ls=":")
            at = {"xy": (hour, 1), "xycoords": ("data", "axes fraction"), "xytext": (3, -9)}
            axes.annotate(text, **at, textcoords="offset points", fontsize=7, color="#606060")
        if axes.lines:
            axes.legend(fontsize=8)
        _add_steps(axes, rows)
    panels[0].set_ylabel("loss")
    if parts:
        panels[1].set_ylabel("parts of the loss (validation: dashed)")
    figure.suptitle(title, fontsize=10)
    return figure


def _draw_losses(axes, rows, name, *, training, validation=None, **look):
    """A loss over the hours, with a gap where it is NaN. Rows repeat the last validation until there is another: it is
    drawn once."""
    val = f"val_{name}"
    validated = [row for before, row in itertools.pairwise([{val: math.nan}, *rows]) if row[val] != before[val]]
    for style, key, drawn, label in (("-", name, rows, training), ("--", val, validated, validation)):
        few = sum(not math.isnan(row[key]) for row in drawn) <= FEW_POINTS
        marker = {"marker": "o", "markersize": 3} if few else {}
        hours = [row["hours"] for row in drawn]
        axes.plot(hours, [row[key] for row in drawn], style, label=label, lw=1.2, **marker, **look)


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
