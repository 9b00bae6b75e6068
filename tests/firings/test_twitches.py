"""The pieces of the fit, each with numbers that can be worked out by hand."""

import numpy as np
import pytest

from muspipe.firings import twitches


def test_many_small_ones_do_not_move_the_typical_amplitude():
    assert twitches.typical(np.array([1.0, 1.0, 1.0, *[0.2] * 9, -3.0])) == 1.0
    assert twitches.typical(np.array([-1.0])) == 0 == twitches.typical(np.zeros(0))


def test_a_twitch_between_two_frames():
    """Onset at frame 1.25 of 5: a quarter of each sample belongs to the frame after. One before the first is cut."""
    rows = twitches.laid_down(np.array([4.0, 8.0]), np.array([1.25, -1.0, 4.0, -9.0, 99.0]), 5)
    np.testing.assert_allclose(rows[0], [0, 3, 7, 2, 0])
    np.testing.assert_allclose(rows[1], [8, 0, 0, 0, 0])
    np.testing.assert_allclose(rows[2], [0, 0, 0, 0, 4])
    assert not rows[3:].any()


def test_drift_is_taken_off_and_nothing_else():
    drift = twitches.cosines(400)
    assert drift.shape == (400, 9)  # 0, 0.5 ... 4 Hz in one second
    np.testing.assert_allclose(drift.T @ drift, np.eye(9), atol=1e-12)
    slow = 3 + np.cos(np.pi * 4 * (np.arange(400) + 0.5) / 400)
    quick = np.cos(np.pi * 20 * (np.arange(400) + 0.5) / 400)
    np.testing.assert_allclose(twitches.without(drift, slow + quick), quick, atol=1e-12)


def test_amplitudes_are_drawn_to_a_common_size():
    """Two twitches that do not overlap, of energy 2: the least squares 3 and 1, and the prior's 2 with a tenth of their
    weight: (3 + 0.2) / 1.1 and (1 + 0.2) / 1.1."""
    rows = np.zeros((2, 8))
    rows[0, :2] = rows[1, 4:6] = 1
    free, pull, inverse = twitches.amplitudes(3 * rows[0] + rows[1], rows, energy=2.0)
    np.testing.assert_allclose(free + 2 * pull, [3.2 / 1.1, 1.2 / 1.1])
    np.testing.assert_allclose(inverse, np.eye(2) / 2.2)


def test_a_firing_that_explains_little_goes_and_its_neighbour_takes_over():
    """The second twitch is half of the first; alone, the first has the amplitude of least squares with the prior."""
    rows = np.array([[1.0, 1, 0, 0], [0, 1, 1, 0]])
    x = rows[0] + 0.1 * rows[1]
    free, pull, inverse = twitches.amplitudes(x, rows, energy=2.0)
    a, kept = twitches.thinned(free + pull, inverse, 1.0, 2.0)
    assert kept.tolist() == [True, False]
    np.testing.assert_allclose(a, [(rows[0] @ x + 0.2) / 2.2])
    a, kept = twitches.thinned(np.array([1.0, 0.9]), np.eye(2) / 2.2, 1.0, 2.0)
    assert kept.all() and a.tolist() == [1.0, 0.9]


def test_onsets_move_to_where_the_twitch_is():
    """A bump half a frame late."""
    w = np.exp(-0.5 * ((np.arange(41) - 20) / 5) ** 2)
    drift, t, one = np.zeros((200, 0)), np.array([50.0]), np.ones(1)
    residual = (twitches.laid_down(w, t + 0.5, 200) - twitches.laid_down(w, t, 200))[0]
    assert twitches.moves(residual, w, t, one, drift, 1.0)[0] == pytest.approx(0.5, rel=0.15)
    assert twitches.moves(20 * residual, w, t, one, drift, 1.0)[0] == twitches.STEP


def test_the_twitch_is_learnt_from_its_firings():
    true = np.sin(np.linspace(0, 2 * np.pi, 60)) * np.exp(-np.linspace(0, 3, 60))
    true /= true.max()
    t, a = np.array([10.0, 85.5, 140.25, 230.0, 301.75]), np.array([1.0, 1.2, 0.8, 1.0, 1.1])
    x = a @ twitches.laid_down(true, t, 400)
    w = np.roll(true, 3)
    for _ in range(3):
        w = twitches.learnt(w, [(x, t, a, np.zeros((400, 0)))])
    np.testing.assert_allclose(w, true, atol=0.08)


def test_candidates_are_maxima_of_the_deconvolved_train():
    w = np.exp(-0.5 * ((np.arange(60) - 25) / 6) ** 2) - np.exp(-0.5 * ((np.arange(60) - 40) / 6) ** 2)
    x = twitches.laid_down(w, np.array([-20.0, 50.0, 66.0, 200.0]), 300).sum(axis=0)
    got = twitches.candidates(x, w / w.max(), 0.01)
    for onset in (-20, 50, 66, 200):
        assert np.abs(got - onset).min() <= 1
