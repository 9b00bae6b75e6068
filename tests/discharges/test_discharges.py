"""Discharge properties, with numbers to verify on paper."""

import numpy as np
import pytest

from muspipe.discharges import (
    PAIR_PROPERTIES,
    PROPERTIES,
    cross_histogram,
    cumulative_spike_train,
    discharge_properties,
    instantaneous_rates,
    smoothed_drive,
    synchronisation,
)


def test_properties_of_five_firings():
    # intervals of 100, 100, 200, 125 ms: rates of 10, 10, 5, 8 Hz
    firings_s = np.array([0.5, 0.6, 0.7, 0.9, 1.025])
    np.testing.assert_allclose(instantaneous_rates(firings_s), [10, 10, 5, 8])
    found = {name: values[0] for name, values in discharge_properties([firings_s]).items()}
    assert found == pytest.approx(
        {
            "n_firings": 5,
            "recruitment_s": 0.5,
            "derecruitment_s": 1.025,
            "rate_hz": 33 / 4,  # not 4 / 0.525 s
            "rate_cv_percent": 100 * np.sqrt((1.75**2 * 2 + 3.25**2 + 0.25**2) / 3) / 8.25,
            "rate_recruitment_hz": 25 / 3,
            "rate_derecruitment_hz": 23 / 3,
            "interval_mean_ms": 131.25,
            "interval_cv_percent": 100 * np.sqrt((31.25**2 * 2 + 68.75**2 + 6.25**2) / 3) / 131.25,
        }
    )
    assert list(found) == list(PROPERTIES)


@pytest.mark.parametrize(
    ("n", "told"),
    [
        (0, {"n_firings"}),
        (1, {"n_firings", "recruitment_s", "derecruitment_s"}),
        (2, {"n_firings", "recruitment_s", "derecruitment_s", "rate_hz", "interval_mean_ms"}),
        (3, set(PROPERTIES) - {"rate_recruitment_hz", "rate_derecruitment_hz"}),
        (4, set(PROPERTIES)),
    ],
)
def test_what_few_firings_do_not_tell_is_nan(n, told):
    found = discharge_properties([np.arange(n) / 8, np.arange(9) / 8])
    assert {name for name, values in found.items() if np.isfinite(values[0])} == told
    assert np.isfinite([values[1] for values in found.values()]).all()


def test_no_units():
    assert {values.shape for values in discharge_properties([]).values()} == {(0,)}
    assert {values.shape for values in synchronisation([], 1.0).values()} == {(0,)}
    assert cumulative_spike_train([], 3, 10.0).tolist() == [0, 0, 0]


def test_firings_at_one_instant_have_no_finite_rate():
    found = discharge_properties([np.array([0.1, 0.1, 0.2])])
    assert found["rate_hz"][0] == np.inf and np.isnan(found["rate_cv_percent"][0])


def test_cross_histogram_counts_every_lag():
    lags_s, counts = cross_histogram([1.0, 2.0], [0.997, 1.002, 1.05, 2.0024, 3.0], longest_lag_s=0.005)
    np.testing.assert_allclose(lags_s, np.arange(-5, 6) / 1e3)
    assert dict(zip(np.rint(1e3 * lags_s).astype(int).tolist(), counts.tolist(), strict=True)) == {
        lag: {-3: 1, 2: 2}.get(lag, 0) for lag in range(-5, 6)
    }


def test_common_firings_are_synchronisation_and_independent_ones_are_not():
    rng = np.random.default_rng(7)
    duration_s, rate_hz, common_hz = 400.0, 10.0, 1.5

    def poisson(rate):
        return rng.uniform(0, duration_s, rng.poisson(rate * duration_s))

    common_s = poisson(common_hz)
    a, b = (np.sort(np.r_[common_s + 0.001 * rng.standard_normal(len(common_s)), poisson(rate_hz)]) for _ in range(2))
    alone = np.sort(poisson(rate_hz))
    found = synchronisation([a, b, alone], duration_s)
    assert list(found) == list(PAIR_PROPERTIES)
    assert found["unit"].tolist() == [1, 1, 2] and found["other_unit"].tolist() == [2, 3, 3]
    assert found["cis_hz"][0] == pytest.approx(common_hz, abs=0.25)
    assert found["z"][0] > 10 and np.abs(found["z"][1:]).max() < 3
    # two independent trains of 11.5 and 10 Hz meet within 5.5 ms 11.5 * 10 * 0.011 times a second
    np.testing.assert_allclose(found["n_by_chance"][1:], 11.5 * 10 * 0.011 * duration_s, rtol=0.1)
    np.testing.assert_allclose(found["k_prime"], found["n_synchronous"] / found["n_by_chance"])


def test_long_lags_are_rarer_in_a_short_recording():
    """One lag of 50 ms in 1 s, which shows such lags for 0.95 s; 11 of the 160 ms from -100 to -20 and 20 to 100."""
    found = synchronisation([np.array([0.5]), np.array([0.55])], 1.0)
    assert found["n_by_chance"][0] == pytest.approx(11 / 160 / 0.95)


def test_too_few_lags_tell_no_chance():
    found = synchronisation([np.array([0.5]), np.array([0.501])], 1.0)
    assert found["n_synchronous"][0] == 1 and found["n_by_chance"][0] == 0
    assert np.isnan(found["z"][0]) and np.isnan(found["k_prime"][0])


def test_cumulative_spike_train_and_drive():
    firings = [np.array([0.0, 0.1, 0.2]), np.array([0.1, 5.0, -1.0])]
    assert cumulative_spike_train(firings, 4, 10.0).tolist() == [1, 2, 1, 0]
    # 2 units at 10 Hz: 20 firings a second, at the ends too
    steady = cumulative_spike_train([np.arange(0.05, 2, 0.1)] * 2, 200, 100.0)
    np.testing.assert_allclose(smoothed_drive(steady, 100.0), 20, rtol=0.1)
    one = np.zeros(201)
    one[100] = 1
    drive = smoothed_drive(one, 100.0)
    assert drive.sum() / 100 == pytest.approx(1)  # a firing is one firing
    assert drive[100] == drive.max() and drive[79] == drive[121] == 0 and drive[81] > 0


def test_a_firing_counts_in_the_nearest_sample():
    assert cumulative_spike_train([np.array([0.26])], 4, 10.0).tolist() == [0, 0, 0, 1]


def test_the_last_bin_is_as_wide_as_the_others():
    """From 4.5 to 5.5 ms."""
    _, counts = cross_histogram([1.0], [1.0054, 1.0056], longest_lag_s=0.005)
    assert counts.tolist() == [0] * 10 + [1]


def test_in_a_short_recording_chance_is_that_of_lags_up_to_half_of_it():
    """0.1 s: lags from 20 to 50 ms. That of 40 ms is shown for 0.06 s, and 11 of the 60 ms are about zero."""
    found = synchronisation([np.array([0.02]), np.array([0.06, 0.075])], 0.1)
    assert found["n_by_chance"][0] == pytest.approx(11 / 60 / 0.6)


def test_the_longest_lag_counts_in_both_directions():
    """1/8 s: lags up to 1/16 s, which are shown for half of the time, so that one counts as two."""
    early, late = np.array([1 / 32]), np.array([3 / 32])
    for pair in ([early, late], [late, early]):
        found = synchronisation(pair, 1 / 8)
        assert found["n_by_chance"][0] == pytest.approx(2 * 0.0055 / (1 / 16 - 0.020))
