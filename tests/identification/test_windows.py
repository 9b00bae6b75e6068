"""Recordings of any size become the network's windows, and what is found comes back to their pixels."""

from types import SimpleNamespace

import numpy as np

from muspipe import Recording
from muspipe.identification import windows
from muspipe.models.base import Grid
from muspipe.territories import discs

GRID = Grid(pixel_mm=0.625, frame_rate_hz=400)


def disc(shape, y, x, radius):
    return discs((y + 0.5, x + 0.5), [radius], shape)[0]


def test_the_grid_itself_is_not_touched():
    velocity = np.random.default_rng(0).standard_normal((8, 9, 120)).astype(np.float32)
    for rate, pixel in ((400.0, 0.625), (401.0, 0.63)):  # the second is close enough
        recording = Recording(velocity, frame_rate_hz=rate, pixel_mm=pixel)
        np.testing.assert_array_equal(windows.to_grid(recording, GRID), velocity)


def test_a_slow_wave_keeps_its_shape_in_time_and_space():
    t = np.arange(1000) / 1000
    wave = np.sin(2 * np.pi * 5 * t)
    velocity = disc((40, 40), 20, 20, 8)[..., None] * wave
    grid = windows.to_grid(Recording(velocity, frame_rate_hz=1000.0, pixel_mm=1.25), GRID)
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


def test_a_pixel_is_that_in_which_its_middle_lies():
    """Middles of two pixels lie in the second and fourth of four, those of three in the first, third and fourth."""
    single = np.eye(4, dtype=bool)[:, None, :]
    assert windows.from_grid(single, (1, 2))[:, 0].tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]
    assert windows.from_grid(single, (1, 3))[:, 0].argmax(axis=1).tolist() == [0, 0, 1, 2]


def test_fine_pixels_are_averaged():
    """Noise of 16 pixels in one: their mean has a quarter of the SD; 4 of them, taken where they are nearest, half."""
    velocity = np.random.default_rng(0).standard_normal((160, 160, 100)).astype(np.float32)
    grid = windows.to_grid(Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625 / 4), GRID)
    assert grid.shape == (40, 40, 100) and grid.std() < 0.3


class Corners:
    """Sees two units in each window of 32 x 32 px and 100 frames: one of its first pixels, one of its last."""

    preset = SimpleNamespace(
        input_shape=(32, 32, 100, 1), grid=GRID, detection=SimpleNamespace(min_score=0.5, mask_level=0.5)
    )

    def territories(self, images, mask_level):
        masks = np.zeros((2, 32, 32), bool)
        masks[0, :4, :4], masks[1, -4:, -4:] = True, True
        return [(masks, np.array([0.9, 0.4], np.float32)) for _ in images]


def test_territories_of_windows_are_where_they_are_and_as_sure_as_asked_for():
    """48 rows and 32 columns: windows from rows 0 and 16 on, which share the 16 rows of the largest territory."""
    velocity = np.random.default_rng(0).standard_normal((48, 32, 100)).astype(np.float32)
    recording = Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625)
    sure, scores = windows.find_territories(Corners(), recording)
    assert [np.argwhere(mask)[0].tolist() for mask in sure] == [[0, 0], [16, 0]] and scores.tolist() == [
        np.float32(0.9)
    ] * 2
    found, scores = windows.find_territories(Corners(), recording, min_score=0.3)
    assert [np.argwhere(mask)[0].tolist() for mask in found] == [[0, 0], [16, 0], [28, 28], [44, 28]]
    assert (np.diff(scores) <= 0).all()
