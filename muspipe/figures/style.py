"""What all figures share: type sizes, the colours of motor units, and where their numbers go on a map."""

from __future__ import annotations

import numpy as np

from muspipe.territories import centroid

UNIT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#666B00")
"""Colour-blind readers can tell them apart, too (palette of Okabe and Ito, olive and wine for black and yellow)."""

TEXT_PT, SMALL_PT = 8.0, 7.0
"""Type sizes [pt] for figures printed at their own size."""

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": TEXT_PT,
    "axes.titlesize": TEXT_PT,
    "axes.labelsize": TEXT_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}
"""Settings of matplotlib, for `matplotlib.rc_context(RC)` while drawing; global settings stay untouched."""


def unit_colours(centres_mm: np.ndarray, diameters_mm: np.ndarray) -> list[str]:
    """One colour for each motor unit, centres (n, 2), diameters (n,). Units that share a colour lie far apart.

    Each palette colour is used about equally often, and never for two units in a row.
    """
    colours = []
    for centre, diameter in zip(centres_mm, diameters_mm, strict=True):
        before = len(colours)
        counts = {colour: colours.count(colour) for colour in UNIT_COLOURS}
        free = [c for c in UNIT_COLOURS if counts[c] <= min(counts.values()) + 1 and colours[-1:] != [c]]
        gaps_mm = np.hypot(*(centres_mm[:before] - centre).T) - (diameters_mm[:before] + diameter) / 2
        clearance_mm = {
            c: min((g for g, used in zip(gaps_mm, colours, strict=True) if used == c), default=np.inf) for c in free
        }
        colours.append(max(free, key=clearance_mm.get))  # the first of equals: palette order
    return colours


def place_labels(masks: np.ndarray, pixel_mm: float, sizes_mm: np.ndarray) -> np.ndarray:
    """Where to write each territory's number: label centres (n, 2), (x, y) [mm].

    masks: bool (n, H, W); sizes_mm: (n, 2), width and height of the labels. The middle is tried first, then places
    elsewhere inside, then just outside. Labels keep clear of each other and inside the image where there is room.
    """
    placed = np.full((len(masks), 2), np.nan)
    height_px, width_px = masks.shape[1:]
    field_mm = np.array([width_px, height_px]) * pixel_mm
    areas = masks.sum(axis=(1, 2))
    for i in np.argsort(areas, kind="stable"):  # the smallest have the least choice
        if not areas[i]:
            continue
        centre = centroid(masks[i])[::-1] * pixel_mm
        radius_mm = np.sqrt(areas[i] / np.pi) * pixel_mm
        spots, costs = _candidates(centre, radius_mm, sizes_mm[i])
        column, row = np.clip(spots // pixel_mm, 0, (width_px - 1, height_px - 1)).astype(int).T
        others = masks[:, row, column].sum(axis=0) - masks[i, row, column]
        costs += np.minimum(
            0.3 * others, 0.6
        )  # on pixels that are its alone if there are any, else inside rather than out
        half = sizes_mm[i] / 2
        costs += 100 * ((spots < half) | (spots > field_mm - half)).any(axis=1)
        done = ~np.isnan(placed[:, 0])
        gap = np.abs(spots[:, None] - placed[done]) - (sizes_mm[i] + sizes_mm[done]) / 2
        costs += 10 * (gap < 0).all(axis=2).sum(axis=1)
        placed[i] = spots[costs.argmin()]
    return placed


def _candidates(centre, radius_mm, size_mm):
    """Label centres (k, 2) and their costs (k,): the middle, two rings inside the rim, two rings outside it."""
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False) - np.pi / 4  # the first outside is up and to the right
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outside = radius_mm + 0.55 * size_mm.max()
    radii = (0.0, 0.5 * radius_mm, 0.8 * radius_mm, outside, outside + 0.6 * size_mm.max())
    spots = np.concatenate([centre + radius * ring for radius in radii])
    return spots, np.repeat([0.0, 0.3, 0.4, 0.8, 1.4], len(ring))
