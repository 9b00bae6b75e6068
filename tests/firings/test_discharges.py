"""Discharges of trains that are laid down here, at instants that are known."""

import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.evaluation.metrics import matched_firings, rate_of_agreement
from muspipe.firings import discharges
from muspipe.firings.discharges import WINDOW, _joined, _peak_and_onset
from muspipe.firings.find import find_firings
from muspipe.firings.maxima import positive_maxima
from simulator import SimulationConfig, simulate
from simulator.activity import peak_latency_s, twitch_velocity
from tests.firings.trains import LATENCY_S, irregular, train_of


def found(train, rate_hz=400.0):
    """Instants of peak velocity [s] of one train."""
    return find_firings(train[None], rate_hz).times_s[0]


def test_five_discharges_and_their_delay():
    firings_s = np.array([0.1, 0.23, 0.41, 0.52, 0.78])
    result = find_firings(train_of(firings_s)[None], 400.0)
    np.testing.assert_allclose(result.times_s[0], firings_s + LATENCY_S, atol=0.001)
    assert result.latencies_s[0] == pytest.approx(LATENCY_S, abs=0.01)  # the first 8 ms are below 5 % of the peak
    assert result.confidences[0] > 0.99 and result.rule == "discharges"


def test_fused_twitches_are_told_apart():
    """30 a second: the twitches last three intervals. The paper's rule sees half of them."""
    firings_s = irregular(30, 1.0, 1)
    true_s = firings_s[firings_s + LATENCY_S >= 0] + LATENCY_S
    ends = {"neutral_before_s": 0.02, "neutral_after_s": 0.98}
    train = train_of(firings_s)
    assert rate_of_agreement(positive_maxima(train[None], 400.0)[0], true_s, **ends) < 0.65
    assert rate_of_agreement(found(train), true_s, **ends) > 0.95


def test_noise_between_slow_firings_is_none():
    firings_s = np.array([0.08, 0.3, 0.47, 0.71])
    noise = 0.1 * np.random.default_rng(2).standard_normal(400)
    train = train_of(firings_s) + noise
    assert len(positive_maxima(train[None], 400.0)[0]) > 8
    np.testing.assert_allclose(found(train), firings_s + LATENCY_S, atol=0.005)


def test_amplitudes_may_differ():
    firings_s = np.arange(8) / 8.5 + 0.02
    amplitudes = np.array([1, 0.6, 1.5, 0.8, 1.7, 1.1, 0.7, 1.3])
    np.testing.assert_allclose(found(train_of(firings_s, amplitudes=amplitudes)), firings_s + LATENCY_S, atol=0.003)


@pytest.mark.parametrize("contraction_time_s", [0.03, 0.08])
def test_faster_and_slower_twitches(contraction_time_s):
    firings_s = np.array([0.05, 0.25, 0.4, 0.62, 0.81])
    times_s = found(train_of(firings_s, contraction_time_s=contraction_time_s))
    np.testing.assert_allclose(times_s, firings_s + peak_latency_s(contraction_time_s, 0.6), atol=0.003)


def test_one_slow_twitch_is_not_two_quick_ones():
    """Relaxes three times as long as the twitch that the fit begins with, which could explain it by two firings."""
    for seed in range(4):
        firings_s = irregular(5, 1.0, seed)
        time_s = np.arange(400) / 400 - firings_s[:, None]
        train = twitch_velocity(time_s, 0.05, 1.2).sum(axis=0)
        true_s = firings_s + float(peak_latency_s(0.05, 1.2))
        times_s = found(train)
        inner = times_s[(times_s > 0.02) & (times_s < 0.98)]
        np.testing.assert_allclose(inner, true_s[(true_s > 0.02) & (true_s < 0.98)], atol=0.005)


def test_another_waveform_is_learnt():
    """Oscillates: two positive maxima a twitch, one firing."""
    time_s = np.arange(400) / 400 - np.array([0.1, 0.27, 0.5, 0.74])[:, None]
    train = np.where(time_s > 0, np.exp(-time_s / 0.05) * np.sin(2 * np.pi * 12 * time_s), 0).sum(axis=0)
    peak_s = np.arctan(2 * np.pi * 12 * 0.05) / (2 * np.pi * 12)  # of exp(-t/0.05) sin(2 pi 12 t)
    assert len(positive_maxima(train[None], 400.0)[0]) > 6
    np.testing.assert_allclose(found(train), np.array([0.1, 0.27, 0.5, 0.74]) + peak_s, atol=0.004)


def test_offset_drift_and_scale_do_not_matter():
    time_s = np.arange(400) / 400
    firings_s = np.array([0.06, 0.17, 0.26, 0.36, 0.5, 0.58, 0.7, 0.81])
    moved = 1e-4 * (train_of(firings_s) + 0.7 + np.sin(2 * np.pi * 1.3 * time_s))
    np.testing.assert_allclose(found(moved), firings_s + LATENCY_S, atol=0.003)


