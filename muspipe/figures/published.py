"""What Ali et al. 2020 states, drawn into panels of metrics against the number of motor units."""

from __future__ import annotations

from matplotlib.figure import Figure

from muspipe.figures.style import SMALL_PT

MARKS = {"network": ("D", "published network"), "stica": ("X", "published stICA")}
"""method of a statement: (marker, name)."""
LOOK = {"color": "black", "zorder": 4}


def add_published(axis, metric: str, statements) -> None:
    """Draw published means of a metric, of statements as in experiments/published.json: marks at their numbers of
    units, dotted lines and bands where they hold for all. What lies below the axis is written at its lower end. After
    the axis has its limits."""
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
                axis.axhline(value, linestyle=":", linewidth=1, label=f"{label}, at least", **LOOK)
            elif at == "between" and value[1] < low:
                below.append(f"{short}{value[0]:.2f}-{value[1]:.2f}")
            elif at == "between":
                axis.axhspan(*value, color="black", alpha=0.12, linewidth=0, label=f"{label}, range")
            elif value < low:
                below.append(f"{short}{value:.2f} at {at} units")
            else:
                look = {"marker": marker, "markersize": 4, "linestyle": "", "markerfacecolor": "none"}
                axis.plot([int(at)], [value], label=label, **look, **LOOK)
    if below:
        text = "\u2193 published: " + "\n    ".join(below)
        look = {"fontsize": SMALL_PT - 1, "color": "#404040", "va": "bottom", "in_layout": False}
        axis.text(0.03, 0.03, text, transform=axis.transAxes, **look)


def add_legend(figure: Figure) -> None:
    """One for all panels, below them; what is published comes last."""
    pairs = (zip(*axis.get_legend_handles_labels(), strict=True) for axis in figure.axes)
    known = {label: handle for axis in pairs for handle, label in axis}
    known = {label: known[label] for label in sorted(known, key=lambda label: label.startswith("published"))}
    look = {"frameon": False, "fontsize": SMALL_PT, "ncols": min(len(known), 5) or 1}
    figure.legend(known.values(), known, loc="outside lower center", **look)
