"""The figure of an evaluation: every mean is a point, at its number of units."""

import numpy as np
import pytest

from muspipe.figures.metrics import PANELS, draw_metrics
from muspipe.figures.style import UNIT_COLOURS


def evaluation(recall, snrs=(20.0, "inf"), n_units=(1, 5)):
    """Metrics of a method with this mean recall everywhere; nothing else was measured."""
    cells = [
        {"snr_db": snr, "n_units": n, "n_sequences": 100} | {metric: {"mean": None, "sd": None} for metric in PANELS}
        for snr in snrs
        for n in n_units
    ]
    for cell in cells:
        cell["recall"] = {"mean": recall, "sd": 0.1 if cell["n_units"] == 5 else None}
    return {"cells": cells, "data": {"scenario": "paper"}}


def points(container):
    return container.lines[0].get_xdata().tolist(), container.lines[0].get_ydata().tolist()


def test_a_line_for_each_noise_level():
    figure = draw_metrics({"ica": evaluation(0.75)})
    axes = figure.axes[0]
    assert [axis.get_ylabel() for axis in figure.axes[:2]] == ["Detection recall", ""]  # what nobody has has no panel
    assert axes.get_legend_handles_labels()[1] == ["20 dB", "no noise"]
    # the two levels stand side by side, 0.3 units apart
    assert [points(line) for line in axes.containers] == [
        ([0.85, 4.85], [0.75, 0.75]),
        ([1.15, 5.15], [0.75, 0.75]),
    ]
    bars = axes.containers[0].lines[2][0].get_segments()
    assert [np.ptp(bar[:, 1]) for bar in bars] == pytest.approx([0, 0.2])  # one SD up, one down
    assert figure.get_suptitle() == "ica: scenario paper (mean, SD over 100 sequences a cell)"


def test_bars_end_at_one():
    (bar,) = draw_metrics({"ica": evaluation(0.97, ["inf"], [5])}).axes[0].containers[0].lines[2][0].get_segments()
    assert bar[:, 1].tolist() == pytest.approx([0.87, 1.0])


@pytest.mark.parametrize(("mean", "begin"), [(1.0, 0.9), (0.99, 0.8), (0.75, 0.6), (0.3, 0.0)])
def test_axis_begins_below_the_lowest_bar(mean, begin):
    """One SD is 0.1: 1.0 reaches down to 0.9, 0.99 to 0.89, 0.75 to 0.65, 0.3 to 0.2."""
    low, high = draw_metrics({"ica": evaluation(mean)}).axes[0].get_ylim()
    assert low == begin and 1 < high <= 1.04


def test_axes_of_nothing_are_whole():
    assert draw_metrics({"ica": evaluation(None)}).axes[0].get_ylim()[0] == 0


def test_several_methods_at_one_noise_level():
    figure = draw_metrics({"ica": evaluation(0.75), "deep": evaluation(0.5)}, snr_db=20.0)
    axes = figure.axes[0]
    assert axes.get_legend_handles_labels()[1] == ["ica", "deep"]
    assert [points(line) for line in axes.containers] == [([1, 5], [0.75, 0.75]), ([1, 5], [0.5, 0.5])]
    assert [line.lines[0].get_color() for line in axes.containers] == list(UNIT_COLOURS[:2])
    assert figure.get_suptitle() == "20 dB, scenario paper (mean, SD over 100 sequences a cell)"


def test_several_methods_and_levels_are_told_apart():
    axes = draw_metrics({"ica": evaluation(0.75), "deep": evaluation(0.5)}).axes[0]
    assert axes.get_legend_handles_labels()[1] == ["ica, 20 dB", "ica, no noise", "deep, 20 dB", "deep, no noise"]
    looks = {(line.lines[0].get_color(), line.lines[0].get_marker()) for line in axes.containers}
    assert len(looks) == 4