def test_noise_alone_has_none():
    trains = np.random.default_rng(3).standard_normal((30, 400))
    result = find_firings(trains, 400.0)
    assert sum(map(len, result.times_s)) == 0
    assert result.confidences.max() < 0.3 and np.isnan(result.latencies_s).all()


@pytest.mark.parametrize("n_frames", [25, 100, 400])
@pytest.mark.parametrize("level", [0.0, 3.7, -1.0])
def test_a_flat_train_has_none(level, n_frames):
    result = find_firings(np.full((1, n_frames), level, np.float32), 400.0)
    assert result.times_s[0].size == 0 and result.confidences[0] == 0


def test_no_trains():
    result = find_firings(np.zeros((0, 400)), 400.0)
    assert result.times_s == [] and result.latencies_s.shape == (0,) == result.confidences.shape


@pytest.mark.parametrize("rate_hz", [100.0, 150.0, 390.0, 2000.0])
def test_other_frame_rates(rate_hz):
    firings_s = np.array([0.1, 0.23, 0.41, 0.52, 0.78])
    np.testing.assert_allclose(found(train_of(firings_s, rate_hz=rate_hz), rate_hz), firings_s + LATENCY_S, atol=0.003)


def test_long_trains_are_found_whole():
    """7 s are five stretches: every firing once, at the borders too."""
    firings_s = irregular(12, 7.0, 4)
    true_s = firings_s + LATENCY_S
    true_s = true_s[(true_s > 0.02) & (true_s < 6.98)]
    times_s = found(train_of(firings_s, duration_s=7.0))
    in_found, in_true = matched_firings(times_s, true_s, 0.005)
    assert in_true.all() and (~in_found[(times_s > 0.03) & (times_s < 6.97)]).sum() == 0


@pytest.mark.parametrize(("rate_hz", "at_least"), [(5.0, 0.97), (10.0, 0.97), (30.0, 0.9)])
def test_simulated_units(rate_hz, at_least):
    """Ten units of a seed of their own, with noise of 20 dB: the mean rate of agreement with the true discharges."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=10, firing_rate_hz=(rate_hz, rate_hz)), 31)
    trains = sequence.twitch_trains
    noise = np.random.default_rng(5).standard_normal(trains.shape) * trains.std(axis=1, keepdims=True)
    times_s = find_firings(trains + 0.1 * noise, 400.0).times_s
    ends = {"neutral_before_s": 0.02, "neutral_after_s": 0.98}
    roa = [rate_of_agreement(a, b, **ends) for a, b in zip(times_s, sequence.twitch_peaks_s, strict=True)]
    assert np.mean(roa) >= at_least


def test_rules_by_name():
    train = train_of([0.1, 0.3, 0.6])[None]
    paper = find_firings(train, 400.0, "paper")
    np.testing.assert_array_equal(paper.times_s[0], positive_maxima(train, 400.0)[0])
    assert paper.rule == "paper" and np.isnan(paper.latencies_s).all() and np.isnan(paper.confidences).all()
    with pytest.raises(InputError, match="firings: expected one of discharges, paper, cbss, got 'peaks'"):
        find_firings(train, 400.0, "peaks")


def test_peak_and_onset_between_frames():
    """A parabola with its top at 20.3, 0 from 10 frames on both sides: 0.05 and more within 9.7 frames, from 11 on."""
    w = np.maximum(1 - ((np.arange(60) - 20.3) / 10) ** 2, 0)
    peak, onset = _peak_and_onset(w)
    assert peak == pytest.approx(20.3) and onset == 11


def test_stretches_are_joined_in_the_middle_of_what_they_share():
    """The second begins at 640: frames 640-800 are in both, and 720 is in the middle."""
    assert WINDOW == 800
    onsets = [np.array([700.1, 719.0, 730.1]), np.array([60.2, 81.0, 90.2, 300.0])]
    assert _joined(onsets, np.array([0, 640])).tolist() == [700.1, 719.0, 721.0, 730.2, 940.0]


def test_no_firing_lies_outside_the_train():
    """The last twitch peaks after the end, and the first before the beginning."""
    inner_s = np.array([0.12, 0.25, 0.39, 0.52, 0.66, 0.8])
    times_s = found(train_of([-LATENCY_S - 0.004, *inner_s, 1 - LATENCY_S + 0.004]))
    np.testing.assert_allclose(times_s, inner_s + LATENCY_S, atol=0.003)


def test_firings_that_explain_little_are_none(monkeypatch):
    """Noise of 0.3 of the SD has 8 % of the power: nine tenths are explained, and here more is asked for."""
    train = train_of(irregular(10, 1.0, 1))
    train += 0.3 * train.std() * np.random.default_rng(6).standard_normal(400)
    before = find_firings(train[None], 400.0)
    assert len(before.times_s[0]) > 5 and before.confidences[0] < 0.97
    monkeypatch.setattr(discharges, "LEAST_EXPLAINED", 0.97)
    result = find_firings(train[None], 400.0)
    assert len(result.times_s[0]) == 0 and np.isnan(result.latencies_s[0])
    assert result.confidences[0] == before.confidences[0] > 0.8
