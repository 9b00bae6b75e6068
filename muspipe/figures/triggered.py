"""Spike-triggered velocity maps of a reference's units, with the territories of the units paired with them."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.evaluation.triggered import TriggeredMaps
from muspipe.figures.identification import outline
from muspipe.figures.style import RC, TEXT_PT, UNIT_COLOURS
from muspipe.recordings.result import Result

WIDTH, COLUMNS = 7.2, 5


def draw_triggered_maps(result: Result, maps: TriggeredMaps, labels: list[str], partners: dict[int, int]) -> Figure:
    """A panel for each unit of the reference: its map, grey to its own largest velocity, the territory outlined.

    labels: names of the m units; partners: {index of the unit in the reference: index of its unit in the result}.
    """
    n = len(labels)
    rows, columns = math.ceil(n / COLUMNS), min(n, COLUMNS)
    height_px, width_px = result.image_shape
    extent = (0, width_px * result.pixel_mm, height_px * result.pixel_mm, 0)
    side = WIDTH / COLUMNS
    with matplotlib.rc_context(RC):
        size = (max(side * columns, 3.2), 0.45 + rows * (side * height_px / width_px + 0.28))
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes in panels.flat[n:]:
            axes.set_visible(False)
        for i, (axes, map_) in enumerate(zip(panels.flat, maps.maps, strict=False)):
            most = float(np.abs(map_).max()) or 1.0
            axes.imshow(map_, cmap="RdGy_r", vmin=-most, vmax=most, extent=extent, interpolation="nearest")
            text = f"{labels[i]}: {1e3 * maps.lags_s[maps.best[i]]:.0f} ms, {maps.n_averaged[i]} firings"
            if i in partners:
                outline(axes, result.territories[partners[i]], result.pixel_mm, color=UNIT_COLOURS[0], linewidth=1.4)
                text += f"\nunit {partners[i] + 1}"
            else:
                text += "\nno unit"
            axes.set_title(text, loc="left", fontsize=TEXT_PT - 1.5, pad=2)
        figure.supxlabel("x [mm]", fontsize=TEXT_PT)
        figure.supylabel("y [mm]", fontsize=TEXT_PT)
    return figure
