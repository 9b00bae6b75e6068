"""Statistics of the firings, each against the number that the paper or the simulator's table prints."""

import numpy as np
import pytest

from simulator import SimulationConfig
from simulator.firings import draw_firings, renewal_trains, synchronise

CONFIG = SimulationConfig.scenario("paper", synchronisation=(0.0, 0.0))
LONG = {"n_frames": 8000}  # 20 s: the end of a sequence cuts off long intervals sooner than short ones


def intervals(rate_hz, n_units=300, **changes):
    config = SimulationConfig.scenario("paper", **LONG, **changes)
    times_s = renewal_trains(np.random.default_rng(1), np.full(n_units, rate_hz), config)
    return np.diff(times_s, axis=1)


@pytest.mark.parametrize("rate_hz", [8.0, 10.0, 13.0])
def test_interval_mean_and_sd(rate_hz):
    values = intervals(rate_hz)
    values = values[~np.isnan(values)]
    assert values.mean() * rate_hz == pytest.approx(1.0, abs=0.01)
    assert values.std() * rate_hz == pytest.approx(0.2, abs=0.01)  # coefficient of variation
    assert 0.3 - 1e-9 <= values.min() * rate_hz and values.max() * rate_hz <= 1.7 + 1e-9


def test_clip_works_where_the_spread_is_wide():
    values = intervals(10.0, interval_sd=1.0)
    values = values[~np.isnan(values)] * 10.0
    assert values.min() == pytest.approx(0.3) and values.max() == pytest.approx(1.7)


def test_rate_is_steady_from_the_lead_in_on():
    times_s = renewal_trains(np.random.default_rng(2), np.full(4000, 10.0), CONFIG)
    counts, _ = np.histogram(times_s[~np.isnan(times_s)], bins=np.linspace(-0.6, 1.0, 17))
    assert times_s[~np.isnan(times_s)].min() >= -0.6
    np.testing.assert_allclose(counts[6:] / 4000 / 0.1, 10.0, rtol=0.05)  # firings/s in each 100 ms after t = 0


def test_units_do_not_start_together():
    first_s = renewal_trains(np.random.default_rng(3), np.full(2000, 10.0), CONFIG)[:, 0] + 0.6
    assert first_s.std() > 0.02


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_share_of_moved_firings(share):
    rng = np.random.default_rng(4)
    times_s = renewal_trains(rng, np.full(400, 10.0), CONFIG)
    moved = synchronise(rng, times_s, share, 0.0015)
    changed = (moved != times_s) & ~np.isnan(times_s)
    assert changed.sum() / (~np.isnan(times_s)).sum() == pytest.approx(share, abs=0.015)


def test_moved_firings_land_on_the_other_unit_with_the_stated_jitter():
    pair = renewal_trains(np.random.default_rng(5), np.full(2, 10.0), SimulationConfig.scenario("paper", **LONG))
    moved = synchronise(np.random.default_rng(6), pair, 1.0, 0.0015)
    for before, after, partner in zip(pair, moved, pair[::-1], strict=True):
        known = ~np.isnan(before)
        distance = np.abs(partner[~np.isnan(partner)] - before[known, None])
        error_s = after[known] - partner[~np.isnan(partner)][distance.argmin(axis=1)]
        assert error_s.std() == pytest.approx(0.0015, rel=0.15) and abs(error_s.mean()) < 0.0004


def test_one_unit_has_nobody_to_join():
    times_s = renewal_trains(np.random.default_rng(7), np.array([10.0]), CONFIG)
    np.testing.assert_array_equal(synchronise(np.random.default_rng(8), times_s, 1.0, 0.0015), times_s)


def test_firings_are_sorted_by_unit_then_time():
    config = SimulationConfig.scenario("paper")
    firings_s, unit = draw_firings(np.random.default_rng(9), np.array([8.0, 9.0, 13.0]), 0.1, config)
    assert (np.diff(unit) >= 0).all() and set(unit) == {0, 1, 2}
    for k in range(3):
        assert (np.diff(firings_s[unit == k]) > 0).all()
