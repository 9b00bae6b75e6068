"""Territories with a detector's errors are near the true ones, and as wrong as asked for."""

import numpy as np

from muspipe.data.given import given_territories, wrong_territories
from muspipe.territories import discs, iou
from simulator import SimulationConfig, simulate


def iou_at(masks, error):
    wrong = wrong_territories(masks, np.random.default_rng(1), error)
    return np.diag(iou(wrong, masks))


def test_wrong_as_asked_for():
    masks = simulate(SimulationConfig.scenario("paper", n_units=25), 3).territories
    assert iou_at(masks, 0).mean() > 0.95  # discs, but for their pixels
    assert iou_at(masks, 0).mean() > iou_at(masks, 1).mean() + 0.05 > iou_at(masks, 3).mean() + 0.1
    assert 0.6 < iou_at(masks, 1).mean() < 0.9


def test_the_unit_itself_is_always_given():
    masks = simulate(SimulationConfig.scenario("paper", n_units=25), 3).territories
    given, unit = given_territories(masks, 7, np.random.default_rng(0), 0)
    assert given is masks and unit == 7
    counts = set()
    for seed in range(20):
        given, unit = given_territories(masks, 7, np.random.default_rng(seed), 5.0)
        counts.add(len(given))
        given_at_1, at_1 = given_territories(masks, 7, np.random.default_rng(seed), 1.0)
        assert iou(given_at_1[at_1 : at_1 + 1], masks[7:8])[0, 0] > 0.2 and unit < len(given)
    assert max(counts) < 22 and min(counts) > 5


def test_radii_are_wrong_by_an_eighth_and_centres_by_three_quarters_of_a_pixel():
    """400 discs with a radius of 12 px, in the middle of the image: pi 12^2 is 452 px."""
    masks = discs(np.full((400, 2), 31.5), np.full(400, 12.0), (64, 64))
    wrong = wrong_territories(masks, np.random.default_rng(2), 1.0)
    log_radius = np.log(wrong.sum(axis=(1, 2)) / masks[0].sum()) / 2
    assert abs(log_radius.mean()) < 0.02 and abs(log_radius.std() - 0.12) < 0.015
    rows = wrong.any(axis=2).argmax(axis=1), 63 - wrong[:, ::-1].any(axis=2).argmax(axis=1)
    assert abs(np.mean(rows, axis=0).std() - 0.75) < 0.1


def test_a_territory_smaller_than_a_pixel_is_given_as_it_is():
    """The radius of one pixel's area is 0.56 px: moved, the disc may hold no pixel's middle."""
    masks = np.zeros((50, 64, 64), bool)
    masks[np.arange(50), 30, np.arange(50)] = True
    wrong = wrong_territories(masks, np.random.default_rng(3), 1.0)
    assert wrong.any(axis=(1, 2)).all()


def test_at_most_half_of_the_others_are_missed():
    masks = discs(np.full((101, 2), 31.5), np.full(101, 5.0), (64, 64))
    given, _ = given_territories(masks, 0, np.random.default_rng(4), 10.0)
    assert abs(len(given) - 51) < 15  # 3 SD of 100 tosses
