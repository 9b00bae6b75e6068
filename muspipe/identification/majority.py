"""The territory of a unit that both the separation and a network have found, as two of three say.

The separation follows the data, in echoes also where drag and speckle lead astray; a network knows what territories
look like, but does not draw them to the pixel. The third vote is the response of each pixel to the unit's signal, next
to all other units' signals.

Shapes: m candidates, H x W pixels, P = H W, T frames.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from muspipe.baselines.shapes import dilate
from muspipe.leastsquares import fit_signals

LEVEL = 0.3
"""Where the response says that a territory ends: of its median within both shapes. Of 0.2 to 0.55 what follows most
shapes of echoes, ellipses and irregular outlines (measured on simulations)."""
BLUR = 0.1
"""SD of the blur of a response, of the territory's diameter; at most 1 px."""
LEAST_PX = 25
"""Smaller territories keep the separation's shape: a pixel of their outline is too large a part of them."""
FLAT = 2.0
"""The separation's shape stays where, as a flat territory, it explains the response so much better than the majority's
that less than 1 / FLAT of the squares remains: the data are then what the separation takes them for."""
MARGIN_PX = 3
"""So far around both shapes it counts what they leave unexplained."""


def majority(velocity: np.ndarray, signals: np.ndarray, shapes: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """bool (n, H, W): territories of units with these shapes of the separation and outlines of the network, each
    bool (n, H, W). velocity (P, T); signals (m, T) of all units, of which the first n are these."""
    both = shapes & outlines
    areas = both.sum(axis=(1, 2))
    voting = np.flatnonzero(areas >= LEAST_PX)
    territories = shapes.copy()
    if not len(voting):
        return territories
    near = shapes[voting] | outlines[voting]
    for _ in range(MARGIN_PX):
        near = dilate(near)
    for i, around, response in zip(voting, near, responses(velocity, signals, shapes.shape[1:])[voting], strict=True):
        blurred = gaussian_filter(response, min(1.0, BLUR * 2 * np.sqrt(areas[i] / np.pi)))
        third = blurred > LEVEL * np.median(blurred[both[i]])
        voted = both[i] | third & (shapes[i] | outlines[i])
        if _unexplained(response, voted, around) < FLAT * _unexplained(response, shapes[i], around):
            territories[i] = voted
    return territories


def responses(velocity: np.ndarray, signals: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """float32 (m, H, W): how much of each signal (m, T) is in each pixel of a velocity (P, T), all signals together."""
    centred = signals - signals.mean(axis=1, keepdims=True)
    moving = velocity - velocity.mean(axis=1, keepdims=True)
    return fit_signals(centred, moving.T, ridge=1e-2).reshape(len(signals), *image_shape)


def _unexplained(response, shape, around):
    """Squares of a response (H, W), summed around a shape, that are left by a flat territory of that shape."""
    inside = response[shape & around]
    total = float(np.sum(response[around] ** 2))
    return total - float(inside.sum()) ** 2 / max(inside.size, 1)
