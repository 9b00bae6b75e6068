"""Pairs of ultrasound's units with those of decomposed EMG."""

import numpy as np
import pytest

from experiments.emg_pairs import decomposition, result_of, simulated, trains
from muspipe.errors import InputError
from muspipe.evaluation.reference import COLUMNS, Agreement, _assigned, _support, pair_units
from muspipe.evaluation.reference_options import PairingOptions

REGULAR_S = np.array([0.5, 0.62, 0.71, 0.83, 0.9, 1.02, 1.1])


def one_pair(a_s, b_s, duration_s=2.0, **options):
    (pair,) = pair_units(result_of([a_s], duration_s), decomposition([b_s]), PairingOptions(**options))
    return pair


def test_agreement_on_paper():
    emg = np.delete(REGULAR_S, 5)
    ultrasound = np.sort(np.r_[np.delete(REGULAR_S, 1) + 0.030, 1.5])
    pair = one_pair(ultrasound, emg)
    assert pair.agreement.delay_s == pytest.approx(0.030)
    assert pair.agreement.jitter_s == pytest.approx(0, abs=1e-9)
    # firing 1 only in EMG, firing 5 and the one at 1.5 s only in ultrasound
    assert (pair.agreement.n_common, pair.agreement.n_only_unit, pair.agreement.n_only_reference) == (5, 2, 1)
    assert pair.agreement.roa == 5 / 8
    row = pair.row(["MU 4"])
    assert list(row) == list(COLUMNS) and (row["unit"], row["reference_unit"], row["n_common"]) == (1, "MU 4", 5)
    assert row["delay_ms"] == pytest.approx(30)
    assert Agreement(0.0, np.nan, 0, 0, 0).roa == 0


@pytest.mark.parametrize("delay", ["each", "one"])
@pytest.mark.parametrize("seed", [1, 2])
def test_simulated_emg_is_paired_at_its_delays(delay, seed):
    """Seven of the ultrasound's ten units are among the EMG's nine; 20-40 ms, jitter, missed and false firings."""
    rng = np.random.default_rng(seed)
    result, emg, delays_s = simulated(rng, 10.0, delay)
    order = rng.permutation(emg.n_units)
    shuffled = decomposition([emg.firings[k] for k in order], 10.0)
    pairs = pair_units(result, shuffled, PairingOptions(delay=delay))
    true = {pair.unit: pair for pair in pairs if pair.unit == order[pair.reference_unit] and pair.unit < 7}
    assert set(true) == set(range(7))
    for unit, pair in true.items():
        assert pair.agreement.delay_s == pytest.approx(delays_s[unit], abs=0.0015)
        assert pair.agreement.jitter_s == pytest.approx(0.003, abs=0.0012)
        assert pair.agreement.roa > 0.7 > 0.6 > pair.roa_by_chance
    for pair in pairs:  # whatever else was paired agrees little
        assert pair in true.values() or pair.agreement.roa < 0.45
    if delay == "one":
        assert len({pair.agreement.delay_s for pair in pairs}) == 1


def test_independent_trains_agree_as_by_chance():
    """The maximum of 19 turned references is exceeded once in twenty times."""
    above = 0
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        a, b = (times_s[times_s >= 0] for times_s in trains(rng, 2, 6.0))
        pair = one_pair(a, b, 6.0, least_roa=0.01)
        above += pair.agreement.roa > pair.roa_by_chance
    assert above <= 7  # of Binomial(40, 1/20), more than 7 once in 700


def test_delays_are_finer_than_the_bins():
    assert one_pair(REGULAR_S + 0.03037, REGULAR_S).agreement.delay_s == pytest.approx(0.03037)


def test_delays_outside_the_range_are_not_found():
    assert one_pair(REGULAR_S + 0.030, REGULAR_S).agreement.delay_s == pytest.approx(0.030)
    late = pair_units(result_of([REGULAR_S + 0.2], 2.0), decomposition([REGULAR_S]), PairingOptions(least_roa=0.6))
    assert late == []
    far = one_pair(REGULAR_S + 0.2, REGULAR_S, delay_range_ms=(150, 250), least_roa=0.9)
    assert far.agreement.delay_s == pytest.approx(0.2)
    early = one_pair(REGULAR_S - 0.01, REGULAR_S, delay_range_ms=(-20, 20))
    assert early.agreement.delay_s == pytest.approx(-0.01)
    fixed = one_pair(REGULAR_S + 0.030, REGULAR_S, delay_range_ms=(25, 25))
    assert fixed.agreement.delay_s == pytest.approx(0.025) and fixed.agreement.roa == 1


