"""Spike-triggered velocity maps of a reference's units, with the territories of the units paired with them."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from muspipe.evaluation.triggered import TriggeredMaps
from muspipe.figures.identification import outline
from muspipe.figures.style import RC, SMALL_PT, UNIT_COLOURS
from muspipe.recordings.result import Result

COLUMNS = 5
PANEL, BETWEEN, LEFT, RIGHT = 1.18, 0.17, 0.42, 0.14
TITLE, GAP, FOOT, BAR, BAR_WIDTH = 0.32, 0.1, 1.2, 0.08, 2.6
"""Layout [inch]: five columns fit the width of two columns of a journal. FOOT: axis labels, colour bar and legend."""
LEAST_WIDTH = 3.5
TERRITORY_LINE = {"color": UNIT_COLOURS[0], "linewidth": 1.4}


def draw_triggered_maps(result: Result, maps: TriggeredMaps, labels: list[str], partners: dict[int, int]) -> Figure:
    """A panel for each unit of the reference: the mean velocity after its firings, from minus to plus the panel's
    largest, with the outline of the territory paired with it. Above it: lag, largest velocity, number of firings.

    labels: names of the m units; partners: {index of the unit in the reference: index of its unit in the result}.
    """
    n = len(labels)
    rows, columns = math.ceil(n / COLUMNS), min(n, COLUMNS)
    depth = PANEL * result.image_shape[0] / result.image_shape[1]
    width = max(LEFT + columns * (PANEL + BETWEEN) - BETWEEN + RIGHT, LEAST_WIDTH)
    height = rows * (TITLE + depth + GAP) + FOOT
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)

        def add_axes(left, top, wide, deep):
            return figure.add_axes((left / width, 1 - (top + deep) / height, wide / width, deep / height))

        for i in range(n):
            row, column = divmod(i, COLUMNS)
            axes = add_axes(LEFT + column * (PANEL + BETWEEN), TITLE + row * (TITLE + depth + GAP), PANEL, depth)
            image = _draw_panel(axes, result, maps, i, labels[i], partners.get(i))
            lowest = i + COLUMNS >= n
            axes.tick_params(labelleft=column == 0, labelbottom=lowest)
            axes.set(xlabel="x [mm]" if lowest else "", ylabel="y [mm]" if column == 0 else "")
            axes.xaxis.labelpad = axes.yaxis.labelpad = 1
        _explain(figure, image, add_axes(LEFT, height - FOOT + 0.42, BAR_WIDTH, BAR), result.velocity_unit)
    return figure


def _draw_panel(axes, result, maps, i, label, partner):
    height_mm, width_mm = np.array(result.image_shape) * result.pixel_mm
    map_, lag_ms = maps.maps[i], 1e3 * maps.lags_s[maps.best[i]]
    most = float(np.abs(map_).max())
    extent = (0, width_mm, height_mm, 0)
    image = axes.imshow(
        map_ / (most or 1.0), cmap="RdGy_r", vmin=-1, vmax=1, extent=extent, interpolation="nearest", aspect="auto"
    )
    if partner is not None:
        outline(axes, result.territories[partner], result.pixel_mm, **TERRITORY_LINE)
    unit = "no unit" if partner is None else f"unit {partner + 1}"
    text = f"reference {label}: {unit}\n{lag_ms:.0f} ms, max {most:.2g}, n = {maps.n_averaged[i]}"
    axes.set_title(text, loc="left", fontsize=SMALL_PT - 1, pad=2)
    return image


def _explain(figure, image, bar_axes, unit):
    """The colour bar, and below it what the outline is."""
    bar = figure.colorbar(image, cax=bar_axes, orientation="horizontal")
    bar.set_ticks([-1, 0, 1], labels=["- max", "0", "max"])
    bar.set_label(f"mean velocity [{unit}] at this lag after n firings", labelpad=1, loc="left")
    bar.outline.set_linewidth(0.4)
    line = Line2D([], [], label="territory of the unit found that fires with it", **TERRITORY_LINE)
    bar_axes.legend(
        handles=[line], loc="upper left", bbox_to_anchor=(0, -4.6), borderaxespad=0, borderpad=0, frameon=False
    )
