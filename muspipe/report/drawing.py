"""The map of territories as the parts of an SVG drawing, in mm; what lies under it as PNGs within the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.image import imsave

from muspipe.figures.identification import GREYS, contours_mm
from muspipe.figures.style import UNIT_COLOURS, place_labels, unit_colours
from muspipe.recordings.recording import BMODE_DB
from muspipe.recordings.result import Result

TEXT_SHARE = 0.034
"""Height of a number in the map, as a share of the map's larger side."""


def map_of(result: Result) -> dict:
    """width_mm, height_mm; grounds, the images under the territories of which one is shown; text_mm; ticks along both
    axes; units in the order of drawing, the largest first, so that the smaller ones can be pointed
    at: number, path, label (x, y) or None, colour (index into the palette)."""
    height_mm, width_mm = (side * result.pixel_mm for side in result.image_shape)
    text_mm = TEXT_SHARE * max(height_mm, width_mm)
    sizes_mm = np.array([(0.62 * len(str(i + 1)) + 0.3, 1.0) for i in range(result.n_units)]).reshape(-1, 2) * text_mm
    labels = place_labels(result.territories, result.pixel_mm, sizes_mm)
    colours = [UNIT_COLOURS.index(colour) for colour in unit_colours(result.centres_mm, result.diameters_mm)]
    order = np.argsort(-result.territories.sum(axis=(1, 2)), kind="stable")
    return {
        "width_mm": width_mm,
        "height_mm": height_mm,
        "text_mm": text_mm,
        "grounds": _grounds(result),
        "x_ticks_mm": _ticks(width_mm),
        "y_ticks_mm": _ticks(height_mm),
        "colours": colours,
        "units": [
            {
                "number": int(i) + 1,
                "path": _path(result.territories[i], result.pixel_mm),
                "label": None if np.isnan(labels[i]).any() else [round(float(side), 3) for side in labels[i]],
                "colour": colours[i],
            }
            for i in order
        ],
    }


def _grounds(result):
    """[{name, title, image (a data URI), says, and the ends of its scale: low, high}]"""
    grounds = []
    if result.velocity_rms is not None:
        most = float(result.velocity_rms.max())
        grounds.append(
            {
                "name": "velocity",
                "title": "Velocity",
                "image": _png_uri(result.velocity_rms, GREYS, most or 1.0),
                "says": "root mean square of the velocity",
                "low": "0",
                "high": f"{most:.3g} {result.velocity_unit}",
            }
        )
    if result.bmode is not None:
        grounds.append(
            {
                "name": "bmode",
                "title": "B-mode",
                "image": _png_uri(result.bmode, "gray", 255),
                "says": "brightness of the echoes (B-mode)",
                "low": f"−{BMODE_DB:g} dB",
                "high": "0 dB",
            }
        )
    return grounds


def _png_uri(values, colours, most):
    image = io.BytesIO()
    imsave(image, values, cmap=colours, vmin=0, vmax=most, format="png")
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()


def _path(mask, pixel_mm):
    """The outlines of a mask as the text of an SVG path."""
    rings = (zip(x_mm, y_mm, strict=True) for x_mm, y_mm in contours_mm(mask, pixel_mm))
    return "".join("M" + "L".join(f"{x:.3f} {y:.3f}" for x, y in ring) + "Z" for ring in rings)


def _ticks(length_mm):
    """Round lengths [mm] from 0 on, at most six steps."""
    steps = [base * 10.0**power for power in range(-2, 4) for base in (1, 2, 5)]
    step = next((step for step in steps if length_mm / step <= 6), steps[-1])
    return [float(f"{i * step:g}") for i in range(int(length_mm / step + 1e-9) + 1)]