def test_the_tolerance_is_kept():
    apart = REGULAR_S + 0.03 + 0.012 * np.array([1, -1, 1, -1, 1, -1, 1])
    assert one_pair(apart, REGULAR_S, delay_range_ms=(30, 30)).agreement.roa == 1
    strict = pair_units(result_of([apart], 2.0), decomposition([REGULAR_S]),
                        PairingOptions(delay_range_ms=(30, 30), tolerance_ms=10))  # fmt: skip
    assert strict == []


def test_the_clock_of_the_reference_may_have_begun_earlier():
    emg = np.r_[0.2, 3.0 + REGULAR_S, 9.0]
    pair = one_pair(REGULAR_S + 0.045, emg, start_s=3.0)
    assert pair.agreement.delay_s == pytest.approx(0.045)
    assert pair.agreement.roa == 1  # firings of the reference before and after the ultrasound count for nothing
    # it would have shown the discharge before a twitch that peaks right at the ultrasound's beginning
    pair = one_pair(np.r_[0.03, REGULAR_S + 0.045], emg, start_s=3.0)
    assert pair.agreement.n_only_unit == 1


def test_firings_that_only_one_signal_could_show_count_for_neither():
    """The reference begins with the ultrasound and ends before it."""
    b = REGULAR_S
    a = np.sort(np.r_[0.015, 0.025, b + 0.03, 1.3, 1.9])  # a twitch at 0.025 s was fired before the reference began
    (pair,) = pair_units(result_of([a], 2.0), decomposition([b], duration_s=1.2))
    assert (pair.agreement.n_common, pair.agreement.n_only_unit) == (7, 0)
    (pair,) = pair_units(result_of([a], 2.0), decomposition([b], duration_s=1.5))
    assert pair.agreement.n_only_unit == 1


def test_short_recordings_tell_no_chance():
    assert np.isnan(one_pair(np.array([0.1, 0.2]), np.array([0.08, 0.18]), 0.3).roa_by_chance)


def test_nobody_to_pair():
    assert pair_units(result_of([], 1.0), decomposition([REGULAR_S])) == []
    for delay in ("each", "one"):
        options = PairingOptions(delay=delay)
        assert pair_units(result_of([np.zeros(0)], 1.0), decomposition([REGULAR_S, np.zeros(0)]), options) == []


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"delay": "some"}, "one of each, one"),
        ({"delay_range_ms": (50, 20)}, "low <= high"),
        ({"tolerance_ms": 0}, "above 0"),
    ],
)
def test_options_are_checked(option, says):
    with pytest.raises(InputError, match=says):
        PairingOptions(**option)


def test_jitter_is_the_sd_of_the_lags():
    """Lags of 27 and 33 ms, four of one and three of the other: off their mean by 3 times 4/7 and 3/7 of 6 ms."""
    late = REGULAR_S + 0.030 + 0.003 * np.array([1, -1, 1, -1, 1, -1, 1])
    pair = one_pair(late, REGULAR_S, delay_range_ms=(30, 30))
    expected_ms = np.sqrt((4 * (6 * 3 / 7) ** 2 + 3 * (6 * 4 / 7) ** 2) / 6)
    assert pair.row(["1"])["jitter_ms"] == pytest.approx(expected_ms)


@pytest.mark.parametrize(("lonely_s", "counts"), [(0.015, False), (0.025, True), (1.975, True), (1.985, False)])
def test_firings_near_the_ends_count_for_neither(lonely_s, counts):
    """Of an ultrasound of 2 s; the reference begins before and ends after it."""
    a = np.sort(np.r_[lonely_s, REGULAR_S + 0.045])
    assert one_pair(a, 3.0 + REGULAR_S, start_s=3.0).agreement.n_only_unit == counts


