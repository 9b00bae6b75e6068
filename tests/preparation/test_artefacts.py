"""Frames and pixels without data: found where they are, filled with what would have been there, and nothing else."""

import numpy as np
import pytest

from muspipe.preparation import artefacts
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def clean():
    return simulate(SimulationConfig.scenario("physiological", n_units=8), 21).render()


@pytest.fixture
def noisy(clean):
    return simulate(SimulationConfig.scenario("physiological", n_units=8), 21).render(20)


def flat(velocity):
    return velocity.reshape(-1, velocity.shape[-1])


@pytest.mark.parametrize("first, last", [(100, 104), (100, 100), (3, 5), (0, 4), (395, 399), (399, 399)])
def test_a_burst_is_found_to_the_frame(noisy, first, last):
    shape = (64, 64, last - first + 1)
    noisy[..., first : last + 1] += 20 * noisy.std() * np.random.default_rng(0).standard_normal(shape)
    found = np.flatnonzero(artefacts.burst_frames(flat(noisy), 400.0))
    assert found.tolist() == list(range(first, last + 1))


def test_a_smooth_push_of_five_frames_too(noisy):
    noisy[..., 200:205] += 20 * noisy.std()
    assert np.flatnonzero(artefacts.burst_frames(flat(noisy), 400.0)).tolist() == [200, 201, 202, 203, 204]


@pytest.mark.parametrize("n_units, snr_db", [(1, None), (1, 20), (25, None), (25, 0)])
def test_twitches_and_motion_are_no_burst(n_units, snr_db):
    for seed in range(3):
        velocity = simulate(SimulationConfig.scenario("paper", n_units=n_units), seed).render(snr_db)
        velocity += 10 * velocity.std() * np.sin(2 * np.pi * 4 * np.arange(400) / 400, dtype=np.float32)
        assert not artefacts.burst_frames(flat(velocity), 400.0).any()
        assert not artefacts.repeated_frames(flat(velocity)).any()


def test_frames_that_repeat_or_are_blank(noisy):
    noisy[..., 50] = noisy[..., 49]
    noisy[..., 51] = noisy[..., 49]
    noisy[..., 300] = 0
    assert np.flatnonzero(artefacts.repeated_frames(flat(noisy))).tolist() == [50, 51, 300]
    noisy[5, 5, 51] += 1  # one pixel differs: no copy of the one before
    assert np.flatnonzero(artefacts.repeated_frames(flat(noisy))).tolist() == [50, 300]


def test_filled_frames_are_nearly_those_that_were_lost(clean, noisy):
    bad = np.zeros(400, bool)
    bad[[*range(100, 105), 200, 399]] = True
    lost = np.where(bad, 1e3, flat(noisy)).astype(np.float32)
    filled = artefacts.fill_frames(lost, bad, 400.0)
    np.testing.assert_array_equal(filled[:, ~bad], flat(noisy)[:, ~bad])
    assert (lost[:, bad] == 1e3).all()
    error = (filled - flat(clean)).std(axis=0) / clean.std()
    assert error[200] < 0.1  # the noise of each frame is 0.1
    assert error[100:105].max() < 0.25 and error[399] < 0.25


def test_a_sine_is_predicted_by_hand():
    """Two good frames on either side determine a sine of known frequency: x1 = (x0 + x2) / (2 cos w)."""
    t = np.arange(400)
    x = np.sin(2 * np.pi * 10 * t / 400 + np.linspace(0, 6, 100)[:, None]).astype(np.float32)
    bad = t == 123
    filled = artefacts.fill_frames(np.where(bad, 0, x).astype(np.float32), bad, 400.0)
    np.testing.assert_allclose(filled[:, 123], x[:, 123], atol=0.01)


def test_dead_pixels_and_regions_without_data(noisy):
    noisy[10, 10] = noisy[10, 12] = noisy[40:43, 40:43] = 0.5
    inside = np.ones((64, 64), bool)
    dead, outside = artefacts.dead_and_outside(noisy, inside)
    assert dead.sum() == 11 and dead[10, 10] and dead[41, 41] and not outside.any()
    noisy[:, :6] = 0  # a still band, with one pixel that hangs on it
    noisy[30, 6] = 0
    dead, outside = artefacts.dead_and_outside(noisy, inside)
    assert dead.sum() == 11 and outside.sum() == 6 * 64 + 1 and outside[30, 6]
    inside[:, -4:] = False
    dead, outside = artefacts.dead_and_outside(noisy, inside)
    assert outside[:, -4:].all() and outside.sum() == 10 * 64 + 1


def test_a_simulation_without_noise_has_no_dead_pixels(clean):
    assert artefacts.still_pixels(clean).sum() > 100
    for array in artefacts.dead_and_outside(clean, np.ones((64, 64), bool)):
        assert not array.any()


def test_pixels_are_filled_from_their_neighbours():
    velocity = np.zeros((8, 8, 3), np.float32)
    velocity[...] = np.arange(8)[:, None, None]  # each row its number
    dead, outside = np.zeros((2, 8, 8), bool)
    dead[4, 4] = outside[0] = True
    velocity[4, 4] = 99
    filled = artefacts.fill_pixels(velocity, dead, outside)
    np.testing.assert_allclose(filled[4, 4], 4, atol=0.4)  # the mean of rows 3, 4 and 5
    assert not filled[0].any() and velocity[4, 4, 0] == 99
    filled[4, 4] = 99
    np.testing.assert_array_equal(filled[1:], velocity[1:])


def test_nearer_neighbours_weigh_more():
    """Good pixels at distances 2, 1 and 1: of nine in the farthest, 9 (1/4) / (1/4 + 1 + 1) = 1."""
    velocity = np.array([9.0, 0, 99, 0], np.float32).reshape(1, 4, 1)
    dead = np.array([[False, False, True, False]])
    assert artefacts.fill_pixels(velocity, dead, ~(dead | True)).ravel().tolist() == [9, 0, 1, 0]


def test_what_lies_outside_is_zero_and_fills_nothing():
    velocity = np.array([7.0, 99, 3], np.float32).reshape(1, 3, 1)
    filled = artefacts.fill_pixels(velocity, np.array([[False, True, False]]), np.array([[True, False, False]]))
    assert filled.ravel().tolist() == [0, 3, 3]


@pytest.mark.parametrize(
    ("frame_rate_hz", "expected"), [(1000.0, range(200, 220)), (400.0, [199, 200, 219, 220]), (700.0, range(200, 220))]
)
def test_the_longest_burst_is_a_time(frame_rate_hz, expected):
    """A push of 20 frames is 20 ms at 1000 Hz and 29 ms at 700 Hz: a burst; the 50 ms at 400 Hz are motion, with two
    jumps."""
    x = 0.01 * np.random.default_rng(0).standard_normal((50, 400)).astype(np.float32)
    x[:, 200:220] += 1
    assert np.flatnonzero(artefacts.burst_frames(x, frame_rate_hz)).tolist() == list(expected)
