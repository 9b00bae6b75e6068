"""Statistics of the firings, each against the number that the paper or the simulator's table prints, and the twitch's
printed properties, at the middle of the parameters' ranges and at their ends."""

import numpy as np
import pytest

from simulator import SimulationConfig
from simulator.activity import (
    concurrent_firings,
    draw_firings,
    peak_latency_s,
    renewal_trains,
    synchronise,
    twitch_trains,
    twitch_velocity,
)

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
    assert first_s.mean() == pytest.approx(0.05, abs=0.003)  # half an interval of 0.1 s
    assert first_s.std() == pytest.approx(0.1 / 12**0.5, rel=0.1)  # of the uniform distribution


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


def test_a_firing_stays_if_its_partner_never_fires():
    times_s = np.array([[0.1, 0.2], [np.nan, np.nan]])
    np.testing.assert_array_equal(synchronise(np.random.default_rng(8), times_s, 1.0, 0.0015), times_s)


def test_firings_are_sorted_by_unit_then_time():
    config = SimulationConfig.scenario("paper")
    firings_s, unit = draw_firings(np.random.default_rng(9), np.array([8.0, 9.0, 13.0]), 0.1, config)
    assert (np.diff(unit) >= 0).all() and set(unit) == {0, 1, 2}
    for k in range(3):
        assert (np.diff(firings_s[unit == k]) > 0).all()


TIME_S = np.arange(0, 0.6, 1e-5)
CASES = [(0.05, 0.625), (0.04, 0.5), (0.06, 0.75), (0.04, 0.75), (0.06, 0.5)]


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_peak_is_one_at_the_stated_latency(contraction_time_s, ratio):
    velocity = twitch_velocity(TIME_S, contraction_time_s, ratio)
    assert velocity.max() == pytest.approx(1.0, abs=1e-6)
    assert TIME_S[velocity.argmax()] == pytest.approx(peak_latency_s(contraction_time_s, ratio), abs=2e-5)


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_tissue_returns_to_its_place(contraction_time_s, ratio):
    velocity = twitch_velocity(TIME_S, contraction_time_s, ratio)
    displacement = np.cumsum(velocity) * 1e-5
    assert abs(displacement[-1]) < 1e-6 * displacement.max()  # zero integral
    assert TIME_S[displacement.argmax()] == pytest.approx(contraction_time_s, abs=2e-5)
    half = contraction_time_s * (1 + ratio)
    assert displacement[round(half / 1e-5)] == pytest.approx(0.5 * displacement.max(), rel=1e-3)


def test_measured_expectations_at_the_middle():
    velocity = twitch_velocity(TIME_S, 0.05, 0.625)
    assert TIME_S[velocity.argmax()] == pytest.approx(0.027, abs=0.002)
    assert -velocity.min() == pytest.approx(0.54, abs=0.02)  # relaxation lobe
    assert TIME_S[np.flatnonzero(np.abs(velocity) > 0.02)[-1]] == pytest.approx(0.148, abs=0.005)


@pytest.mark.parametrize("contraction_time_s, ratio", CASES)
def test_over_within_the_support(contraction_time_s, ratio):
    assert abs(twitch_velocity(0.4, contraction_time_s, ratio)) < 1e-5


def test_nothing_before_the_firing():
    np.testing.assert_array_equal(twitch_velocity(np.array([-1.0, -1e-9, 0.0]), 0.05, 0.6), 0.0)


def train(firings_s, **changes):
    arguments = dict(frame_rate_hz=400.0, n_frames=400, support_s=0.4)
    n = len(firings_s)
    one = np.ones(1)
    return twitch_trains(
        np.array(firings_s, float), np.zeros(n, int), 1, 0.05 * one, 0.625 * one, 2.0 * one, **(arguments | changes)
    )[0]


def test_one_firing_one_twitch():
    """A firing 1/3 frame after frame 40: frame 40 + k lies k - 1/3 frames after it."""
    got = train([(40 + 1 / 3) / 400])
    expected = 2.0 * twitch_velocity((np.arange(400) - 40 - 1 / 3) / 400, 0.05, 0.625)
    np.testing.assert_allclose(got, expected, atol=2e-5)
    assert (got[:41] == 0).all() and got[41] > 0


def test_trains_add():
    np.testing.assert_allclose(train([0.1, 0.13]), train([0.1]) + train([0.13]), atol=1e-6)


def test_delay_shifts_the_train():
    np.testing.assert_allclose(train([0.1], delay_s=0.0025 * 3)[3:], train([0.1])[:-3], atol=1e-5)


def test_firings_far_outside_do_not_matter():
    np.testing.assert_array_equal(train([-0.5, 0.2, 1.5]), train([0.2]))


def test_a_twitch_from_before_the_first_frame_goes_on():
    """Fired 20 ms before the first frame, at 400 Hz: frame k is 8 frames later."""
    np.testing.assert_allclose(
        train([-0.02]), 2.0 * twitch_velocity((np.arange(400) + 8) / 400, 0.05, 0.625), atol=2e-5
    )


def test_each_twitch_has_its_own_amplitude():
    """That of a firing outside, the first, is nobody else's."""
    got = train([-0.9, 0.1, 0.5], amplitudes=np.array([7.0, 1.0, 3.0]))
    np.testing.assert_allclose(got, train([0.1]) + 3 * train([0.5]), atol=1e-5)


def test_no_firing_after_the_end():
    times_s = renewal_trains(np.random.default_rng(2), np.full(100, 10.0), CONFIG)
    assert np.nanmax(times_s) < CONFIG.duration_s == 1.0


def test_firings_of_a_unit_that_join_others_are_sorted():
    """All are moved, by a jitter as wide as an interval."""
    config = SimulationConfig.scenario("paper", synchronisation_jitter_s=0.01)
    firings_s, unit = draw_firings(np.random.default_rng(9), np.full(3, 13.0), 1.0, config)
    assert all((np.diff(firings_s[unit == k]) >= 0).all() for k in range(3))


def test_firings_of_others_just_before_are_counted():
    """Within 20 ms: unit 0 fires twice before unit 1 does at 0.115 s; a unit's own firings do not count."""
    firings_s, unit = np.array([0.100, 0.110, 0.200, 0.115, 0.135, 0.230]), np.array([0, 0, 0, 1, 1, 1])
    assert concurrent_firings(firings_s, unit, 0.02).tolist() == [0, 0, 0, 2, 0, 0]
