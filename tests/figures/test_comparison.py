"""The figure of what was found beside the truth: who is matched, missed and false, and how well firings agree."""

import json

import numpy as np
import pytest

from experiments import fig07_08
from muspipe.figures.comparison import MISSED, draw_comparison
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from tests.figures.test_identification import recorded


def lines_of(axes, style):
    return [line for line in axes.lines if line.get_linestyle() == style]


def trains_of(axes, row):
    """Lines of one row of the trains, without its axis: [(colour, values above the row)]."""
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    return [
        (line.get_color(), row - line.get_ydata()) for line in lines if abs(np.median(line.get_ydata()) - row) < 0.5
    ]


@pytest.fixture
def three_of_four():
    """True units 1-4 of 8 x 8 px, the second missed, found in another order, one false; found trains are half as high
    as the true ones, that of unit 4 has lost one of its two firings."""
    masks = np.zeros((5, 40, 40), bool)
    for k, (row, column) in enumerate([(2, 2), (2, 22), (22, 2), (22, 22), (12, 12)]):
        masks[k, row : row + 8, column : column + 8] = True
    bump = np.exp(-0.5 * ((np.arange(400)[:, None] - [100, 300]) / 12) ** 2).T  # peaks at 0.25 and 0.75 s
    trains = 3.0 * np.array([bump.sum(axis=0)] * 5)
    estimated = 0.5 * trains
    estimated[3] -= 0.5 * 3.0 * bump[1]
    found = [4, 3, 0, 2]
    recording = Recording(np.random.default_rng(1).standard_normal((40, 40, 400)), 400, 1.0)
    truth = MotorUnits(masks[:4], trains[:4], np.ones(4), 400, 1.0)
    return recording, MotorUnits(masks[found], estimated[found], np.ones(4), 400, 1.0), truth


def test_outlines_and_title_say_what_was_found(three_of_four):
    figure = draw_comparison(*three_of_four, published="13 of 15")
    map_axes = figure.axes[0]
    assert figure.texts[0].get_text() == "3 of 4 motor units found, 1 false; published: 13 of 15"
    solid, dashed = lines_of(map_axes, "-"), lines_of(map_axes, "--")
    assert len(solid) == 4 and len(dashed) == 4  # found, false one included; true
    labels = {text.get_text(): text.get_color() for text in map_axes.texts}
    assert list(labels) == ["1", "2", "3", "4", "f1"] and labels["2"] == MISSED
    assert {line.get_color() for line in solid} == {labels[name] for name in ("1", "3", "4", "f1")}
    four = next(line for line in solid if line.get_color() == labels["4"])
    assert four.get_xdata().min() == 22 and four.get_ydata().min() == 22  # unit 4 lies there, found second
    assert figure.axes[1].get_xlabel() == "RMS velocity [a.u.]"


def test_trains_lie_over_the_truth_on_its_scale(three_of_four):
    axes = draw_comparison(*three_of_four).axes[2]
    numbers = {text.get_text(): text.get_color() for text in axes.texts}
    (_, true), (colour, estimated) = trains_of(axes, 0)
    assert colour == numbers["1"]
    np.testing.assert_allclose(estimated, 0.5 * true, atol=1e-6)
    assert true.max() == pytest.approx(0.55)
    assert [len(trains_of(axes, row)) for row in range(5)] == [2, 1, 2, 2, 1]


def test_agreement_stands_beside_each_row(three_of_four):
    """Unit 4: one of two true firings found, RoA 1/2."""
    axes = draw_comparison(*three_of_four).axes[2]
    beside = [text.get_text() for text in axes.texts]
    assert beside == ["RoA", "1", "1.00", "2", "missed", "3", "1.00", "4", "0.50", "f1", "false"]


@pytest.mark.parametrize("n_found", [0, 5])
def test_nothing_or_all_found(n_found):
    recording, truth = recorded(5)
    found = MotorUnits(
        truth.territories[:n_found], truth.twitch_trains[:n_found], np.ones(n_found), 400, truth.pixel_mm
    )
    figure = draw_comparison(recording, found, truth)
    assert figure.texts[0].get_text() == f"{n_found} of 5 motor units found, 0 false"
    said = [text.get_text() for text in figure.axes[2].texts]
    assert said.count("1.00") == n_found and said.count("missed") == 5 - n_found


@pytest.mark.parametrize("n", [5, 15])
def test_no_text_overlaps_another_or_leaves_the_page(n):
    recording, truth = recorded(n, seed=2020)
    figure = draw_comparison(recording, truth, truth, "13 of 15")
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    parts = [text for axes in figure.axes for text in (*axes.texts, axes.xaxis.label, axes._left_title)]
    parts += [*figure.texts, *figure.axes[0].get_legend().get_texts()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in parts if text.get_text()]
    for i, (text, box) in enumerate(boxes):
        assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1, text
        small = box.shrunk(0.8, 0.6)
        assert [other for other, b in boxes[:i] if small.overlaps(b.shrunk(0.8, 0.6))] == [], text


def test_published_counts(tmp_path, monkeypatch):
    """As in published.json; where that has none, the numbers of the paper's figures."""
    assert [fig07_08.published_count(place, otherwise) for place, _, otherwise in fig07_08.EXAMPLES.values()] == [
        "5 of 5",
        "13 of 15",
    ]
    monkeypatch.setattr(fig07_08, "PUBLISHED", tmp_path / "published.json")
    statements = [{"place": "Fig. 7", "says": "All 4 of 6 units"}, {"place": "Fig. 9", "says": "1 of 2"}]
    fig07_08.PUBLISHED.write_text(json.dumps({"statements": statements}))
    assert fig07_08.published_count("Fig. 7", "5 of 5") == "4 of 6"
    assert fig07_08.published_count("Fig. 8", "13 of 15") == "13 of 15"


def test_the_example_is_of_the_papers_pipeline():
    """With the networks that come with muspipe: what the docstring of fig07_08.py says."""
    figure, metrics = fig07_08.draw(5, "5 of 5")
    assert (metrics["n_matched"], metrics["n_found"]) == (5, 5) and metrics["roa"] == pytest.approx(0.98, abs=0.03)
    assert figure.texts[0].get_text() == "5 of 5 motor units found, 0 false; published: 5 of 5"
