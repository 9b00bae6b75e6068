"""Spikes by convolutive blind source separation: its pieces on paper, and what it finds in trains laid down here."""

import numpy as np
import pytest

from muspipe.evaluation.metrics import matched_firings, rate_of_agreement
from muspipe.firings import cbss
from muspipe.firings.cbss import (
    COPIES,
    LEAST_SIL,
    _explained,
    _variation,
    classified,
    find_spikes,
    two_classes,
    whitened,
)
from muspipe.firings.find import find_firings
from tests.firings.trains import LATENCY_S, irregular, train_of

ENDS = {"neutral_before_s": 0.02, "neutral_after_s": 0.98}


def test_two_classes_on_paper():
    assert two_classes(np.array([1.0, 9.0, 2.0, 8.0, 1.5])).tolist() == [False, True, False, True, False]
    assert two_classes(np.array([5.0, 4.0])).tolist() == [True, False]


def test_two_classes_have_the_least_squares_of_all_cuts():
    values = np.random.default_rng(0).exponential(size=30)

    def within(high):
        return sum(np.sum((part - part.mean()) ** 2) for part in (values[high], values[~high]))

    best = min(within(values > cut) for cut in np.sort(values)[:-1])
    assert within(two_classes(values)) == pytest.approx(best)


def test_peaks_are_classed_by_their_squares():
    """Spikes of 3 and 4, ripples of 1: squares 9, 16 and 1. Middles are 12.5 and 1: SIL = 1 - 24.5 / 289.25."""
    source = np.zeros(60)
    source[[10, 30]] = 3, 4
    source[[20, 40, 50]] = 1
    spikes, sil = classified(source, 5)
    assert spikes.tolist() == [10, 30] and sil == pytest.approx(1 - 24.5 / (8**2 + 15**2))


def test_peaks_that_fall_count_for_nothing_and_near_ones_for_one():
    source = np.zeros(60)
    source[[10, 12, 30, 50]] = 3, 2.5, 3, 1
    source[40] = -9
    assert classified(source, 5)[0].tolist() == [10, 30]
    assert classified(source, 1)[0].tolist() == [10, 12, 30]
    assert classified(np.zeros(60), 5)[0].size == 0 and classified(np.zeros(60), 5)[1] == 0


def test_whitened_copies_are_uncorrelated():
    white = whitened(np.random.default_rng(1).standard_normal(4000))
    covariance = white @ white.T
    assert white.shape == (COPIES, 4000)
    np.testing.assert_allclose(covariance, np.diag(covariance.diagonal()), atol=1e-9)
    np.testing.assert_allclose(covariance.diagonal(), 0.9, atol=0.03)  # 1 / (1 + FLOOR), as white as it came


def test_the_twitch_that_explains_a_train_peaks_so_long_after_its_spike():
    """Bumps 5 frames after spikes that are further apart than a bump is wide."""
    spikes, frames = np.array([40, 110, 200, 300]), np.arange(400)
    x = np.exp(-0.5 * ((frames - spikes[:, None] - 5) / 4) ** 2).sum(axis=0)
    explained, lag = _explained(x, spikes)
    assert lag == 5 and explained > 0.98


def test_regular_intervals_vary_little_and_few_are_not_told():
    """Of 10, 20 and 30 frames: an SD of sqrt(200 / 3) over 20."""
    assert _variation(np.array([0, 10, 30, 60])) == pytest.approx(np.sqrt(200 / 3) / 20)
    assert _variation(np.array([0, 10, 20])) == np.inf == _variation(np.array([], int))


@pytest.mark.parametrize("lag", [-110, 110])
def test_no_peak_lies_outside_the_train(monkeypatch, lag):
    """Five spikes 48-55 frames apart, moved by 110: two of their peaks are outside."""
    train = train_of([0.1, 0.23, 0.36, 0.48, 0.61])
    assert len(find_spikes(train, 400.0).peaks_s) == 5
    monkeypatch.setattr(cbss, "_explained", lambda x, spikes: (0.9, lag))
    peaks_s = find_spikes(np.roll(train, 0 if lag < 0 else 110), 400.0).peaks_s
    assert len(peaks_s) == 3 and peaks_s.min() >= 0 and peaks_s.max() < 1


