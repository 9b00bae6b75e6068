"""The rule of the paper, with numbers that can be worked out by hand."""

import numpy as np
import pytest

from muspipe.firings.maxima import positive_maxima, running_mean


def test_running_mean_of_eleven_samples():
    impulse = np.zeros(41)
    impulse[20] = 11.0
    smooth = running_mean(impulse[None], 400.0)[0]
    np.testing.assert_allclose(smooth[15:26], 1.0)
    np.testing.assert_allclose(smooth[[14, 26]], 0.0, atol=1e-12)


def test_running_mean_at_the_ends_and_at_another_rate():
    ramp = np.arange(20.0)[None]
    assert running_mean(ramp, 400.0)[0, 0] == pytest.approx(np.mean(np.arange(6)))  # six samples exist
    impulse = np.zeros(101)
    impulse[50] = 27.0
    assert np.count_nonzero(running_mean(impulse[None], 1000.0) > 1e-9) == 27  # 27 ms at 1 kHz


def test_firings_are_positive_maxima():
    """A 10 Hz cosine peaks at 0.1, 0.2 ... ; lowered below zero it has no firings."""
    time_s = np.arange(400) / 400
    wave = np.cos(2 * np.pi * 10 * time_s)
    (found,) = positive_maxima(wave[None], 400.0)
    np.testing.assert_allclose(found, np.arange(1, 10) / 10, atol=1e-9)
    assert len(positive_maxima(wave[None] - 2, 400.0)[0]) == 0
    assert positive_maxima(np.zeros((1, 400)), 400.0)[0].size == 0


@pytest.mark.parametrize("level", [0.1, 0.3, 7.7, -1.0])
def test_a_flat_train_has_no_firings(level):
    assert positive_maxima(np.full((1, 400), level), 400.0)[0].size == 0


def test_a_flat_maximum_is_one_firing_and_a_step_is_none():
    """A 3 Hz cosine clipped at 0.2 has flat tops about 1/3 s and 2/3 s; a staircase that rises on has no maximum."""
    clipped = np.clip(np.cos(2 * np.pi * 3 * np.arange(400) / 400), -0.2, 0.2)
    np.testing.assert_allclose(positive_maxima(clipped[None], 400.0)[0], [1 / 3, 2 / 3], atol=0.003)
    stairs = np.repeat([0.0, 0.1, 0.7, 0.0], 100)
    np.testing.assert_allclose(positive_maxima(stairs[None], 400.0)[0], [249.5 / 400], atol=0.002)
