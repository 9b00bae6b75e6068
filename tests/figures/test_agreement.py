"""The figure of the rate of agreement: what is drawn is what the metric counts."""

import pytest
from matplotlib.colors import to_hex

from experiments.fig11 import FOUND_S, TRUE_S
from muspipe.evaluation.metrics import rate_of_agreement
from muspipe.figures.agreement import ALONE, MATCHED, draw_agreement


def rasters(axes):
    """[(colour, times)] of found and matched, only found, true and matched, only true."""
    return [
        (to_hex(r.get_color()[0]).upper(), [segment[0, 0] for segment in r.get_segments()]) for r in axes.collections
    ]


def joins(axes):
    return [tuple(line.get_xdata()) for line in axes.lines]


def test_the_papers_example():
    """c = 7, A = 3, B = 2: 7 / 12."""
    figure = draw_agreement(FOUND_S, TRUE_S)
    (axes,) = figure.axes
    assert rate_of_agreement(FOUND_S, TRUE_S) == pytest.approx(7 / 12)
    assert figure.get_suptitle() == "RoA = c / (c + A + B) = 7 / 12 = 0.583"
    assert axes.get_title(loc="left") == "c = 7 matched,  A = 3 only found,  B = 2 only true"
    assert len(joins(axes)) == 7 and all(abs(a - b) <= 0.015 for a, b in joins(axes))
    assert [(colour, len(times)) for colour, times in rasters(axes)] == [
        (MATCHED, 7),
        (ALONE, 3),
        (MATCHED, 7),
        (ALONE, 2),
    ]
    assert len(axes.patches) == len(TRUE_S)  # a band around each true one


def test_who_is_joined():
    """10 and 20 ms match by 10 ms, 100 and 120 do not."""
    figure = draw_agreement([0.010, 0.100], [0.020, 0.120])
    (axes,) = figure.axes
    assert joins(axes) == [(0.010, 0.020)]
    assert rasters(axes) == [(MATCHED, [0.01]), (ALONE, [0.1]), (MATCHED, [0.02]), (ALONE, [0.12])]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["true", "found"]
    assert figure.get_suptitle().endswith("1 / 3 = 0.333")


def test_tolerance_is_the_one_asked_for():
    figure = draw_agreement([0.010, 0.100], [0.020, 0.120], tolerance_s=0.025)
    assert figure.get_suptitle().endswith("2 / 2 = 1.000")
    assert "25 ms" in figure.axes[0].get_xlabel()
    band = figure.axes[0].patches[1]
    assert (band.get_x(), band.get_width()) == pytest.approx((0.095, 0.05))
