"""Territories with a detector's errors are near the true ones, and as wrong as asked for."""

import numpy as np

from muspipe.data.given import given_territories, wrong_territories
from muspipe.territories import iou
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
