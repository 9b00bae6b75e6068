"""The plots of the page, drawn by Bokeh: empty here, filled by page.js with the unit that is chosen.

Bokeh, as its file of 1.3 MB goes into every page where Plotly's is 4.8 MB: a page of 40 units and 10 s then has 2.1 MB
instead of 5.5 MB and opens about as fast. It needs no network, its axes over time move together, its licence is BSD.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bokeh.embed import components
from bokeh.models import BoxAnnotation, ColumnDataSource, FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from muspipe.discharges.synchrony import LONGEST_LAG_S, PEAK_S
from muspipe.report.measures import TWITCH_WINDOW_S

TOOLS = "xpan,xbox_zoom,xwheel_zoom,reset,save"
HEIGHT_PX, RASTER_HEIGHT_PX = 170, 240
"""page.js makes the raster and the matrix as high as their units need."""
LEFT_PX = 62
"""Room for the numbers of the y axis, the same for all, so that those over time stand under each other."""
LINE = {"line_width": 1.5, "line_join": "round"}
RANDOM_NAME = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of elements and documents, by Bokeh."""


@lru_cache(maxsize=1)
def library() -> str:
    """BokehJS, its plots alone: what all pages need and none can fetch."""
    return "\n".join(Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw)


@lru_cache(maxsize=1)
def plots() -> tuple[str, dict[str, str]]:
    """(script that draws them, {name: the element it draws into}): train, rate, twitch, intervals, raster, drive,
    matrix, cross.

    Figures and sources of data have these names in Bokeh's document; the four over time move together. They are made
    once and Bokeh's random names are replaced, so that equal results have equal pages.
    """
    time_range = Range1d(0, 1)
    figures = [
        _train(time_range),
        _rate(time_range),
        _twitch(),
        _intervals(),
        _raster(time_range),
        _drive(time_range),
        _matrix(),
        _cross(),
    ]
    for plot in figures:
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
    script, elements = components({plot.name: plot for plot in figures}, wrap_script=False)
    found = dict.fromkeys(RANDOM_NAME.findall(script + "".join(elements.values())))
    names = {random: f"muspipe-{i}" for i, random in enumerate(found)}

    def named(text):
        return RANDOM_NAME.sub(lambda match: names[match[0]], text)

    return named(script), {name: named(element) for name, element in elements.items()}


def _figure(name, x_label, y_label, height=HEIGHT_PX, **more):
    ranges = {"x_range": Range1d(0, 1), "y_range": Range1d(0, 1)} | more
    plot = figure(name=name, height=height, tools=TOOLS, sizing_mode="stretch_width", min_border_left=LEFT_PX, **ranges)
    plot.xaxis.axis_label, plot.yaxis.axis_label = x_label, y_label
    plot.xgrid.visible = False
    return plot


def _source(name, *columns):
    return ColumnDataSource(name=name, data={column: [] for column in columns})


def _hover(plot, renderer, *tooltips, mode="vline"):
    plot.add_tools(HoverTool(renderers=[renderer], tooltips=list(tooltips), mode=mode))


def _train(time_range):
    plot = _figure("train", "Time [s]", "Velocity", x_range=time_range)
    line = plot.line("x", "y", source=_source("train data", "x", "y"), name="train line", **LINE)
    firings = _source("firings data", "x", "y")
    plot.scatter("x", "y", source=firings, size=7, marker="circle", name="train firings")
    _hover(plot, line, ("time", "@x{0.000} s"), ("velocity", "@y{0.000}"))
    return plot


def _rate(time_range):
    plot = _figure("rate", "Time [s]", "Rate [Hz]", x_range=time_range)
    dots = plot.scatter("x", "y", source=_source("rate data", "x", "y"), size=6, marker="circle", name="rate dots")
    _hover(plot, dots, ("time", "@x{0.000} s"), ("rate", "@y{0.0} Hz"))
    return plot


