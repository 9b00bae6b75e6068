"""The four flips of Ali et al. 2020. A flip of images is a flip of the maps they are rendered from, at a hundredth of
the cost, and truth is cut from flipped masks: one function serves all."""

from __future__ import annotations

import numpy as np

N_FLIPS = 4
"""0 none, 1 top to bottom (y), 2 left to right (x), 3 both."""


def flip(array: np.ndarray, code: int, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """A view of the array flipped by `code`; axes: which are (y, x), e.g. (0, 1) for images (H, W, T)."""
    if code not in range(N_FLIPS):
        raise ValueError(f"flip: expected a code 0-{N_FLIPS - 1}, got {code!r}")
    chosen = [axis for bit, axis in zip((1, 2), axes, strict=True) if code & bit]
    return np.flip(array, chosen) if chosen else array
