"""Frames of a recording in one colour scale, like Figs. 12 and 13 of Ali et al. 2020."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.figures.style import RC
from muspipe.recordings.recording import Recording

WIDTH_INCH, COLUMNS = 7.2, 4
SHOWN_PERCENTILE = 99.8


def draw_frames(recording: Recording, n_shown: int = 8, title: str = "") -> Figure:
    """n_shown frames, evenly spaced from the first on, each with its time; the velocity of all in one colour scale.

    Blue moves against the contraction, red with it. The scale ends at the 99.8th percentile of the speeds shown: a few
    pixels in which several units move together would otherwise leave all else pale.
    """
    n_shown = min(n_shown, recording.n_frames)
    frames = np.arange(n_shown) * recording.n_frames // n_shown
    fastest = float(np.percentile(np.abs(recording.velocity[..., frames]), SHOWN_PERCENTILE)) or 1.0
    height_mm, width_mm = np.array(recording.image_shape) * recording.pixel_mm
    columns = min(COLUMNS, n_shown)
    rows = -(-n_shown // columns)
    panel = (WIDTH_INCH - 1.7) / columns * height_mm / width_mm + 0.22
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH_INCH, rows * panel + 0.65), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis in axes.flat[n_shown:]:
            axis.set_axis_off()
        for axis, frame in zip(axes.flat, frames, strict=False):
            image = axis.imshow(
                recording.velocity[..., frame],
                cmap="RdBu_r",
                vmin=-fastest,
                vmax=fastest,
                extent=(0, width_mm, height_mm, 0),
                interpolation="nearest",
            )
            axis.set_title(f"{1000 * frame / recording.frame_rate_hz:g} ms", loc="left", pad=2)
        for axis in axes[-1]:
            axis.set_xlabel("x [mm]")
        for axis in axes[:, 0]:
            axis.set_ylabel("y [mm]")
        bar = figure.colorbar(image, ax=axes, aspect=35, pad=0.02, extend="both")
        bar.set_label(f"Velocity [{recording.velocity_unit}]")
        bar.outline.set_linewidth(0.4)
        if title:
            figure.suptitle(title, fontsize=RC["font.size"] + 1)
    return figure
