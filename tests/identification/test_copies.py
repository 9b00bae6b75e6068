"""Units that are found twice in a long recording."""

import numpy as np
import pytest

from muspipe.identification.seams import without_copies


@pytest.fixture
def trains():
    """Three that have nothing in common, (3, 1000)."""
    return np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)


def bands(*rows):
    """Territories (n, 10, 10) of whole rows, from first to last."""
    masks = np.zeros((len(rows), 10, 10), bool)
    for mask, (first, last) in zip(masks, rows, strict=True):
        mask[first : last + 1] = True
    return masks


def test_of_two_alike_the_likelier_stays(trains):
    """IoU 2 of 4 rows; the second train is the first with noise, correlation 0.89, and is active for a third of it."""
    first, noise, other = trains
    copy = first + 0.5 * noise
    copy[:300] = copy[600:] = 0
    masks = bands((0, 2), (1, 3), (6, 8))
    assert without_copies(masks, np.stack([first, copy, other])) == [0, 2]
    assert without_copies(masks, np.stack([copy, first, other])) == [0, 1, 2]  # 0.49 over all of the likelier's time


def test_units_that_share_pixels_or_signals_alone_stay(trains):
    first, noise, other = trains
    alike = np.stack([first, first + 0.5 * noise, other])
    assert without_copies(bands((0, 2), (2, 4), (6, 8)), alike) == [0, 1, 2]  # IoU 1 of 5
    assert without_copies(bands((0, 2), (0, 2), (6, 8)), trains) == [0, 1, 2]


def test_none_and_a_silent_one(trains):
    assert without_copies(np.zeros((0, 10, 10), bool), np.zeros((0, 5), np.float32)) == []
    assert without_copies(bands((0, 2), (0, 2)), np.stack([trains[0], np.zeros(1000, np.float32)])) == [0, 1]