def test_spikes_are_well_apart_from_the_other_peaks():
    for seed in range(10):
        train = train_of(irregular(20, 1.0, seed)) + 0.5 * np.random.default_rng(seed).standard_normal(400)
        found = find_spikes(train, 400.0)
        assert not len(found.peaks_s) or found.sil >= LEAST_SIL


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_spikes_are_at_the_peak_velocities(noise):
    firings_s = np.array([0.1, 0.23, 0.41, 0.52, 0.78])
    train = train_of(firings_s) + noise * np.random.default_rng(2).standard_normal(400)
    found = find_spikes(train, 400.0)
    np.testing.assert_allclose(found.peaks_s, firings_s + LATENCY_S, atol=0.011)
    assert found.sil > 0.85 and found.explained > 0.8


def test_offset_drift_and_scale_do_not_matter():
    firings_s = np.array([0.06, 0.17, 0.26, 0.36, 0.5, 0.58, 0.7, 0.81])
    moved = 1e-4 * (train_of(firings_s) + 0.7 + np.sin(2 * np.pi * 1.3 * np.arange(400) / 400))
    np.testing.assert_allclose(find_spikes(moved, 400.0).peaks_s, firings_s + LATENCY_S, atol=0.011)


@pytest.mark.parametrize("rate_hz", [150.0, 2000.0])
def test_other_frame_rates(rate_hz):
    firings_s = np.array([0.1, 0.23, 0.41, 0.52, 0.78])
    found = find_spikes(train_of(firings_s, rate_hz=rate_hz), rate_hz)
    np.testing.assert_allclose(found.peaks_s, firings_s + LATENCY_S, atol=0.011)


def test_ten_a_second():
    """The mean over ten trains with noise of 20 dB. At 30 a second twitches fuse, and far fewer agree."""
    roa = {10: [], 30: []}
    for rate_hz, own in roa.items():
        for seed in range(10):
            firings_s = irregular(rate_hz, 1.0, seed)
            train = train_of(firings_s)
            train = train + 0.1 * train.std() * np.random.default_rng(seed).standard_normal(400)
            own.append(rate_of_agreement(find_spikes(train, 400.0).peaks_s, firings_s + LATENCY_S, **ENDS))
    assert np.mean(roa[10]) > 0.85 > 0.5 > np.mean(roa[30])


def test_long_trains():
    firings_s = irregular(8, 6.0, 4)
    true_s = firings_s + LATENCY_S
    true_s = true_s[(true_s > 0.02) & (true_s < 5.98)]
    in_found, in_true = matched_firings(find_spikes(train_of(firings_s, duration_s=6.0), 400.0).peaks_s, true_s)
    assert in_true.mean() > 0.95 and in_found.mean() > 0.9


def test_noise_alone_has_none():
    trains = np.random.default_rng(3).standard_normal((20, 400))
    result = find_firings(trains, 400.0, "cbss")
    assert sum(map(len, result.times_s)) == 0 and result.confidences.max() < 0.4


@pytest.mark.parametrize("n_frames", [25, 400])
@pytest.mark.parametrize("level", [0.0, 3.7])
def test_a_flat_train_has_none(level, n_frames):
    result = find_firings(np.full((1, n_frames), level, np.float32), 400.0, "cbss")
    assert result.times_s[0].size == 0 and result.confidences[0] == 0


def test_by_its_name():
    train = train_of([0.1, 0.3, 0.6])[None]
    result = find_firings(train, 400.0, "cbss")
    np.testing.assert_array_equal(result.times_s[0], find_spikes(train[0], 400.0).peaks_s)
    assert result.rule == "cbss" and np.isnan(result.latencies_s).all() and result.confidences[0] > 0.8
    assert find_firings(np.zeros((0, 400)), 400.0, "cbss").times_s == []
