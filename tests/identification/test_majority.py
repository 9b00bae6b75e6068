"""The shape that two of three say a territory has."""

import numpy as np
import pytest

from muspipe.identification.majority import LEAST_PX, majority, responses
from muspipe.territories import discs, iou

SHAPE = (48, 48)
TRUE = discs([(24.0, 24.0)], [8.0], SHAPE)
SIGNAL = np.sin(2 * np.pi * 7 * np.arange(200) / 400)[None].astype(np.float32)


def velocity(response, noise=0.3):
    """(P, T): a response (H, W) to the signal, and noise."""
    v = response.reshape(-1, 1) * SIGNAL
    return (v + noise * np.random.default_rng(0).standard_normal(v.shape)).astype(np.float32)


def sloping():
    """A response that falls from the middle to 0.4 at the territory's edge, and soon to nothing."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    far = np.hypot(y - 24, x - 24)
    return np.interp(far, [0, 4, 8, 8.7], [1, 1, 0.4, 0])


def test_two_that_err_are_put_right_by_the_data():
    left, right = discs([(24.0, 22.0), (24.0, 26.0)], [8.0, 8.0], SHAPE)
    voted = majority(velocity(sloping()), SIGNAL, left[None], right[None])
    assert iou(voted, TRUE)[0, 0] > 0.93 > 0.9 > iou(left[None], TRUE)[0, 0] + 0.1


def test_what_only_one_says_is_left_out():
    """Pixels that move, but that neither of the shapes has, stay outside, and so does what only the network has."""
    wide = sloping() + discs([(24.0, 38.0)], [4.0], SHAPE)[0]
    outline = TRUE | discs([(8.0, 24.0)], [5.0], SHAPE)
    voted = majority(velocity(wide), SIGNAL, TRUE, outline)
    assert iou(voted, TRUE)[0, 0] > 0.9
    assert not (voted & ~(TRUE | outline)).any()


def test_a_flat_territory_keeps_the_shape_of_the_separation():
    outline = discs([(24.0, 25.5)], [9.0], SHAPE)
    voted = majority(velocity(TRUE[0].astype(float)), SIGNAL, TRUE, outline)
    np.testing.assert_array_equal(voted, TRUE)


def test_a_small_territory_keeps_the_shape_of_the_separation():
    small, outline = discs([(24.0, 24.0), (25.0, 24.0)], [2.5, 2.5], SHAPE)
    assert (small & outline).sum() < LEAST_PX
    voted = majority(velocity(small * 0.5 + outline), SIGNAL, small[None], outline[None])
    np.testing.assert_array_equal(voted, small[None])


def test_nothing_to_vote_on():
    none = np.zeros((0, *SHAPE), bool)
    assert majority(velocity(sloping()), SIGNAL, none, none).shape == (0, *SHAPE)


def test_responses_of_signals_that_overlap():
    """Each signal's own map, though they share pixels and time."""
    time = np.arange(200) / 400
    signals = np.stack([np.sin(2 * np.pi * 7 * time), np.sin(2 * np.pi * 7 * time + 1.0) + 5])
    maps = discs([(20.0, 24.0), (28.0, 24.0)], [8.0, 8.0], SHAPE).astype(float)
    found = responses(np.einsum("nhw,nt->hwt", maps, signals).reshape(-1, 200) + 3, signals, SHAPE)
    assert found == pytest.approx(maps, abs=0.03)
