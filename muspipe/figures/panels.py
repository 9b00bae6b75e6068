"""The panels of Figs. 4-6 of Ali et al. 2020: networks trained without noise (left) and with it (right), metric by
metric, with what the paper states."""

from __future__ import annotations

import string

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.figures.metrics import BETWEEN, PANELS, add_line, noise_levels, noise_text, of_sequences, zoom
from muspipe.figures.published import add_legend, add_published
from muspipe.figures.style import RC, UNIT_COLOURS

TRAINED = {"clean": "trained without noise", "noise": "trained with noise"}


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
