"""The motor units of a recording at a glance, like Fig. 7 of Ali et al. 2020."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from skimage.measure import find_contours

from muspipe.errors import InputError
from muspipe.figures.style import RC, SMALL_PT, TEXT_PT, UNIT_COLOURS, place_labels, unit_colours
from muspipe.recordings.result import Result

BESIDE_S = 4.0
"""As much of the twitch trains has room beside the map; more stands below it, over the whole width."""
SHOWN_S = 12.0
"""Of a longer recording this first part is shown if no other is asked for; more would be a blur."""

GREYS = LinearSegmentedColormap.from_list("quiet_greys", ["#ffffff", "#707070"])
"""Light enough for coloured outlines to stand out against its darkest grey."""

TRUTH_LINE = {"color": "#101010", "linewidth": 0.7, "linestyle": (0, (3, 3))}
"""Thin and broken enough to show the outline of a unit that was found in exactly the same place."""

OTHERS_LINE = {"color": "#b0b0b0", "linewidth": 0.6}
"""Units that are not chosen."""

# Layout [inch]; the width fits two columns of a journal.
WIDTH, LEFT, MAP_WIDTH, BETWEEN, RIGHT, TOP, BOTTOM = 7.2, 0.5, 2.75, 0.6, 0.45, 0.32, 0.5
MAP_MAX_HEIGHT, COLOURBAR_DROP, COLOURBAR_HEIGHT, BELOW = 4.5, 0.5, 0.08, 0.38
ROW, ROWS_MIN, TITLE = 0.21, 2.75, 0.3
TRAIN_SHARE = 0.8
"""Of a row's height; its firings stand above."""


def draw_identification(
    result: Result,
    truth: Result | None = None,
    *,
    units: Sequence[int] | None = None,
    window_s: tuple[float, float] | None = None,
) -> Figure:
    """Territories over the map of RMS velocity, twitch trains with their firings in the same colours beside or below.

    truth: true motor units of the same recording, whose territories are drawn dashed. units: numbers, from 1, of those
    to show, the others being grey outlines; window_s: the part of the trains, (from, to) [s]. Raises InputError if the
    truth's images have another size, for units that the result has not, and for a window outside the recording. Save
    it with `figure.savefig(path, dpi=200)`, as .png, .pdf or .svg.
    """
    if truth is not None and truth.image_shape != result.image_shape:
        raise InputError(
            f"truth: expected images of {result.image_shape} px as in the result, got {truth.image_shape} px"
        )
    chosen = _chosen(units, result.n_units)
    window_s = _checked_window(window_s, result.duration_s)
    height_px, width_px = result.image_shape
    scale = min(MAP_WIDTH / width_px, MAP_MAX_HEIGHT / height_px)  # [inch/px]
    map_width, map_height = width_px * scale, height_px * scale
    map_depth = map_height + COLOURBAR_DROP + COLOURBAR_HEIGHT + BELOW
    beside = window_s[1] - window_s[0] <= BESIDE_S
    rows_height = max(ROWS_MIN, map_height) if beside else 0.9
    rows_height = max(rows_height, ROW * len(chosen))
    trains_left = LEFT + MAP_WIDTH + BETWEEN if beside else LEFT
    trains_top = TOP if beside else TOP + map_depth + TITLE
    height = max(TOP + map_depth, trains_top + rows_height + BOTTOM)
    colours = unit_colours(result.centres_mm, result.diameters_mm)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasAgg(figure)

        def add_axes(left, top, width, depth):
            return figure.add_axes((left / WIDTH, 1 - (top + depth) / height, width / WIDTH, depth / height))

        map_left = LEFT + (MAP_WIDTH - map_width) / 2
        map_axes = add_axes(map_left, TOP, map_width, map_height)
        bar_axes = add_axes(map_left, TOP + map_height + COLOURBAR_DROP, map_width, COLOURBAR_HEIGHT)
        _draw_map(map_axes, bar_axes, result, truth, chosen, colours, mm_per_pt=result.pixel_mm / scale / 72)
        trains_axes = add_axes(trains_left, trains_top, WIDTH - RIGHT - trains_left, rows_height)
        _draw_trains(trains_axes, result, chosen, colours, window_s)
    return figure


def _chosen(units, n_units):
    """Indices of the units to show, in their order."""
    chosen = range(n_units) if units is None else sorted({number - 1 for number in units})
    wrong = [i + 1 for i in chosen if not 0 <= i < n_units]
    if wrong:
        raise InputError(f"units: expected numbers from 1 to {n_units}, the units found, got {wrong[0]}")
    return list(chosen)


def _checked_window(window_s, duration_s):
    if window_s is None:
        return 0.0, min(duration_s, SHOWN_S)
    start_s, end_s = map(float, window_s)
    if not 0 <= start_s < end_s <= duration_s + 1e-9:
        raise InputError(
            f"window: expected a beginning and an end within the recording of {duration_s:g} s, got {start_s:g} and "
            f"{end_s:g} s"
        )
    return start_s, end_s


