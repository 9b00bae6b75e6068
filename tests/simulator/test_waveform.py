"""The twitch's printed properties, at the middle of the parameters' ranges and at their ends."""

import numpy as np
import pytest

from simulator import waveform

TIME_S = np.arange(0, 0.6, 1e-5)
CASES = [(0.05, 0.625), (0.04, 0.5), (0.06, 0.75), (0.04, 0.75), (0.06, 0.5)]


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_peak_is_one_at_the_stated_latency(contraction_time_s, ratio):
    velocity = waveform.twitch_velocity(TIME_S, contraction_time_s, ratio)
    assert velocity.max() == pytest.approx(1.0, abs=1e-6)
    assert TIME_S[velocity.argmax()] == pytest.approx(waveform.peak_latency_s(contraction_time_s, ratio), abs=2e-5)


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_tissue_returns_to_its_place(contraction_time_s, ratio):
    velocity = waveform.twitch_velocity(TIME_S, contraction_time_s, ratio)
    displacement = np.cumsum(velocity) * 1e-5
    assert abs(displacement[-1]) < 1e-6 * displacement.max()  # zero integral
    assert TIME_S[displacement.argmax()] == pytest.approx(contraction_time_s, abs=2e-5)
    half = contraction_time_s * (1 + ratio)
    assert displacement[round(half / 1e-5)] == pytest.approx(0.5 * displacement.max(), rel=1e-3)


def test_measured_expectations_at_the_middle():
    velocity = waveform.twitch_velocity(TIME_S, 0.05, 0.625)
    assert TIME_S[velocity.argmax()] == pytest.approx(0.027, abs=0.002)
    assert -velocity.min() == pytest.approx(0.54, abs=0.02)  # relaxation lobe
    assert TIME_S[np.flatnonzero(np.abs(velocity) > 0.02)[-1]] == pytest.approx(0.148, abs=0.005)


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_over_within_the_support(contraction_time_s, ratio):
    assert abs(waveform.twitch_velocity(0.4, contraction_time_s, ratio)) < 1e-5


def test_nothing_before_the_firing():
    np.testing.assert_array_equal(waveform.twitch_velocity(np.array([-1.0, -1e-9, 0.0]), 0.05, 0.6), 0.0)


def train(firings_s, **changes):
    arguments = dict(frame_rate_hz=400.0, n_frames=400, support_s=0.4)
    n = len(firings_s)
    one = np.ones(1)
    return waveform.twitch_trains(
        np.array(firings_s, float), np.zeros(n, int), 1, 0.05 * one, 0.625 * one, 2.0 * one, **(arguments | changes)
    )[0]


def test_one_firing_one_twitch():
    """A firing 1/3 frame after frame 40: frame 40 + k lies k - 1/3 frames after it."""
    got = train([(40 + 1 / 3) / 400])
    expected = 2.0 * waveform.twitch_velocity((np.arange(400) - 40 - 1 / 3) / 400, 0.05, 0.625)
    np.testing.assert_allclose(got, expected, atol=2e-5)
    assert (got[:41] == 0).all() and got[41] > 0


def test_trains_add():
    np.testing.assert_allclose(train([0.1, 0.13]), train([0.1]) + train([0.13]), atol=1e-6)


def test_delay_shifts_the_train():
    np.testing.assert_allclose(train([0.1], delay_s=0.0025 * 3)[3:], train([0.1])[:-3], atol=1e-5)


def test_firings_far_outside_do_not_matter():
    np.testing.assert_array_equal(train([-0.5, 0.2, 1.5]), train([0.2]))
