"""Dots lose the rim that the blur of the image gives them; territories that have an inside keep their shape."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from muspipe.identification.dots import without_rims
from muspipe.territories import discs

SHAPE = (32, 32)
TIME = np.arange(200) / 400
SIGNALS = np.sin(2 * np.pi * np.array([[7.0], [11.0]]) * TIME).astype(np.float32)


def velocity(maps):
    """(P, T) of maps (n, H, W) that move by SIGNALS, with a little noise."""
    noise = 0.02 * np.random.default_rng(0).standard_normal((SHAPE[0] * SHAPE[1], 200))
    return (np.reshape(maps, (len(maps), -1)).T @ SIGNALS[: len(maps)] + noise).astype(np.float32)


def blurred(mask):
    return gaussian_filter(mask.astype(float), 0.7)


def test_a_dot_that_was_drawn_with_its_rim():
    dot, drawn = discs([(10.0, 10.0), (10.0, 10.0)], [1.0, 2.0], SHAPE)
    assert dot.sum() == 4 and drawn.sum() == 12
    np.testing.assert_array_equal(without_rims(velocity([blurred(dot)]), drawn[None], 0.625), [dot])


def test_a_dot_within_a_large_unit():
    dot, drawn, large = discs([(10.0, 10.0), (10.0, 10.0), (12.0, 12.0)], [1.0, 2.0, 9.0], SHAPE)
    moves = velocity([3 * blurred(dot), blurred(large)])
    np.testing.assert_array_equal(without_rims(moves, np.stack([drawn, large]), 0.625), [dot, large])


@pytest.mark.parametrize("radius", [1.5, 2.0])
def test_a_small_territory_that_was_drawn_well_stays(radius):
    mask = discs([(10.0, 10.0)], [radius], SHAPE)
    np.testing.assert_array_equal(without_rims(velocity(blurred(mask[0])[None]), mask, 0.625), mask)


def test_a_large_territory_stays_whatever_moves_in_it():
    dot, drawn = discs([(10.0, 10.0), (10.0, 10.0)], [1.0, 2.0], SHAPE)
    np.testing.assert_array_equal(without_rims(velocity([blurred(dot)]), drawn[None], 1.25), [drawn])


def test_nothing_moves_or_nothing_is_there():
    still, drawn = np.zeros((32 * 32, 200), np.float32), discs([(10.0, 10.0)], [2.0], SHAPE)
    assert without_rims(still, drawn, 0.625).shape == (1, *SHAPE)
    assert without_rims(still, drawn[:0], 0.625).shape == (0, *SHAPE)


@pytest.mark.parametrize("n_bright", [6, 7])
def test_at_least_half_must_be_rim(n_bright):
    """12 pixels, of which so many are bright and the others hold a fifth."""
    drawn, bright = np.zeros((2, *SHAPE), bool)
    drawn[10:13, 10:14] = True
    bright.reshape(-1)[np.flatnonzero(drawn)[:n_bright]] = True
    expected = bright if n_bright == 6 else drawn
    np.testing.assert_array_equal(without_rims(velocity([0.2 * drawn + 0.8 * bright]), drawn[None], 0.625), [expected])
