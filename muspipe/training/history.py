"""The losses of a run: history.csv, written row by row, and loss.png."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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


def _numbers(header, row):
    """{column: number} of a row; None if it is not whole."""
    try:
        numbers = {name: float(text) if text else math.nan for name, text in zip(header, row, strict=True)}
        return numbers | {"step": int(row[header.index("step")])}
    except ValueError:
        return None


def draw_history(rows: list[dict]) -> Figure:
    """Figure of training and validation losses: the total on the left, the parts, if any, on the right."""
    parts = [name for name in (rows[0] if rows else {}) if name.endswith("_loss") and not name.startswith("val_")]
    figure = Figure(figsize=(9 if parts else 5.5, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if parts else 1, squeeze=False)[0]
    hours = [row["hours"] for row in rows]
    for name, label, style in (("loss", "training", "-"), ("val_loss", "validation", "--")):
        panels[0].plot(hours, [row[name] for row in rows], style, label=label, lw=1.2)
    for i, name in enumerate(parts):
        label = name.removesuffix("_loss").replace("_", " ")
        panels[1].plot(hours, [row[name] for row in rows], lw=1, color=f"C{i}", label=label)
        panels[1].plot(hours, [row[f"val_{name}"] for row in rows], "--", lw=1, color=f"C{i}")
    for axes in panels:
        axes.set(xlabel="time [h]", yscale="log")
        axes.grid(alpha=0.3, which="both", lw=0.4)
        if axes.lines:
            axes.legend(fontsize=8)
    panels[0].set_ylabel("loss")
    return figure


def _text(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, int) else f"{value:.6g}"
