"""Recordings of any size become the network's windows, and what is found comes back to their pixels."""

import numpy as np

from muspipe.identification import windows
from muspipe.models.base import Grid

GRID = Grid(pixel_mm=0.625, frame_rate_hz=400)


def disc(shape, y, x, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def test_the_grid_itself_is_not_touched():
    velocity = np.random.default_rng(0).standard_normal((8, 9, 20)).astype(np.float32)
    np.testing.assert_array_equal(windows.to_grid(velocity, 400.0, 0.625, GRID), velocity)
    np.testing.assert_array_equal(windows.to_grid(velocity, 401.0, 0.63, GRID), velocity)  # close enough


def test_a_slow_wave_keeps_its_shape_in_time_and_space():
    t = np.arange(1000) / 1000
    wave = np.sin(2 * np.pi * 5 * t)
    velocity = disc((40, 40), 20, 20, 8)[..., None] * wave
    grid = windows.to_grid(velocity, 1000.0, 1.25, GRID)
    assert grid.shape == (80, 80, 400)
    np.testing.assert_allclose(grid[41, 41, 20:380], np.sin(2 * np.pi * 5 * np.arange(400) / 400)[20:380], atol=0.01)
    assert abs(grid[5, 5]).max() == 0
    back = windows.from_grid((grid.std(axis=2) > 0.35)[None], (40, 40))[0]
    true = disc((40, 40), 20, 20, 8)
    assert (back & true).sum() / (back | true).sum() > 0.9


def test_windows_cover_everything_and_overlap_by_a_territory():
    shape, window = (100, 64, 1000), (64, 64, 400)
    corners = windows.corners(shape, window)
    seen = np.zeros(shape, int)
    for y, x, t in corners:
        assert 0 <= y <= 36 and x == 0 and 0 <= t <= 600
        seen[y : y + 64, x : x + 64, t : t + 400] += 1
    assert seen.min() == 1 and len(corners) == 2 * 3
    rows = sorted({y for y, _, _ in corners})
    assert all(later - earlier <= 64 - windows.OVERLAP_PX for earlier, later in zip(rows, rows[1:], strict=False))
    assert windows.corners(window, window) == [(0, 0, 0)]
    assert windows.padded(np.ones((10, 64, 500)), window).shape == (64, 64, 500)


def test_units_of_several_windows_are_one_but_never_those_of_one_window():
    shape = (64, 64)
    a, moved, other = disc(shape, 20, 20, 6), disc(shape, 21, 20, 6), disc(shape, 50, 50, 5)
    cut = a & (np.arange(64)[:, None] < 20)  # a window ended here
    found = [
        (np.array([a, other]), np.array([0.9, 0.6])),
        (np.array([moved]), np.array([0.8])),
        (np.array([cut]), np.array([0.7])),
    ]
    territories, scores = windows.merge(found)
    np.testing.assert_array_equal(territories, [a, other])
    assert scores.tolist() == [0.9, 0.6]
    territories, _ = windows.merge([(np.array([a, moved]), np.array([0.9, 0.8]))])
    assert len(territories) == 2
    empty = windows.merge([(np.zeros((0, *shape), bool), np.zeros(0))])
    assert empty[0].shape == (0, *shape)
