"""A signal within a unit that is made of likelier units' is told from one of its own."""

import numpy as np
import pytest

from muspipe.identification.parts import borrowed
from muspipe.territories import discs

LARGE = discs([(16.0, 12.0), (16.0, 20.0)], [9.0, 9.0], (32, 32))
SMALL = discs([(16.0, 16.0)], [3.0], (32, 32))
SHAPES = np.concatenate([LARGE, SMALL])


def trains(n=3, seed=0):
    """(n, 400) smooth random signals of SD 1 that have nothing to do with each other."""
    white = np.random.default_rng(seed).standard_normal((n, 430))
    kernel = np.hanning(15)
    smooth = np.stack([np.convolve(w, kernel, "same") for w in white])[:, 15:415]
    return (smooth / smooth.std(axis=1, keepdims=True)).astype(np.float32)


def share(signal, hosts, shapes=SHAPES):
    return borrowed(shapes, np.concatenate([hosts, signal[None]]).astype(np.float32), 400.0, 0.8)[-1]


def test_a_rest_of_two_that_lie_on_each_other():
    hosts = trains()[:2]
    rest = np.gradient(hosts[0]) - 0.5 * np.roll(hosts[1], 3)
    assert share(rest, hosts) > 0.97
    assert share(rest - 0.5 * np.roll(hosts[1], 3), hosts) > 0.97
    assert share(np.gradient(hosts[0]), hosts[::-1][:1], SHAPES[1:]) < 0.4  # the other alone does not make it


def test_a_unit_of_its_own_within_two_others():
    signals = trains()
    assert share(signals[2], signals[:2]) < 0.4


def test_half_of_it_is_its_own():
    signals = trains()
    assert share(signals[2] + signals[0], signals[:2]) == pytest.approx(0.55, abs=0.15)


def test_who_lies_beside_is_no_part():
    hosts = trains()[:1]
    beside = discs([(16.0, 12.0), (16.0, 21.0)], [9.0, 3.0], (32, 32))
    assert 0 < (beside[0] & beside[1]).sum() < 0.8 * beside[1].sum()
    np.testing.assert_array_equal(borrowed(beside, np.repeat(hosts, 2, axis=0), 400.0, 0.8), 0)


def test_only_likelier_ones_lend():
    alike = np.repeat(trains(1), 2, axis=0)
    both = np.stack([SMALL[0], LARGE[0]])
    np.testing.assert_array_equal(borrowed(both, alike, 400.0, 0.8), 0)
    assert borrowed(both[::-1], alike, 400.0, 0.8) == pytest.approx([0, 1], abs=0.02)


def test_few_frames_and_no_units():
    assert borrowed(SHAPES, trains()[:, :5], 400.0, 0.8).shape == (3,)
    assert borrowed(SHAPES[:0], trains()[:0], 400.0, 0.8).shape == (0,)