def _twitch():
    plot = _figure(
        "twitch", "Time about the firing [ms]", "Velocity", x_range=Range1d(*(1000 * t for t in TWITCH_WINDOW_S))
    )
    source = _source("twitch data", "x", "mean", "low", "high")
    plot.varea("x", "low", "high", source=source, fill_alpha=0.25, name="twitch band")
    line = plot.line("x", "mean", source=source, name="twitch line", **LINE)
    _hover(plot, line, ("after the firing", "@x{0} ms"), ("mean", "@mean{0.000}"))
    return plot


def _intervals():
    plot = _figure("intervals", "Interval [ms]", "Intervals")
    source = _source("intervals data", "left", "right", "top")
    bars = plot.quad("left", "right", "top", 0, source=source, line_width=0.5, name="intervals bars")
    _hover(plot, bars, ("from", "@left{0} ms"), ("intervals", "@top{0}"))
    return plot


def _raster(time_range):
    plot = _figure("raster", "Time [s]", "Unit", RASTER_HEIGHT_PX, x_range=time_range, y_range=Range1d(2, 0))
    plot.scatter(
        "x",
        "y",
        source=_source("raster data", "x", "y", "colour"),
        marker="dash",
        angle=90,
        angle_units="deg",
        size=9,
        line_color="colour",
        line_width=1.5,
        name="raster marks",
    )
    plot.add_layout(BoxAnnotation(name="raster row", top=0, bottom=0, fill_alpha=0.16, line_alpha=0, level="underlay"))
    plot.yaxis.ticker = FixedTicker(name="raster ticks", ticks=[])
    plot.ygrid.visible = False
    return plot


def _drive(time_range):
    plot = _figure("drive", "Time [s]", "Firings [1/s]", x_range=time_range)
    line = plot.line("x", "y", source=_source("drive data", "x", "y"), name="drive line", **LINE)
    _hover(plot, line, ("time", "@x{0.00} s"), ("firings", "@y{0.0} a second"))
    return plot


def _matrix():
    """A cell for each pair of units, coloured by z; the pair that is shown in `cross` has a frame."""
    plot = _figure("matrix", "Unit", "Unit", RASTER_HEIGHT_PX, y_range=Range1d(2, 0))
    source = _source("matrix data", "x", "y", "colour", "alpha", "z", "n", "chance", "cis")
    cells = plot.rect("x", "y", 1, 1, source=source, fill_color="colour", fill_alpha="alpha", line_color=None)
    framed = _source("matrix pair data", "x", "y")
    plot.rect("x", "y", 1, 1, source=framed, fill_color=None, line_width=2, name="matrix pair")
    _hover(
        plot,
        cells,
        ("units", "@y and @x"),
        ("synchronous firings", "@n, by chance @chance{0.0}"),
        ("common input", "@cis{0.00} a second"),
        ("z", "@z{0.0}"),
        mode="mouse",
    )
    for axis, name in ((plot.xaxis, "matrix x ticks"), (plot.yaxis, "matrix y ticks")):
        axis.ticker = FixedTicker(name=name, ticks=[])
    plot.ygrid.visible = False
    return plot


def _cross():
    longest_ms, peak_ms = 1e3 * LONGEST_LAG_S, 1e3 * PEAK_S
    plot = _figure("cross", "Lag [ms]", "Firings", RASTER_HEIGHT_PX, x_range=Range1d(-longest_ms, longest_ms))
    source = _source("cross data", "left", "right", "top")
    bars = plot.quad("left", "right", "top", 0, source=source, line_width=0.5, name="cross bars")
    _hover(plot, bars, ("from", "@left{0.0} ms"), ("firings", "@top{0}"))
    plot.add_layout(
        BoxAnnotation(name="cross peak", left=-peak_ms, right=peak_ms, fill_alpha=0.16, line_alpha=0, level="underlay")
    )
    plot.add_layout(Span(name="cross chance", dimension="width", location=0, line_width=1.5, line_dash="dashed"))
    return plot
