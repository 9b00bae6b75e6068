"""The maps of a comparison with EMG, by what is on them."""

import numpy as np
import pytest

from muspipe import Result
from muspipe.evaluation.triggered import TriggeredMaps
from muspipe.figures.triggered import LEAST_WIDTH, draw_triggered_maps


def drawn(n, shape=(16, 20), partners=None):
    """Of n units of a reference, each moving one pixel, and a result with one unit on 0.5 mm pixels."""
    territory = np.zeros((1, *shape), bool)
    territory[0, 4:8, 6:12] = True
    unit = dict(scores=np.ones(1), frame_rate_hz=400, pixel_mm=0.5, velocity_unit="mm/s", firings=[[0.1]])
    result = Result(territory, np.ones((1, 100)), velocity_rms=None, **unit)
    averages = np.zeros((n, 2, *shape), np.float32)
    for i in range(n):
        averages[i, 1, i % shape[0], 3] = -0.25 * (i + 1)
    maps = TriggeredMaps(averages, np.array([0.0, 0.0275]), np.arange(n) + 7, np.ones(shape), np.ones(n, int))
    return draw_triggered_maps(result, maps, [f"E{i}" for i in range(n)], partners or {})


@pytest.mark.parametrize("n", [1, 5, 6, 25])
def test_every_panel_says_what_it_shows(n):
    figure = drawn(n, partners={0: 0})
    *panels, bar = figure.axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == [
        f"reference E{i}: {'no unit' if i else 'unit 1'}\n28 ms, max {0.25 * (i + 1):.2g}, n = {i + 7}"
        for i in range(n)
    ]
    assert bar.get_xlabel() == "mean velocity [mm/s] at this lag after n firings"
    assert [text.get_text() for text in bar.get_legend().get_texts()] == [
        "territory of the unit found that fires with it"
    ]
    assert [bool(axes.lines) for axes in panels] == [True] + [False] * (n - 1)


def test_maps_are_scaled_to_their_own_largest_velocity():
    *panels, bar = drawn(3).axes
    assert [axes.images[0].get_array().min() for axes in panels] == [-1, -1, -1]
    assert all(axes.images[0].get_clim() == (-1, 1) for axes in panels)
    assert [tick.get_text() for tick in bar.get_xticklabels()] == ["- max", "0", "max"]


def test_axes_are_in_mm_and_keep_the_shape_of_a_pixel():
    *panels, bar = drawn(7, partners={0: 0}).axes
    assert [axes.get_xlabel() == "x [mm]" for axes in panels] == [False, False, True, True, True, True, True]
    assert [axes.get_ylabel() == "y [mm]" for axes in panels] == [True, False, False, False, False, True, False]
    for axes in panels:
        box = axes.get_window_extent()
        assert (*axes.get_xlim(), *axes.get_ylim()) == (0, 10, 8, 0)
        assert box.height / box.width == pytest.approx(16 / 20)
    x_mm, y_mm = panels[0].lines[0].get_data()
    assert (x_mm.min(), x_mm.max(), y_mm.min(), y_mm.max()) == (3, 6, 2, 4)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_everything_lies_on_the_page_and_nothing_is_on_top_of_another(n):
    figure = drawn(n)
    figure.canvas.draw()
    page, (*panels, bar) = figure.bbox, figure.axes
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [bar.get_legend().get_window_extent()]
    for box in boxes:
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
    assert min(axes.get_tightbbox().y0 for axes in panels) > bar.get_window_extent().y1
    assert figure.get_figwidth() >= LEAST_WIDTH
    titles = [axes._left_title.get_window_extent() for axes in panels]
    assert all(left.x1 < right.x0 or left.y0 > right.y1 for left, right in zip(titles, titles[1:], strict=False))
