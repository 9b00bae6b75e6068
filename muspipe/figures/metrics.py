"""Metrics against the number of motor units: lines with their SD on an axis that shows their differences."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.figures.published import add_legend, add_published
from muspipe.figures.style import RC, UNIT_COLOURS

PANELS = {
    "recall": "Detection recall",
    "precision": "Detection precision",
    "segmentation_recall": "Pixel recall",
    "segmentation_precision": "Pixel precision",
    "roa": "Rate of agreement",
    "roa_discharges": "RoA with the true discharges",
}
LOWEST = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25, 0.0)
"""Where an axis may begin: at the first that is not above what is drawn."""
NOTHING = {"mean": None, "sd": None}
BETWEEN = 0.3
"""Distance of lines of several noise levels, so that their bars do not lie on each other [motor units]."""


def draw_metrics(by_method: dict[str, dict], snr_db: float | None = None, published=()) -> Figure:
    """Mean and SD of each metric that any method has; a line for each method (marker and line style) and noise level
    (colour).

    by_method: {label: metrics as in metrics.json}. snr_db: draw only this noise level [dB], each method in a colour.
    published: statements as in experiments/published.json.
    """
    snrs = noise_levels(by_method.values())
    if snr_db is not None:
        snrs = [snr for snr in snrs if float(snr) == snr_db]
    cells = [cell for metrics in by_method.values() for cell in metrics["cells"]]
    shown = [name for name in PANELS if any(measured(cell, name) for cell in cells)] or list(PANELS)
    with matplotlib.rc_context(RC):
        rows = -(-len(shown) // 3)
        figure = Figure(figsize=(7.2, 0.5 + 2.1 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, 3, sharex=True, squeeze=False).ravel()
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        axes = axes[: len(shown)]
        for axis, name in zip(axes, shown, strict=True):
            axis.set_ylabel(PANELS[name])
            _draw_methods(axis, by_method, name, snrs, snr_db is not None)
            zoom([axis])
            add_published(axis, name, published)
        for axis in axes[-3:]:
            axis.set_xlabel("Motor units")
            axis.xaxis.set_tick_params(labelbottom=True)
            axis.set_xticks(sorted({cell["n_units"] for cell in cells}))
        add_legend(figure)
        data = next(iter(by_method.values()))["data"]
        title = f"{', '.join(by_method)}: " if snr_db is None else f"{snr_db:g} dB, "
        title += f"scenario {data['scenario']} ({of_sequences(cells, shown)})"
        figure.suptitle(title, fontsize=RC["font.size"] + 1)
    return figure


def _draw_methods(axis, by_method, name, snrs, one_level):
    """The lines of all methods and noise levels."""
    looks = zip(("-", "--", ":", "-.") * 2, "osd^v<>x", strict=True)
    for number, ((style, marker), (label, metrics)) in enumerate(zip(looks, by_method.items(), strict=False)):
        for level, snr in enumerate(snrs):
            text = noise_text(snr) if len(by_method) == 1 else f"{label}, {noise_text(snr)}"
            colour = UNIT_COLOURS[(number if one_level else level) % len(UNIT_COLOURS)]
            look = {"color": colour, "linestyle": style, "marker": marker, "label": label if one_level else text}
            add_line(axis, metrics["cells"], name, snr, shift=BETWEEN * (level - (len(snrs) - 1) / 2), **look)


def add_line(axis, cells, metric, snr_db, *, shift=0.0, **look) -> None:
    """Means of a metric at a noise level against the number of units, with bars of one SD, which end at 0 and 1. shift:
    to the right [motor units]."""
    cells = [cell for cell in cells if str(cell["snr_db"]) == str(snr_db) and measured(cell, metric)]
    mean = np.array([cell[metric]["mean"] for cell in cells], float)
    sd = np.array([cell[metric]["sd"] or 0.0 for cell in cells], float)
    units = np.array([cell["n_units"] for cell in cells], float) + shift
    bars = [np.minimum(sd, np.maximum(mean, 0)), np.minimum(sd, np.maximum(1 - mean, 0))]
    axis.errorbar(units, mean, bars, **({"markersize": 3, "linewidth": 1, "elinewidth": 0.6, "capsize": 1.5} | look))


def zoom(axes) -> None:
    """Let axes begin, all at the same value, just below what their lines and bars reach; they end a little above 1."""
    lowest = 1.0
    drawn = False
    for container in (container for axis in axes for container in axis.containers):
        for _, low in (point for bar in container.lines[2] for line in bar.get_segments() for point in line):
            lowest, drawn = min(lowest, low), True
    begin = next(value for value in LOWEST if value <= lowest) if drawn else 0.0
    for axis in axes:
        axis.set_ylim(begin, 1 + 0.04 * (1 - begin))
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines["left"].set_bounds(begin, 1)
        axis.grid(axis="y", color="#e6e6e6", linewidth=0.5)
        axis.set_axisbelow(True)


def measured(cell: dict, metric: str) -> bool:
    """Whether a cell has a mean of a metric."""
    return cell.get(metric, NOTHING)["mean"] is not None


def noise_levels(evaluations) -> list[str]:
    """SNRs of the cells of evaluations, as texts, in their order."""
    return list(dict.fromkeys(str(cell["snr_db"]) for metrics in evaluations for cell in metrics["cells"]))


def noise_text(snr_db: str) -> str:
    """A noise level in words."""
    return "no noise" if snr_db == "inf" else f"{float(snr_db):g} dB"


def of_sequences(cells, metrics) -> str:
    """What the marks are, in words, with the number of sequences of a cell."""
    counts = sorted({cell["n_sequences"] for cell in cells})
    said = "-".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    with_sd = any(cell.get(metric, NOTHING)["sd"] is not None for cell in cells for metric in metrics)
    return f"mean{', SD' if with_sd else ''} over {said} sequence{'' if said == '1' else 's'} a cell"
