"""Training batches as pictures: what the networks see, with the truth drawn over it."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from muspipe.figures.style import RC, unit_colours

WIDTH_INCH = 7.2
"""Two columns of a journal."""


def draw_detection_batch(batch: dict, config, n_shown: int = 8) -> Figure:
    """Each example twice: the frame in which it moves most (above), its RMS velocity with boxes and outlines (below).

    batch: from loader.detection_batches; config: SimulationConfig, for scales. Shows the first n_shown examples.
    """
    n_shown = min(n_shown, len(batch["images"]))
    columns = min(4, n_shown)
    rows = 2 * -(-n_shown // columns)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH_INCH, WIDTH_INCH / columns * rows * 1.04 + 0.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
        for panel in axes.flat:
            panel.set(xticks=(), yticks=())
        for panel in axes[-2:, (n_shown - 1) % columns + 1 :].flat:
            panel.set_axis_off()
        for i in range(n_shown):
            above, below = axes[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]
            images = batch["images"][i, ..., 0]
            _draw_frame(above, images, config)
            n_units = int((batch["class_ids"][i] > 0).sum())
            _draw_truth(below, images, batch["masks"][i, :n_units], batch["boxes"][i, :n_units], config)
        height_mm, width_mm = np.array(config.image_shape) * config.pixel_mm
        figure.suptitle(
            f"Above: standardised velocity (blue -3 SD, red +3 SD). Below: its RMS, true boxes and territories. "
            f"{width_mm:g} x {height_mm:g} mm",
            fontsize=RC["font.size"],
        )
    return figure


def draw_twitch_batch(batch: dict, config, n_shown: int = 12) -> Figure:
    """Each crop: RMS velocity with the outline of the territory; beside it the true train over the mean velocity.

    batch: from loader.twitch_batches; config: SimulationConfig, for scales. Shows the first n_shown crops.
    """
    n_shown = min(n_shown, len(batch["crops"]))
    rows = -(-n_shown // 2)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH_INCH, 0.95 * rows + 0.7), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, 4, squeeze=False, width_ratios=(1, 3, 1, 3))
        for panel in axes.flat[2 * n_shown :]:
            panel.set_axis_off()
        time_s = np.arange(batch["trains"].shape[1]) / config.frame_rate_hz
        for i in range(n_shown):
            crop_axes, train_axes = axes.flat[2 * i], axes.flat[2 * i + 1]
            crop, mask = batch["crops"][i, ..., 0], batch["masks"][i]
            crop_axes.imshow(_rms(crop), cmap="Greys", vmin=0, extent=(0, mask.shape[1], mask.shape[0], 0))
            _outline(crop_axes, mask, "#D55E00")
            crop_axes.set(xticks=(), yticks=(), ylabel=f"crop {i}")
            train_axes.plot(time_s, crop[mask].mean(axis=0), color="#9a9a9a", linewidth=0.8)
            train_axes.plot(time_s, batch["trains"][i], color="#D55E00", linewidth=0.8)
            train_axes.set(xlim=(0, time_s[-1]))
            train_axes.spines[["top", "right"]].set_visible(False)
            if i >= n_shown - 2:
                train_axes.set_xlabel("time [s]")
            else:
                train_axes.set_xticklabels(())
        figure.suptitle(
            "Left: RMS velocity and true territory. Right: mean velocity in it (grey) and true twitch train "
            "(orange), standardised",
            fontsize=RC["font.size"],
        )
    return figure


def _rms(images):
    return np.sqrt(np.mean(np.square(images), axis=-1))


def _extent(config):
    height_mm, width_mm = np.array(config.image_shape) * config.pixel_mm
    return 0, width_mm, height_mm, 0


def _draw_frame(axes, images, config):
    frame = int(np.square(images).mean(axis=(0, 1)).argmax())
    axes.imshow(images[..., frame], cmap="RdBu_r", vmin=-3, vmax=3, extent=_extent(config), interpolation="nearest")
    axes.set_title(f"{1000 * frame / config.frame_rate_hz:.0f} ms", loc="left", pad=2)


def _draw_truth(axes, images, masks, boxes, config):
    axes.imshow(_rms(images), cmap="Greys", vmin=0, extent=_extent(config), interpolation="nearest", alpha=0.6)
    boxes_mm = boxes * config.pixel_mm
    begin_mm, end_mm = boxes_mm[:, :2], boxes_mm[:, 2:]
    colours = unit_colours((begin_mm + end_mm) / 2, (end_mm - begin_mm).mean(axis=1))
    for mask, (y1, x1, y2, x2), colour in zip(masks, boxes_mm, colours, strict=True):
        _outline(axes, mask, colour, config.pixel_mm)
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=0.4))
    axes.set_title(f"{len(masks)} motor unit{'' if len(masks) == 1 else 's'}", loc="left", pad=2)


def _outline(axes, mask, colour, pixel_size=1.0):
    """Outline of a mask; padded, so that it is closed at the border of the image."""
    y, x = ((np.arange(length + 2) - 0.5) * pixel_size for length in mask.shape)
    axes.contour(x, y, np.pad(mask, 1).astype(float), levels=[0.5], colors=[colour], linewidths=0.9)
