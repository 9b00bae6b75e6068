"""The panels of Figs. 4-6 of Ali et al. 2020: networks trained without noise (left) and with it (right), metric by
metric, with what the paper states."""

from __future__ import annotations

import string

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.figures.metrics import BETWEEN, PANELS, add_line, noise_levels, noise_text, of_sequences, zoom
from muspipe.figures.style import RC, SMALL_PT, UNIT_COLOURS

TRAINED = {"clean": "trained without noise", "noise": "trained with noise"}
MARKS = {"network": ("D", "published network"), "stica": ("X", "published stICA")}
PUBLISHED = {"color": "black", "zorder": 4}


def draw_panels(metrics: tuple[str, ...], trained: dict[str, dict], published=(), title: str = "") -> Figure:
    """A row of panels for each metric, a column for each training; a line for each noise level, mean and SD.

    trained: {"clean": metrics as in metrics.json, "noise": ...}. published: statements as in
    experiments/published.json. Panels of a row have one scale; they are lettered as the paper's, row by row.
    """
    levels = noise_levels(trained.values())
    cells = [cell for evaluation in trained.values() for cell in evaluation["cells"]]
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 0.9 + 2.15 * len(metrics)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(metrics), len(trained), squeeze=False, sharex=True, sharey="row")
        letters = iter(string.ascii_uppercase)
        for row, metric in zip(axes, metrics, strict=True):
            row[0].set_ylabel(PANELS[metric])
            for axis, (kind, evaluation) in zip(row, trained.items(), strict=True):
                axis.set_title(f"{next(letters)}   {TRAINED[kind]}", loc="left")
                for number, snr_db in enumerate(levels):
                    look = {"color": UNIT_COLOURS[number % len(UNIT_COLOURS)], "marker": "osd^v<>x"[number % 8]}
                    shift = BETWEEN * (number - (len(levels) - 1) / 2)
                    look |= {"shift": shift, "label": noise_text(snr_db)}
                    add_line(axis, evaluation["cells"], metric, snr_db, **look)
            zoom(row)
            for axis, kind in zip(row, trained, strict=True):
                add_published(axis, metric, [s for s in published if kind in s.get("trained", TRAINED)])
        for axis in axes[-1]:
            axis.set(xlabel="Motor units", xticks=sorted({cell["n_units"] for cell in cells}))
        add_legend(figure)
        figure.suptitle(f"{title} ({of_sequences(cells, metrics)})", fontsize=RC["font.size"] + 1)
    return figure


def add_published(axis, metric: str, statements) -> None:
    """Draw published means of a metric: marks at their numbers of units, dotted lines and bands where they hold for
    all. What lies below the axis is written at its lower end. After the axis has its limits."""
    low = axis.get_ylim()[0]
    below = []
    for statement in statements:
        if statement.get("metric") != metric or "values" not in statement:
            continue
        marker, label = MARKS[statement["method"]]
        short = "stICA " if statement["method"] == "stica" else ""
        for at, value in statement["values"].items():
            if at == "at_least" and value < low:
                below.append(f"{short}> {value:.2f}")
            elif at == "at_least":
                axis.axhline(value, linestyle=":", linewidth=1, label=f"{label}, at least", **PUBLISHED)
            elif at == "between" and value[1] < low:
                below.append(f"{short}{value[0]:.2f}-{value[1]:.2f}")
            elif at == "between":
                axis.axhspan(*value, color="black", alpha=0.12, linewidth=0, label=f"{label}, range")
            elif value < low:
                below.append(f"{short}{value:.2f} at {at} units")
            else:
                look = {"marker": marker, "markersize": 4, "linestyle": "", "markerfacecolor": "none"}
                axis.plot([int(at)], [value], label=label, **look, **PUBLISHED)
    if below:
        text = "\u2193 published: " + ", ".join(below)
        axis.text(0.03, 0.03, text, transform=axis.transAxes, fontsize=SMALL_PT - 1, color="#404040", va="bottom")


def add_legend(figure: Figure) -> None:
    """One for all panels, below them."""
    pairs = (zip(*axis.get_legend_handles_labels(), strict=True) for axis in figure.axes)
    known = {label: handle for axis in pairs for handle, label in axis}
    look = {"frameon": False, "fontsize": SMALL_PT, "ncols": min(len(known), 5) or 1}
    figure.legend(known.values(), known, loc="outside lower center", **look)