@pytest.mark.parametrize(("lonely_s", "counts"), [(1.22, True), (1.24, False)])
def test_the_end_of_the_reference_is_seen_later_by_the_delay(lonely_s, counts):
    """It ends at 4.2 s of its own clock, 1.2 s of ours; discharges until then peak until 1.23 s."""
    a, reference = np.r_[REGULAR_S + 0.030, lonely_s], decomposition([3.0 + REGULAR_S], 4.2)
    (pair,) = pair_units(result_of([a], 2.0), reference, PairingOptions(start_s=3.0, delay_range_ms=(30, 30)))
    assert pair.agreement.n_only_unit == counts


def test_one_late_firing_does_not_move_the_delay():
    """The delay is the median lag: six of 30 ms and one of 40."""
    late = REGULAR_S + 0.030 + np.array([0, 0, 0, 0.010, 0, 0, 0])
    for delay in ("each", "one"):
        assert one_pair(late, REGULAR_S, delay=delay).agreement.delay_s == pytest.approx(0.030)


def test_the_common_delay_is_finer_than_the_bins_and_within_its_range():
    assert one_pair(REGULAR_S + 0.03037, REGULAR_S, delay="one").agreement.delay_s == pytest.approx(0.03037)
    fixed = one_pair(REGULAR_S + 0.030, REGULAR_S, delay="one", delay_range_ms=(25, 25))
    assert fixed.agreement.delay_s == pytest.approx(0.025)


def test_pairs_that_agree_too_little_do_not_take_another_ones_partner():
    """One pair of 0.5, or two of 0.28, which are less than the least."""
    assert _assigned(np.array([[0.5, 0.28], [0.28, 0.0]]), PairingOptions(least_roa=0.3)) == [(0, 0)]


def test_lags_within_the_tolerance_support_a_delay():
    """A lag of 30 ms with a tolerance of 10 ms: all of it for 30, half for 25 and 35, none from 41 on."""
    options = PairingOptions(delay_range_ms=(0, 60), tolerance_ms=10)
    delays_s, support = _support(np.array([1.03]), np.array([1.0]), options)
    found = dict(zip(np.rint(1e3 * delays_s).astype(int).tolist(), support.tolist(), strict=True))
    assert found[30] == pytest.approx(1) and found[25] == found[35] == pytest.approx(0.5, abs=0.05)
    assert 0 < found[22] < 0.3 and found[19] == found[41] == 0


def test_many_firings_that_agree_a_little_do_not_outvote_few_that_agree():
    """Seven of seven at 30 ms, and 12 of 36 at 45 ms, 0.2 of all."""
    dense_s = np.arange(0.1, 1.9, 0.05)
    partly_s = np.sort(np.r_[dense_s[::3] + 0.045, np.delete(dense_s, np.s_[::3]) + 0.020])
    pairs = pair_units(
        result_of([REGULAR_S + 0.030, partly_s], 2.0),
        decomposition([REGULAR_S, dense_s], 2.0),
        PairingOptions(delay="one", delay_range_ms=(27, 60), tolerance_ms=5, least_roa=0.3),
    )
    (pair,) = pairs
    assert (pair.unit, pair.reference_unit, pair.agreement.roa) == (0, 0, 1)
    assert pair.agreement.delay_s == pytest.approx(0.030)


def test_chance_is_that_of_the_firings_that_both_could_show():
    """The reference goes on before and after the ultrasound, with firings close together."""
    options = PairingOptions(start_s=3.0, delay_range_ms=(30, 30), tolerance_ms=10)
    few, many = (
        pair_units(result_of([REGULAR_S + 0.030], 2.0), decomposition([times_s], 10.0), options)[0]
        for times_s in (3 + REGULAR_S, np.r_[np.arange(0, 2.9, 0.01), 3 + REGULAR_S, np.arange(5.1, 10, 0.01)])
    )
    assert few.roa_by_chance == many.roa_by_chance < 0.5 and many.agreement.roa == 1


def test_chance_is_sought_as_the_agreement_is():
    """At one delay for all pairs a turned reference agrees less than at a delay of its own."""
    one, each = (one_pair(REGULAR_S + 0.030, REGULAR_S, delay=delay).roa_by_chance for delay in ("one", "each"))
    assert one < each < 1
