"""Frames of a recording: which, when, and in which colours."""

import numpy as np
import pytest

from muspipe.figures.frames import draw_frames
from muspipe.recordings.recording import Recording


def recording_of(velocity):
    return Recording(velocity, 400, 0.5, velocity_unit="mm/s")


def test_frames_are_evenly_spaced_and_say_when():
    velocity = np.zeros((16, 20, 200), np.float32) + np.arange(200)  # each frame moves as its number
    figure = draw_frames(recording_of(velocity), title="five units")
    panels, bar = figure.axes[:8], figure.axes[8]
    assert [axis.get_title(loc="left") for axis in panels] == [f"{ms:g} ms" for ms in np.arange(8) * 62.5]
    assert [axis.images[0].get_array()[3, 3] for axis in panels] == list(range(0, 200, 25))
    assert list(panels[0].images[0].get_extent()) == [0, 10, 8, 0]  # 20 x 16 px of 0.5 mm, y downwards
    assert bar.get_ylabel() == "Velocity [mm/s]" and figure.get_suptitle() == "five units"
    assert panels[4].get_ylabel() == "y [mm]" and panels[7].get_xlabel() == "x [mm]"


def test_one_colour_scale_for_all_frames_symmetric_about_zero():
    velocity = np.zeros((16, 16, 160), np.float32)
    velocity[..., 20] = -2.0  # the second frame shown is fastest
    velocity[..., 41] = 9.0  # not shown
    figure = draw_frames(recording_of(velocity))
    assert {axis.images[0].get_clim() for axis in figure.axes[:8]} == {(-2.0, 2.0)}


def test_a_single_fast_pixel_does_not_set_the_scale():
    velocity = np.ones((16, 16, 160), np.float32)
    velocity[0, 0, 0] = 50.0
    low, high = draw_frames(recording_of(velocity)).axes[0].images[0].get_clim()
    assert (low, high) == pytest.approx((-1, 1))


def test_no_more_than_asked_for():
    velocity = np.zeros((16, 16, 160), np.float32)
    velocity[..., 1] = 1.0  # never shown
    figure = draw_frames(recording_of(velocity), n_shown=6)
    assert [bool(axis.images) for axis in figure.axes[:8]] == [True] * 6 + [False] * 2
    assert [axis.axison for axis in figure.axes[:8]] == [True] * 6 + [False] * 2
    assert figure.axes[0].images[0].get_clim() == (-1, 1)  # nothing that is shown moves
