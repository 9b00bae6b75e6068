"""The motor units of a recording at a glance, like Fig. 7 of Ali et al. 2020."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from skimage.measure import find_contours

from muspipe.errors import InputError
from muspipe.figures.style import RC, SMALL_PT, TEXT_PT, place_labels, unit_colours
from muspipe.recordings.recording import Recording
from muspipe.recordings.result import Result

SHOWN_S = 4.0
"""Of a longer recording, only this first part of the twitch trains is shown; more would be a blur."""

GREYS = LinearSegmentedColormap.from_list("quiet_greys", ["#ffffff", "#707070"])
"""Light enough for coloured outlines to stand out against its darkest grey."""

TRUTH_LINE = {"color": "#101010", "linewidth": 0.7, "linestyle": (0, (3, 3))}
"""Thin and broken enough to show the outline of a unit that was found in exactly the same place."""

# Layout [inch]; the width fits two columns of a journal.
WIDTH, LEFT, MAP_WIDTH, BETWEEN, RIGHT, TOP, BOTTOM = 7.2, 0.5, 2.75, 0.6, 0.45, 0.32, 0.5
MAP_MAX_HEIGHT, COLOURBAR_DROP, COLOURBAR_HEIGHT = 4.5, 0.5, 0.08
ROW, ROWS_MIN = 0.155, 2.75


def draw_identification(recording: Recording, result: Result, truth: Result | None = None) -> Figure:
    """Territories over the map of RMS velocity (left), twitch trains with their firings in the same colours (right).

    truth: true motor units of the same recording, whose territories are drawn dashed. Raises InputError if the images
    of result or truth differ in size from those of the recording. Save it with `figure.savefig(path, dpi=200)`.
    """
    for name, units in (("result", result), ("truth", truth)):
        if units is not None and units.image_shape != recording.image_shape:
            raise InputError(
                f"{name}: expected images of {recording.image_shape} px as in the recording, got {units.image_shape} px"
            )
    height_px, width_px = recording.image_shape
    scale = min(MAP_WIDTH / width_px, MAP_MAX_HEIGHT / height_px)  # [inch/px]
    map_width, map_height = width_px * scale, height_px * scale
    beside_bar = COLOURBAR_DROP if result.n_units > 12 else 0.0  # many rows take all the height there is
    rows_height = max(ROWS_MIN, ROW * result.n_units, map_height + beside_bar)
    height = TOP + max(rows_height + BOTTOM, map_height + COLOURBAR_DROP + COLOURBAR_HEIGHT + 0.38)
    trains_left = LEFT + MAP_WIDTH + BETWEEN
    colours = unit_colours(result.centres_mm, result.diameters_mm)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasAgg(figure)

        def add_axes(left, top, width, depth):
            return figure.add_axes((left / WIDTH, 1 - (top + depth) / height, width / WIDTH, depth / height))

        map_left = LEFT + (MAP_WIDTH - map_width) / 2
        map_axes = add_axes(map_left, TOP, map_width, map_height)
        bar_axes = add_axes(map_left, TOP + map_height + COLOURBAR_DROP, map_width, COLOURBAR_HEIGHT)
        _draw_map(map_axes, bar_axes, recording, result, truth, colours, mm_per_pt=recording.pixel_mm / scale / 72)
        _draw_trains(add_axes(trains_left, TOP, WIDTH - RIGHT - trains_left, rows_height), result, colours)
    return figure


def _draw_map(axes, bar_axes, recording, result, truth, colours, mm_per_pt):
    draw_rms_velocity(axes, bar_axes, recording)
    axes.set_title("Territories", loc="left", pad=5)
    for mask, colour in zip(result.territories, colours, strict=True):
        outline_found(axes, mask, recording.pixel_mm, colour)
    if truth is not None:
        for mask in truth.territories:
            outline(axes, mask, recording.pixel_mm, **TRUTH_LINE)
        draw_legend(axes, colours)
    labels = [str(number) for number in range(1, result.n_units + 1)]
    number_territories(axes, result.territories, labels, colours, recording.pixel_mm, mm_per_pt)


def draw_rms_velocity(axes, bar_axes, recording):
    """Map of the RMS velocity, both axes in mm, its colour bar below."""
    rms = np.sqrt(np.mean(np.square(recording.velocity, dtype=np.float64), axis=2))
    height_mm, width_mm = np.array(recording.image_shape) * recording.pixel_mm
    image = axes.imshow(rms, cmap=GREYS, vmin=0, extent=(0, width_mm, height_mm, 0), interpolation="nearest")
    bar = axes.figure.colorbar(image, cax=bar_axes, orientation="horizontal")
    bar.set_label(f"RMS velocity [{recording.velocity_unit}]", labelpad=2)
    bar.outline.set_linewidth(0.4)
    axes.set(xlabel="x [mm]", ylabel="y [mm]")
    axes.xaxis.labelpad = axes.yaxis.labelpad = 2


def outline_found(axes, mask, pixel_mm, colour):
    """Outline of a territory that was found, on a bed of white."""
    bed = withStroke(linewidth=2.6, foreground="white", alpha=0.75)
    outline(axes, mask, pixel_mm, color=colour, linewidth=1.6, path_effects=[bed])


def outline(axes, mask, pixel_mm, **line):
    """Outlines of a mask (H, W), halfway between the centres of its outermost pixels and those of their neighbours."""
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        y_mm, x_mm = (contour.T - 0.5) * pixel_mm  # padding shifts by 1, the centre of a pixel is at + 0.5
        axes.plot(x_mm, y_mm, solid_joinstyle="round", **line)


def draw_legend(axes, colours):
    """Above the map: found, in the first of the colours if there is one, and truth."""
    found = [Line2D([], [], color=colour, linewidth=1.6, label="found") for colour in colours[:1]]
    true = Line2D([], [], label="truth", **TRUTH_LINE)
    axes.legend(
        handles=[*found, true],
        loc="lower right",
        bbox_to_anchor=(1.02, 1.015),
        ncols=2,
        frameon=False,
        fontsize=SMALL_PT,
        handlelength=2.2,
        columnspacing=1.0,
        borderaxespad=0,
    )


def number_territories(axes, masks, labels, colours, pixel_mm, mm_per_pt):
    """Write the label of each mask (n, H, W) in its colour, where there is room. mm_per_pt: scale of the map."""
    sizes_mm = np.array([(SMALL_PT * (0.7 * len(text) + 0.5), SMALL_PT) for text in labels]).reshape(-1, 2) * mm_per_pt
    places_mm = place_labels(masks, pixel_mm, sizes_mm)
    for text, colour, (x_mm, y_mm) in zip(labels, colours, places_mm, strict=True):
        if np.isfinite(x_mm):
            axes.text(
                x_mm,
                y_mm,
                text,
                color=colour,
                fontsize=SMALL_PT,
                fontweight="bold",
                ha="center",
                va="center_baseline",
                path_effects=[withStroke(linewidth=1.8, foreground="white")],
                zorder=5,
            )


def _draw_trains(axes, result, colours):
    n = result.n_units
    shown_s = min(result.duration_s, SHOWN_S)
    part = f" (first {SHOWN_S:g} of {result.duration_s:.4g} s)" if shown_s < result.duration_s else ""
    axes.set(xlim=(0, shown_s), ylim=(max(n, 1) - 0.35, -0.85), xlabel=f"Time [s]{part}", yticks=[])
    axes.xaxis.labelpad = 2
    axes.spines[["left", "right", "top"]].set_visible(False)
    if n == 0:
        axes.text(
            0.5,
            0.5,
            "No motor units found",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="#606060",
            fontsize=TEXT_PT + 1,
        )
        return
    axes.set_title("Twitch trains, each scaled to its peak  (\u2022 firing)", loc="left", pad=5)
    axes.text(
        1.01,
        1,
        "peak\n" + f"[{result.velocity_unit}]",
        transform=axes.transAxes,
        fontsize=SMALL_PT - 1,
        va="bottom",
        color="#606060",
        linespacing=1.0,
    )
    n_shown = int(np.ceil(shown_s * result.frame_rate_hz - 1e-6))
    time_s = np.arange(n_shown) / result.frame_rate_hz
    for i, (train, firings_s) in enumerate(zip(result.twitch_trains[:, :n_shown], result.firings, strict=True)):
        _draw_row(axes, i, time_s, train, firings_s, colours[i])


def _draw_row(axes, row, time_s, train, firings_s, colour):
    """One unit: its train scaled to its peak, its firings, its number on the left, its peak on the right."""
    peak = float(np.abs(train).max())
    height = -0.62 * train / (peak or 1.0)
    axes.axhline(row, color="#d9d9d9", linewidth=0.5, zorder=0)
    axes.plot(time_s, row + height, color=colour, linewidth=0.9, solid_joinstyle="round")
    firings_s = firings_s[firings_s <= time_s[-1]]
    axes.plot(
        firings_s,
        row + np.interp(firings_s, time_s, height),
        "o",
        markersize=3.0,
        markeredgewidth=0.5,
        markeredgecolor="white",
        color=colour,
        clip_on=False,
    )
    axes.annotate(
        str(row + 1),
        (0, row),
        xytext=(-5, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        color=colour,
        fontsize=SMALL_PT,
        fontweight="bold",
        annotation_clip=False,
    )
    axes.annotate(
        f"{peak:#.2g}" if 0.01 <= peak < 9.95 else f"{peak:.3g}",
        (1.01, row),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=SMALL_PT - 1,
        color="#606060",
        annotation_clip=False,
    )
