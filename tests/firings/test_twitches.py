"""The pieces of the fit, each with numbers that can be worked out by hand."""

import numpy as np
import pytest

from muspipe.firings import twitches


def test_many_small_ones_do_not_move_the_typical_amplitude():
    assert twitches.typical(np.array([1.0, 1.0, 1.0, *[0.2] * 9, -3.0])) == 1.0
    assert twitches.typical(np.array([-1.0])) == 0
    assert twitches.typical(np.array([[1.0, 1, 1, 0.1, 0], [-1, 0, 2, 0, 0]])).tolist() == [1, 2]


def test_half_of_the_energy_lies_above_the_typical_amplitude():
    """Squares of 1, 4 and 9: the last alone has more than half of them."""
    assert twitches.typical(np.array([3.0, 1.0, 2.0])) == 3


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
    rows, no_drift = np.zeros((2, 8)), np.zeros((8, 0))
    rows[0, :2] = rows[1, 4:6] = 1
    free, pull, inverse = twitches.amplitudes(3 * rows[0] + rows[1], rows, no_drift, energy=2.0)
    np.testing.assert_allclose(free + 2 * pull, [3.2 / 1.1, 1.2 / 1.1])
    np.testing.assert_allclose(inverse, np.eye(2) / 2.2)


def test_a_firing_that_explains_little_goes_and_its_neighbour_takes_over():
    """The second twitch is half of the first; alone, the first has the amplitude of least squares with the prior."""
    rows = np.array([[1.0, 1, 0, 0], [0, 1, 1, 0]])
    x = rows[0] + 0.1 * rows[1]
    free, pull, inverse = twitches.amplitudes(x, rows, np.zeros((4, 0)), energy=2.0)
    both = np.ones(2, bool)
    a, kept = twitches.thinned(free + pull, inverse, both, 2.0)
    assert kept.tolist() == [True, False]
    np.testing.assert_allclose(a, [(rows[0] @ x + 0.2) / 2.2, 0])
    a, kept = twitches.thinned(np.array([1.0, 0.9]), np.eye(2) / 2.2, both, 2.0)
    assert kept.all() and a.tolist() == [1.0, 0.9]


@pytest.mark.parametrize(
    ("amplitude", "strict", "stays"),
    [(0.40, 1.0, True), (0.38, 1.0, False), (0.38, 0.7, True), (0.35, 0.7, False), (-0.9, 1.0, False)],
)
def test_how_little_a_firing_may_explain(amplitude, strict, stays):
    """Twitches of energy 2 apart from each other: an amplitude a explains 2 a^2, and 0.1 of that by the prior. 0.17 of
    2 are asked for, with 0.7 of 0.07 0.149 of 2: a of 0.393, and of 0.368. Negative ones explain nothing."""
    _, kept = twitches.thinned(np.array([1.0, amplitude]), np.eye(2) / 2.2, np.ones(2, bool), 2.0, strict)
    assert kept.tolist() == [True, stays]


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
        w = twitches.learnt(w, x[None], t[None], a[None], np.zeros((400, 0)))
    np.testing.assert_allclose(w, true, atol=0.08)


def test_normal_equations_of_the_learnt_twitch():
    """Three stretches, firings before the first frame, at the last, and none; with the impulses laid out one by one."""
    rng, length, n_frames = np.random.default_rng(0), 20, 50
    t = np.array([[-7.5, 3.25, 49.5], [-30.0, 12.0, 33.9], [twitches.NOWHERE, twitches.NOWHERE, 18.0]])
    a, x = rng.uniform(0.5, 1.5, (3, 3)) * (t > twitches.NOWHERE), rng.standard_normal((3, n_frames))
    drift, w = twitches.cosines(n_frames), np.hanning(length)
    shifted = np.stack([a[:, None] @ twitches.laid_down(np.eye(length)[i], t, n_frames) for i in range(length)], axis=1)
    rows = twitches.without(drift, shifted[:, :, 0])
    gram, right = np.einsum("sit,sjt->ij", rows, rows), np.einsum("sit,st->i", rows, twitches.without(drift, x))
    hold = np.trace(gram) / length * twitches._hold(length)
    expected = np.linalg.solve(gram + hold, right + hold @ w)
    got = twitches.learnt(w, twitches.without(drift, x), t, a, drift)
    np.testing.assert_allclose(got, expected / expected.max(), atol=1e-9)


def test_a_stretch_is_fitted_alike_alone_and_beside_others():
    """Places without a firing change nothing."""
    w, t = np.hanning(30), np.array([[5.0, 60.25, 90.0], [20.0, twitches.NOWHERE, twitches.NOWHERE]])
    drift = twitches.cosines(150)
    x = twitches.without(drift, twitches.laid_down(w, t + 0.4, 150).sum(axis=1))
    for i, k in enumerate((3, 1)):
        rows = twitches.laid_down(w, t, 150)
        together, alone = (twitches.amplitudes(x_, r, drift, 10.0) for x_, r in ((x, rows), (x[i], rows[i, :k])))
        np.testing.assert_allclose(together[0][i, :k], alone[0], atol=1e-12)
        a = np.where(t > twitches.NOWHERE, 1.0, 0)
        residual = x - twitches.without(drift, (a[:, None] @ rows)[:, 0])
        moved = twitches.moves(residual, w, t, a, drift, 1.0)
        np.testing.assert_allclose(moved[i, :k], twitches.moves(residual[i], w, t[i, :k], a[i, :k], drift, 1.0))
        assert not moved[1, 1:].any()


def test_candidates_are_maxima_of_the_deconvolved_train():
    w = np.exp(-0.5 * ((np.arange(60) - 25) / 6) ** 2) - np.exp(-0.5 * ((np.arange(60) - 40) / 6) ** 2)
    x = twitches.laid_down(w, np.array([-20.0, 50.0, 66.0, 200.0]), 300).sum(axis=0)
    got = twitches.candidates(x, w / w.max(), 0.01)
    for onset in (-20, 50, 66, 200):
        assert np.abs(got - onset).min() <= 1
    assert np.count_nonzero(got > twitches.NOWHERE) < 12  # maxima alone