def _draw_map(axes, bar_axes, result, truth, chosen, colours, mm_per_pt):
    if result.velocity_rms is None:
        bar_axes.set_axis_off()
        bar_axes.text(0, 0, "the result holds no velocity map", color="#606060", fontsize=SMALL_PT)
    draw_rms_velocity(axes, bar_axes, result.velocity_rms, result)
    axes.set_title("Territories", loc="left", pad=5)
    for i in sorted(set(range(result.n_units)) - set(chosen)):
        outline(axes, result.territories[i], result.pixel_mm, **OTHERS_LINE)
    for i in chosen:
        outline_found(axes, result.territories[i], result.pixel_mm, colours[i])
    colours = [colours[i] for i in chosen]
    if truth is not None:
        for mask in truth.territories:
            outline(axes, mask, result.pixel_mm, **TRUTH_LINE)
        draw_legend(axes, colours)
    labels = [str(i + 1) for i in chosen]
    number_territories(axes, result.territories[chosen], labels, colours, result.pixel_mm, mm_per_pt)


def draw_rms_velocity(axes, bar_axes, rms, grid):
    """Map of the RMS velocity (H, W), both axes in mm, its colour bar below; None: neither. grid: the recording, or
    anything with its image_shape, pixel_mm and velocity_unit."""
    height_mm, width_mm = np.array(grid.image_shape) * grid.pixel_mm
    axes.set(xlabel="x [mm]", ylabel="y [mm]", xlim=(0, width_mm), ylim=(height_mm, 0), aspect="equal")
    axes.xaxis.labelpad = axes.yaxis.labelpad = 2
    if rms is None:
        return
    image = axes.imshow(rms, cmap=GREYS, vmin=0, extent=(0, width_mm, height_mm, 0), interpolation="nearest")
    bar = axes.figure.colorbar(image, cax=bar_axes, orientation="horizontal")
    bar.set_label(f"RMS velocity [{grid.velocity_unit}]", labelpad=2)
    bar.outline.set_linewidth(0.4)


def outline_found(axes, mask, pixel_mm, colour):
    """Outline of a territory that was found, on a bed of white."""
    bed = withStroke(linewidth=2.6, foreground="white", alpha=0.75)
    outline(axes, mask, pixel_mm, color=colour, linewidth=1.6, path_effects=[bed])


def outline(axes, mask, pixel_mm, **line):
    """Outlines of a mask (H, W)."""
    for x_mm, y_mm in contours_mm(mask, pixel_mm):
        axes.plot(x_mm, y_mm, solid_joinstyle="round", **line)


def contours_mm(mask, pixel_mm):
    """(x, y) [mm] of each outline of a mask (H, W), halfway between the centres of its outermost pixels and those of
    their neighbours."""
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        y_mm, x_mm = (contour.T - 0.5) * pixel_mm  # padding shifts by 1, the centre of a pixel is at + 0.5
        yield x_mm, y_mm


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


def _draw_trains(axes, result, chosen, colours, window_s):
    n = len(chosen)
    part = "" if window_s == (0, result.duration_s) else f" ({window_s[0]:.4g} to {window_s[1]:.4g} of "
    part += f"{result.duration_s:.4g} s)" if part else ""
    if n > len(UNIT_COLOURS):
        part += f"; colours repeat after {len(UNIT_COLOURS)} units: go by the numbers"
    axes.set(xlim=window_s, ylim=(max(n, 1) - 0.4, -0.6), xlabel=f"Time [s]{part}", yticks=[])
    axes.xaxis.labelpad = 2
    axes.spines[["left", "right", "top"]].set_visible(False)
    if n == 0:
        axes.text(
            0.5,
            0.5,
            "No motor units found" if result.n_units == 0 else "No motor units chosen",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="#606060",
            fontsize=TEXT_PT + 1,
        )
        return
    axes.set_title("Twitch trains, each scaled to its range  ( | firing)", loc="left", pad=5)
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
    first, end = (int(np.ceil(bound_s * result.frame_rate_hz - 1e-6)) for bound_s in window_s)
    time_s = np.arange(first, end) / result.frame_rate_hz
    for row, i in enumerate(chosen):
        firings_s = result.firings[i]
        within = firings_s[(firings_s >= window_s[0]) & (firings_s < window_s[1])]
        _draw_row(axes, row, str(i + 1), time_s, result.twitch_trains[i, first:end], within, colours[i])


def _draw_row(axes, row, name, time_s, train, firings_s, colour):
    """One unit, from row - 0.5 to row + 0.5: a short line for each firing, below it its train scaled to its range;
    its number on the left, its peak on the right."""
    high, low = (float(bound) for bound in (train.max(initial=0), train.min(initial=0)))
    scale = TRAIN_SHARE / (high - low or 1.0)
    rest = row + 0.47 + scale * low if high > low else float(row)  # where the velocity is 0
    axes.axhline(rest, color="#d9d9d9", linewidth=0.5, zorder=0)
    axes.plot(time_s, rest - scale * train, color=colour, linewidth=0.8, solid_joinstyle="round")
    axes.vlines(firings_s, row - 0.5, row - 0.37, color="#202020", linewidth=0.8)
    peak = max(abs(high), abs(low))
    axes.annotate(
        name,
        (0, row),
        xycoords=("axes fraction", "data"),
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
