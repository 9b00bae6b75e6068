"""Territories as masks: how much they share, where their centres are, which are the same, and discs in their place.

Masks are bool (n, H, W), or already flat (n, P). Positions are (y, x) [px] from the image's top left corner, so the
middle of the first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates


def flat(masks: np.ndarray) -> np.ndarray:
    """Masks (n, H, W) -> float32 (n, P)."""
    masks = np.asarray(masks)
    return masks.reshape(len(masks), np.prod(masks.shape[1:], dtype=int)).astype(np.float32, copy=False)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every mask of a (n) with every mask of b (m): float64 (n, m); 0 for two empty ones."""
    shared, area_a, area_b = _shared_pixels(a, b)
    return shared / np.maximum(area_a + area_b - shared, 1)


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared pixels over the smaller mask's pixels, of every mask of a (n) with every mask of b (m): float64 (n, m)."""
    shared, area_a, area_b = _shared_pixels(a, b)
    return shared / np.maximum(np.minimum(area_a, area_b), 1)


def distinct(masks: np.ndarray, same_iou: float) -> list[int]:
    """Indices of the masks, given best first, that have pixels and no better mask among them with an IoU above
    same_iou."""
    masks = flat(masks)
    some = np.flatnonzero(masks.any(axis=1))
    return some[first_of(iou(masks[some], masks[some]) > same_iou)].tolist()


def first_of(same: np.ndarray) -> list[int]:
    """Indices of those, given best first, that are not the same as a better one among them. same: bool (n, n)."""
    kept: list[int] = []
    for index in range(len(same)):
        if not same[index, kept].any():
            kept.append(index)
    return kept


def centroid(mask: np.ndarray) -> np.ndarray:
    """Mean (y, x) [px] of the pixels of a mask (H, W); NaN for one without pixels."""
    return np.argwhere(mask).mean(axis=0) + 0.5 if mask.any() else np.full(2, np.nan)


def discs(centres: np.ndarray, radii: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """bool (n, H, W): the pixels whose middle is within radius (n,) [px] of centre (n, 2) [px]. shape: (H, W)."""
    cy, cx = np.reshape(centres, (-1, 2)).T[..., None, None]
    y, x = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1]) + 0.5
    return (y - cy) ** 2 + (x - cx) ** 2 <= np.asarray(radii)[:, None, None] ** 2


def ray_lengths(mask: np.ndarray, centre: tuple[float, float], n_rays: int) -> np.ndarray:
    """(n_rays,) distance [px] from the centre (y, x) to where a mask (H, W) first ends, in directions that begin at +x
    and go towards +y; at least 0.5. Beyond the image is no territory."""
    angles = 2 * np.pi * np.arange(n_rays) / n_rays
    steps = np.arange(0.25, np.hypot(*mask.shape), 0.25)
    directions = np.stack([np.sin(angles), np.cos(angles)])
    places = np.reshape(centre, (2, 1, 1)) - 0.5 + directions[:, :, None] * steps
    inside = map_coordinates(mask.astype(np.float32), places, order=1, mode="constant") >= 0.5
    inside[:, -1] = False
    return np.maximum(steps[inside.argmin(axis=1)] - 0.125, 0.5)


def stars(centres: np.ndarray, rays: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """bool (n, H, W): the pixels whose middle is nearer to a centre (n, 2) [px] than the outline in its direction. rays
    (n, R): the outline's distance in R directions as of `ray_lengths`, on a line between them. shape: (H, W)."""
    cy, cx = np.reshape(centres, (-1, 2)).T[..., None, None]
    n, n_rays = rays.shape
    dy, dx = np.arange(shape[0])[:, None] + 0.5 - cy, np.arange(shape[1]) + 0.5 - cx
    turn = np.arctan2(dy, dx) / (2 * np.pi) % 1.0 * n_rays
    low = np.minimum(turn.astype(int), n_rays - 1)
    part, unit = turn - low, np.arange(n)[:, None, None]
    outline = (1 - part) * rays[unit, low] + part * rays[unit, (low + 1) % n_rays]
    return dy**2 + dx**2 <= outline**2


def _shared_pixels(a, b):
    """Shared pixels (n, m), areas (n, 1) and (1, m), float64. float32 counts up to 2**24 pixels exactly."""
    a, b = flat(a), flat(b)
    return (a @ b.T).astype(np.float64), a.sum(axis=1, dtype=np.float64)[:, None], b.sum(axis=1, dtype=np.float64)[None]
