"""The figure of an identification, by what is on it."""

import sys

import numpy as np
import pytest

from muspipe import InputError, Recording, Result
from muspipe.figures.identification import draw_identification
from muspipe.figures.style import UNIT_COLOURS, place_labels, unit_colours
from muspipe.firings.maxima import positive_maxima
from simulator import SimulationConfig, simulate


def simulated(n, seed=1, n_frames=400):
    """A recording and its true units."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=n, n_frames=n_frames), seed)
    recording = Recording(sequence.render(20), 400, 0.625, velocity_unit="mm/s")
    trains = sequence.twitch_trains
    return recording, Result(sequence.territories, trains, np.ones(n), 400, 0.625, firings=positive_maxima(trains, 400))


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("n", [1, 5, 15, 30])
def test_units_have_the_same_number_and_colour_on_both_sides(n):
    recording, result = simulated(n)
    figure = draw_identification(recording, result)
    map_axes, bar_axes, train_axes = figure.axes
    numbers = {text.get_text(): text.get_color() for text in map_axes.texts}
    assert list(numbers) == [str(i) for i in range(1, n + 1)]
    beside = {text.get_text(): text.get_color() for text in train_axes.texts if text.get_text() in numbers}
    assert beside == numbers
    trains = [line for line in train_axes.lines if len(line.get_xdata()) == 400]
    assert [line.get_color() for line in trains] == list(numbers.values())
    dots = [line for line in train_axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [list(times_s) for times_s in result.firings]
    assert bar_axes.get_xlabel() == "RMS velocity [mm/s]"
    assert map_axes.get_xlabel() == "x [mm]" and train_axes.get_xlabel() == "Time [s]"


@pytest.mark.parametrize("n", [5, 15, 30])
def test_no_text_overlaps_another_or_leaves_the_page(n):
    recording, result = simulated(n, seed=5)
    figure = draw_identification(recording, result, truth=result)
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    for axes in figure.axes:
        boxes = [text.get_window_extent(renderer) for text in axes.texts]
        for i, box in enumerate(boxes):
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1
            overlap = [other for other in boxes[:i] if box.shrunk(0.8, 0.6).overlaps(other.shrunk(0.8, 0.6))]
            assert not overlap


def test_map_shows_the_rms_in_mm():
    velocity = np.ones((16, 32, 100), np.float32)
    velocity[:, :, ::2] = -1
    velocity[3, 7] *= 5
    recording = Recording(velocity, 400, 0.5)
    result = Result(np.zeros((0, 16, 32)), np.zeros((0, 100)), [], 400, 0.5, firings=[])
    image = draw_identification(recording, result).axes[0].images[0]
    assert list(image.get_extent()) == [0, 16, 8, 0]  # 32 x 16 px of 0.5 mm, y downwards
    assert image.get_array()[3, 7] == 5 and image.get_array()[0, 0] == 1


def test_outline_lies_around_the_pixels():
    mask = np.zeros((1, 16, 16), bool)
    mask[0, 4:8, 0:10] = True  # touches the left border
    recording = Recording(np.random.default_rng(1).standard_normal((16, 16, 100)), 400, 2.0)
    result = Result(mask, np.ones((1, 100)), [1], 400, 2.0, firings=[[0.1]])
    (line,) = draw_identification(recording, result).axes[0].lines
    x_mm, y_mm = line.get_data()
    assert (x_mm.min(), x_mm.max(), y_mm.min(), y_mm.max()) == (0, 20, 8, 16)


def test_truth_is_dashed():
    recording, truth = simulated(5)
    found = Result(truth.territories[:2], truth.twitch_trains[:2], [1, 1], 400, 0.625, firings=truth.firings[:2])
    axes = draw_identification(recording, found, truth).axes[0]
    assert sum(line.get_linestyle() == "-" for line in axes.lines) == 2
    assert sum(line.get_linestyle() == "--" for line in axes.lines) == 5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["found", "truth"]


def test_no_units_says_so():
    recording, truth = simulated(1)
    none = Result(np.zeros((0, 64, 64)), np.zeros((0, 400)), [], 400, 0.625, firings=[])
    figure = draw_identification(recording, none, truth)
    assert texts(figure.axes[2]) == ["No motor units found"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["truth"]


def test_long_recordings_show_their_beginning():
    recording, result = simulated(2, n_frames=2000)
    axes = draw_identification(recording, result).axes[2]
    assert axes.get_xlim() == (0, 4) and axes.get_xlabel() == "Time [s] (first 4 of 5 s)"
    assert max(line.get_xdata()[-1] for line in axes.lines if line.get_marker() == "o") < 4


def test_an_empty_territory_has_no_outline_and_a_flat_train_no_peak():
    """Unit 1 has no pixels, unit 2 the whole image of 40 x 40 mm, unit 3 its own; no train moves, none fires."""
    recording, result = simulated(3)
    masks = result.territories.copy()
    masks[0], masks[1] = False, True
    odd = Result(masks, 0 * result.twitch_trains, [0, 0, 0], 400, 0.625, firings=[[], [], []])
    map_axes, _, train_axes = draw_identification(recording, odd).axes
    assert texts(map_axes) == ["2", "3"]
    assert len(map_axes.lines) == 2
    x_mm, y_mm = map_axes.lines[0].get_data()
    assert (x_mm.min(), x_mm.max(), y_mm.min(), y_mm.max()) == (0, 40, 0, 40)
    rows = [line.get_ydata() for line in train_axes.lines if len(line.get_xdata()) == 400]
    assert [set(row) for row in rows] == [{0}, {1}, {2}]  # each on its own line
    assert [len(line.get_xdata()) for line in train_axes.lines if line.get_marker() == "o"] == [0, 0, 0]
    assert texts(train_axes)[1:] == ["1", "0", "2", "0", "3", "0"]  # number and peak, row by row


def test_sizes_must_agree():
    recording, _ = simulated(1)
    other = Result(np.zeros((0, 8, 8)), np.zeros((0, 400)), [], 400, 0.625, firings=[])
    with pytest.raises(InputError, match="result: expected images of .64, 64. px"):
        draw_identification(recording, other)


def test_drawing_leaves_pyplot_and_global_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_identification(*simulated(1))
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_colours():
    rng = np.random.default_rng(1)
    centres_mm, diameters_mm = rng.uniform(0, 40, (30, 2)), rng.uniform(2, 10, 30)
    colours = unit_colours(centres_mm, diameters_mm)
    assert colours[:8] == list(UNIT_COLOURS)
    assert all(a != b for a, b in zip(colours, colours[1:], strict=False))
    # The ninth unit, concentric with the third and far from the first, shares the first's colour.
    centres_mm = np.array([[0, 0], *[[30, 30]] * 7, [30, 30]], float)
    assert unit_colours(centres_mm, np.full(9, 5.0))[8] == UNIT_COLOURS[0]
    assert unit_colours(np.zeros((0, 2)), np.zeros(0)) == []


def test_labels_of_equal_territories_do_not_meet():
    masks = np.zeros((4, 64, 64), bool)
    masks[:, 20:40, 20:40] = True
    sizes_mm = np.full((4, 2), 2.0)
    places = place_labels(masks, 1.0, sizes_mm)
    np.testing.assert_allclose(places[0], [30, 30])  # the first has the middle
    apart = np.abs(places[:, None] - places).max(axis=2) + 9 * np.eye(4)
    assert apart.min() >= 2
