"""Territories of a few pixels, drawn at half of their peak.

A territory that is hardly wider than the blur of the image is seen as a dot with a soft rim, wider than itself. The
separation draws at a share of a plateau that such a dot does not have, and a network has not seen such small ones: both
draw the rim as well. Half of its peak is where a dot is as wide as what was blurred.

Shapes: n candidates, H x W pixels, P = H W, T frames.
"""

from __future__ import annotations

import numpy as np

from muspipe.baselines.shapes import connected_shape
from muspipe.identification.majority import responses
from muspipe.leastsquares import fit_signals
from muspipe.territories import flat

LARGEST_MM = 2.75
"""Shapes as large as a wider disc have an inside, and stay. Of 1.25 to 2 mm, blurred by half a millimetre, are the
smallest territories of the simulations, and they are seen at up to this size."""
LEVEL = 0.45
"""Where a dot ends, of its peak: a pixel holds a mean, so that the peak is a little lower than the dot's."""


def without_rims(velocity: np.ndarray, shapes: np.ndarray, pixel_mm: float) -> np.ndarray:
    """bool (n, H, W): the shapes (n, H, W), but of small ones of which at least half is rim only the dot. velocity
    (P, T)."""
    areas = shapes.sum(axis=(1, 2))
    small = np.flatnonzero(areas * pixel_mm**2 <= np.pi / 4 * LARGEST_MM**2)
    if not len(small):
        return shapes
    drawn = shapes.copy()
    signals = fit_signals(flat(shapes), velocity, ridge=1e-2)
    for i, response in zip(small, responses(velocity, signals, shapes.shape[1:])[small], strict=True):
        within = np.where(shapes[i], response, 0)
        dot = connected_shape(within > LEVEL * within.max(), within == within.max())
        if 2 * dot.sum() <= areas[i]:
            drawn[i] = dot
    return drawn
