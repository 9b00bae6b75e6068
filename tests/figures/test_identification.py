"""The figure of an identification, by what is on it."""

import sys

import numpy as np
import pytest

from muspipe import InputError, Recording, Result
from muspipe.figures.identification import draw_identification
from muspipe.figures.style import UNIT_COLOURS, place_labels, unit_colours
from muspipe.firings.maxima import positive_maxima
from simulator import SimulationConfig, simulate


def recorded(n, seed=1, n_frames=400):
    """A simulated recording and its true units."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=n, n_frames=n_frames), seed)
    recording = Recording(sequence.render(20), 400, 0.625, velocity_unit="mm/s")
    return recording, made(sequence.territories, sequence.twitch_trains, rms=recording.velocity_rms)


def simulated(*args, **more):
    """The true units alone."""
    return recorded(*args, **more)[1]


def made(territories, trains, rms=None, **changes):
    fields = dict(scores=np.ones(len(trains)), frame_rate_hz=400, pixel_mm=0.625, velocity_unit="mm/s")
    fields |= dict(firings=positive_maxima(np.asarray(trains), 400), velocity_rms=rms)
    return Result(territories, trains, **(fields | changes))


def rows(train_axes, n_samples=400):
    return [line for line in train_axes.lines if len(line.get_xdata()) == n_samples]


def marked_s(train_axes):
    """Times of the firings drawn, row by row."""
    return [[float(segment[0][0]) for segment in marks.get_segments()] for marks in train_axes.collections]


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("n", [1, 5, 15, 41])
def test_units_have_the_same_number_and_colour_on_both_sides(n):
    result = simulated(n)
    map_axes, bar_axes, train_axes = draw_identification(result).axes
    numbers = {text.get_text(): text.get_color() for text in map_axes.texts}
    assert list(numbers) == [str(i) for i in range(1, n + 1)]
    beside = {text.get_text(): text.get_color() for text in train_axes.texts if text.get_text() in numbers}
    assert beside == numbers
    assert [line.get_color() for line in rows(train_axes)] == list(numbers.values())
    assert marked_s(train_axes) == [list(times_s) for times_s in result.firings]
    assert bar_axes.get_xlabel() == "RMS velocity [mm/s]"
    assert map_axes.get_xlabel() == "x [mm]"
    repeats = "; colours repeat after 8 units: go by the numbers" if n > 8 else ""
    assert train_axes.get_xlabel() == "Time [s]" + repeats


@pytest.mark.parametrize(("n", "n_frames"), [(5, 400), (15, 400), (30, 400), (41, 4000)])
def test_no_text_overlaps_another_or_leaves_the_page(n, n_frames):
    result = simulated(n, seed=5, n_frames=n_frames)
    figure = draw_identification(result, truth=result)
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    for axes in figure.axes:
        boxes = [text.get_window_extent(renderer) for text in axes.texts]
        for i, box in enumerate(boxes):
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1
            overlap = [other for other in boxes[:i] if box.shrunk(0.8, 0.6).overlaps(other.shrunk(0.8, 0.6))]
            assert not overlap


def test_rows_keep_to_themselves():
    """Trains and firings of a unit stay between row - 0.5 and row + 0.5, and its firings stand above its train."""
    axes = draw_identification(simulated(41, seed=5, n_frames=4000)).axes[2]
    assert axes.get_xlim() == (0, 10)
    for row, (line, marks) in enumerate(zip(rows(axes, 4000), axes.collections, strict=True)):
        firing_bounds = np.array(marks.get_segments())[..., 1]
        assert row - 0.5 <= firing_bounds.min() < firing_bounds.max() < line.get_ydata().min()  # y points down
        assert line.get_ydata().max() < row + 0.5
        assert np.ptp(line.get_ydata()) > 0.7
    height_inch = axes.get_position().height * axes.figure.get_figheight()
    assert height_inch / 41 > 0.2  # a row is as high as two lines of this text


def test_map_shows_the_rms_in_mm():
    rms = np.arange(16 * 32).reshape(16, 32)
    axes = draw_identification(made(np.zeros((0, 16, 32)), np.zeros((0, 100)), rms, pixel_mm=0.5)).axes[0]
    assert list(axes.images[0].get_extent()) == [0, 16, 8, 0]  # 32 x 16 px of 0.5 mm, y downwards
    np.testing.assert_array_equal(axes.images[0].get_array(), rms)


def test_without_a_map_it_says_so():
    map_axes, bar_axes, _ = draw_identification(made(np.zeros((0, 16, 32)), np.zeros((0, 100)), pixel_mm=0.5)).axes
    assert not map_axes.images and texts(bar_axes) == ["the result holds no velocity map"]
    assert (map_axes.get_xlim(), map_axes.get_ylim()) == ((0, 16), (8, 0))


def test_outline_lies_around_the_pixels():
    mask = np.zeros((1, 16, 16), bool)
    mask[0, 4:8, 0:10] = True  # touches the left border
    (line,) = draw_identification(made(mask, np.ones((1, 100)), firings=[[0.1]], pixel_mm=2.0)).axes[0].lines
    x_mm, y_mm = line.get_data()
    assert (x_mm.min(), x_mm.max(), y_mm.min(), y_mm.max()) == (0, 20, 8, 16)


def test_truth_is_dashed():
    truth = simulated(5)
    found = made(truth.territories[:2], truth.twitch_trains[:2])
    axes = draw_identification(found, truth).axes[0]
    assert sum(line.get_linestyle() == "-" for line in axes.lines) == 2
    assert sum(line.get_linestyle() == "--" for line in axes.lines) == 5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["found", "truth"]


def test_no_units_says_so():
    none = made(np.zeros((0, 64, 64)), np.zeros((0, 400)))
    figure = draw_identification(none, simulated(1))
    assert texts(figure.axes[2]) == ["No motor units found"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["truth"]


def test_long_recordings_show_their_beginning():
    axes = draw_identification(simulated(2, n_frames=6000)).axes[2]
    assert axes.get_xlim() == (0, 12) and axes.get_xlabel() == "Time [s] (0 to 12 of 15 s)"
    assert 11 < max(max(times_s) for times_s in marked_s(axes)) < 12


def test_chosen_units_and_time():
    result = simulated(5, n_frames=2000)
    map_axes, _, train_axes = draw_identification(result, units=[4, 2], window_s=(1, 2.5)).axes
    assert texts(map_axes) == ["2", "4"] and texts(train_axes)[1::2] == ["2", "4"]
    assert sum(line.get_color() == "#b0b0b0" for line in map_axes.lines) == 3  # the others, as outlines
    assert train_axes.get_xlim() == (1, 2.5) and train_axes.get_xlabel() == "Time [s] (1 to 2.5 of 5 s)"
    for line, i in zip(rows(train_axes, 600), (1, 3), strict=True):
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (1, 2.4975)
        drawn, train = -line.get_ydata(), result.twitch_trains[i, 400:1000]
        np.testing.assert_allclose(np.corrcoef(drawn, train)[0, 1], 1)
    expected = [[t for t in result.firings[i] if 1 <= t < 2.5] for i in (1, 3)]
    assert marked_s(train_axes) == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"units": [3]}, "units: expected numbers from 1 to 2, the units found, got 3"),
        ({"units": [0]}, "units: expected numbers from 1 to 2, the units found, got 0"),
        ({"window_s": (0.5, 0.5)}, "window: expected a beginning and an end within the recording of 1 s"),
        ({"window_s": (-1, 0.5)}, "got -1 and 0.5 s"),
        ({"window_s": (0, 1.5)}, "got 0 and 1.5 s"),
        ({"window_s": (0, float("nan"))}, "window: expected"),
    ],
)
def test_what_is_not_there_cannot_be_asked_for(asked, message):
    with pytest.raises(InputError, match=message):
        draw_identification(simulated(2), **asked)


def test_an_empty_territory_has_no_outline_and_a_flat_train_no_peak():
    """Unit 1 has no pixels, unit 2 the whole image of 40 x 40 mm, unit 3 its own; no train moves, none fires."""
    result = simulated(3)
    masks = result.territories.copy()
    masks[0], masks[1] = False, True
    map_axes, _, train_axes = draw_identification(made(masks, 0 * result.twitch_trains, firings=[[], [], []])).axes
    assert texts(map_axes) == ["2", "3"]
    assert len(map_axes.lines) == 2
    x_mm, y_mm = map_axes.lines[0].get_data()
    assert (x_mm.min(), x_mm.max(), y_mm.min(), y_mm.max()) == (0, 40, 0, 40)
    assert [set(line.get_ydata()) for line in rows(train_axes)] == [{0}, {1}, {2}]  # each on its own line
    assert marked_s(train_axes) == [[], [], []]
    assert texts(train_axes)[1:] == ["1", "0", "2", "0", "3", "0"]  # number and peak, row by row


def test_sizes_must_agree():
    other = made(np.zeros((0, 8, 8)), np.zeros((0, 400)))
    with pytest.raises(InputError, match="truth: expected images of .64, 64. px as in the result, got .8, 8. px"):
        draw_identification(simulated(1), other)


def test_drawing_leaves_pyplot_and_global_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_identification(simulated(1))
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
