"""What was found in a recording beside the truth, like Figs. 7 and 8 of Ali et al. 2020."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.evaluation.metrics import match_territories, rate_of_agreement
from muspipe.figures import identification
from muspipe.figures.style import RC, SMALL_PT, unit_colours
from muspipe.firings.maxima import positive_maxima
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits

TRUE_TRAIN = {"color": "#b4b4b4", "linewidth": 2.2, "solid_joinstyle": "round"}
"""Wide and pale: a train that was estimated well lies within it."""

MISSED = "#404040"

# Layout [inch]; the width fits two columns of a journal.
WIDTH, LEFT, MAP_WIDTH, BETWEEN, RIGHT, TOP, BOTTOM = 7.2, 0.5, 2.75, 0.6, 0.55, 0.52, 0.5
COLOURBAR_DROP, COLOURBAR_HEIGHT = 0.5, 0.08
ROW, ROWS_MIN = 0.24, 2.75


def draw_comparison(recording: Recording, found: MotorUnits, truth: MotorUnits, published: str = "") -> Figure:
    """True and found territories over the map of RMS velocity (left), true and estimated twitch trains (right).

    Units have the numbers of `truth`; those matched by their territories share a row and a colour, with the rate of
    agreement of their firings. Units that were missed, and false ones, follow as such. published: how many the paper
    found, in words, for the title. Save it with `figure.savefig(path, dpi=160)`.
    """
    pairs = dict(zip(*reversed(match_territories(found.territories, truth.territories)), strict=True))
    rows = [(i, pairs.get(i)) for i in range(truth.n_units)]
    rows += [(None, j) for j in range(found.n_units) if j not in pairs.values()]
    shown = [truth.territories[i] if j is None else found.territories[j] for i, j in rows]
    shown = np.reshape(shown, (-1, *recording.image_shape)).astype(bool)
    sized = MotorUnits(shown, np.zeros((len(rows), 1)), np.ones(len(rows)), 1.0, recording.pixel_mm)
    colours = unit_colours(sized.centres_mm, sized.diameters_mm)
    colours = [MISSED if j is None else colour for (_, j), colour in zip(rows, colours, strict=True)]
    map_height = MAP_WIDTH * recording.image_shape[0] / recording.image_shape[1]
    rows_height = max(ROWS_MIN, ROW * len(rows))
    height = TOP + max(rows_height + BOTTOM, map_height + COLOURBAR_DROP + COLOURBAR_HEIGHT + 0.38)
    trains_left = LEFT + MAP_WIDTH + BETWEEN
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasAgg(figure)

        def add_axes(left, top, width, depth):
            return figure.add_axes((left / WIDTH, 1 - (top + depth) / height, width / WIDTH, depth / height))

        map_axes = add_axes(LEFT, TOP, MAP_WIDTH, map_height)
        bar_axes = add_axes(LEFT, TOP + map_height + COLOURBAR_DROP, MAP_WIDTH, COLOURBAR_HEIGHT)
        identification.draw_rms_velocity(map_axes, bar_axes, recording.velocity_rms, recording)
        _draw_territories(map_axes, found, truth, rows, colours)
        mm_per_pt = recording.image_shape[1] * recording.pixel_mm / MAP_WIDTH / 72
        identification.number_territories(map_axes, shown, _names(rows), colours, recording.pixel_mm, mm_per_pt)
        _draw_trains(add_axes(trains_left, TOP, WIDTH - RIGHT - trains_left, rows_height), found, truth, rows, colours)
        title = f"{len(pairs)} of {truth.n_units} motor units found, {found.n_units - len(pairs)} false"
        title += f"; published: {published}" if published else ""
        figure.text(LEFT / WIDTH, 1 - 0.08 / height, title, va="top", fontsize=RC["font.size"] + 1)
    return figure


def _names(rows):
    """Numbers of the true units, f1, f2 ... for the false ones."""
    n_true = sum(i is not None for i, _ in rows)
    return [f"f{row - n_true + 1}" if i is None else str(i + 1) for row, (i, _) in enumerate(rows)]


def _draw_territories(axes, found, truth, rows, colours):
    axes.set_title("Territories", loc="left", pad=5)
    for (_, j), colour in zip(rows, colours, strict=True):
        if j is not None:
            identification.outline_found(axes, found.territories[j], found.pixel_mm, colour)
    for mask in truth.territories:
        identification.outline(axes, mask, truth.pixel_mm, **identification.TRUTH_LINE)
    identification.draw_legend(axes, [colour for colour in colours if colour != MISSED])


def _draw_trains(axes, found, truth, rows, colours):
    axes.set(xlim=(0, truth.duration_s), ylim=(max(len(rows), 1) - 0.35, -0.85), xlabel="Time [s]", yticks=[])
    axes.xaxis.labelpad = 2
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.set_title("Twitch trains, scaled row by row (true: grey)", loc="left", pad=5)
    above = {"xycoords": "axes fraction", "xytext": (0, 5), "textcoords": "offset points"}
    axes.annotate("RoA", (1.015, 1), fontsize=SMALL_PT, va="baseline", color="#606060", **above)
    time_s = np.arange(truth.n_frames) / truth.frame_rate_hz
    for row, ((i, j), name, colour) in enumerate(zip(rows, _names(rows), colours, strict=True)):
        true = None if i is None else truth.twitch_trains[i]
        estimated = None if j is None else found.twitch_trains[j]
        peak = float(np.abs(estimated if true is None else true).max()) or 1.0
        axes.axhline(row, color="#e2e2e2", linewidth=0.5, zorder=0)
        if true is not None:
            axes.plot(time_s, row - 0.55 * true / peak, **TRUE_TRAIN)
        if estimated is not None:
            axes.plot(time_s, row - 0.55 * estimated / peak, color=colour, linewidth=0.8, solid_joinstyle="round")
        said = "missed" if j is None else "false" if i is None else f"{_agreement(estimated, true, truth):.2f}"
        beside = {"va": "center", "fontsize": SMALL_PT, "annotation_clip": False}
        offset = {"xytext": (-5, 0), "textcoords": "offset points", "ha": "right"}
        axes.annotate(name, (0, row), color=colour, fontweight="bold", **offset, **beside)
        axes.annotate(said, (1.015, row), xycoords=("axes fraction", "data"), color="#606060", **beside)


def _agreement(estimated, true, truth):
    """Rate of agreement of the firings of two trains (T,), by the paper's rule."""
    return rate_of_agreement(*positive_maxima(np.stack([estimated, true]), truth.frame_rate_hz))
