"""Two firings close to each other: when they are two."""

import numpy as np
import pytest

from muspipe.evaluation.metrics import rate_of_agreement
from muspipe.firings import doublets, twitches
from muspipe.firings.discharges import LEAD, LENGTH, find_discharges
from muspipe.firings.twitches import ALIKE, NOWHERE
from simulator.activity import twitch_velocity
from tests.firings.trains import LATENCY_S, irregular, train_of

TWITCH = twitch_velocity((np.arange(LENGTH) - LEAD) / 400, 0.05, 0.62)
TWITCH = TWITCH / TWITCH.max()
DRIFT = twitches.cosines(400)
REGULAR_S = np.array([0.03, 0.14, 0.24, 0.36, 0.46, 0.59, 0.68, 0.8, 0.9])


def found(train):
    (one,) = find_discharges(train[None], 400.0)
    return one.peaks_s


def merged(train, onsets, rest):
    return doublets.merged(twitches.without(DRIFT, train[None]), TWITCH, np.array([onsets]), DRIFT, rest)[0]


@pytest.mark.parametrize("gap_s", [0.018, 0.025])
def test_a_true_doublet_of_a_clean_train_stays(gap_s):
    firings_s = np.sort(np.append(REGULAR_S, 0.46 + gap_s))
    np.testing.assert_allclose(found(train_of(firings_s)), firings_s + LATENCY_S, atol=0.004)


def test_a_large_and_wide_twitch_is_one_firing(monkeypatch):
    """Half as large again as the others, and slower: the fit alone makes two of it."""
    train = train_of(np.delete(REGULAR_S, 4)) + 1.5 * train_of([0.45], contraction_time_s=0.06)
    train = train + 0.1 * np.random.default_rng(1).standard_normal(400)
    times_s = found(train)
    np.testing.assert_allclose(times_s, REGULAR_S + LATENCY_S, atol=0.012)
    monkeypatch.setattr(doublets, "CLOSE_S", 0.0)
    assert len(found(train)) > len(times_s)


def test_fast_units_keep_their_firings():
    """30 a second: most intervals are below CLOSE_S, few below half of the median."""
    true_s = irregular(30, 1.0, 1) + LATENCY_S
    times_s = found(train_of(irregular(30, 1.0, 1)) + 0.02 * np.random.default_rng(2).standard_normal(400))
    assert rate_of_agreement(times_s, true_s[true_s >= 0], neutral_before_s=0.02, neutral_after_s=0.98) > 0.9


def onsets_at(*frames):
    return [*np.arange(10.0, 380, 45), *frames]


def test_it_takes_more_evidence_where_more_is_left_over():
    """Two twitches 20 ms apart stay; 7.5 ms apart they do in a clean train, but not in one with much rest."""
    onsets = np.sort(onsets_at(198.0))
    train = twitches.laid_down(TWITCH, onsets, 400).sum(axis=0)
    np.testing.assert_array_equal(merged(train, onsets, 0.001), onsets)
    other = twitches.laid_down(TWITCH, np.sort(onsets_at(193.0)), 400).sum(axis=0)
    assert len(merged(other, np.sort(onsets_at(193.0)), 0.001)) == len(onsets)
    single = merged(other, np.sort(onsets_at(193.0)), 0.1)
    assert len(single) == len(onsets) - 1 and 190 <= single[4] <= 193


def test_places_without_a_firing_and_stretches_are_kept_apart():
    x = np.stack([twitches.laid_down(TWITCH, np.array([t]), 400)[0] for t in (50.0, 90.0)])
    onsets = np.array([[NOWHERE, 50.0], [90.0, NOWHERE]])
    rising = doublets.merged(twitches.without(DRIFT, x), TWITCH, onsets, DRIFT, 0.5)
    assert [t.tolist() for t in rising] == [[50.0], [90.0]]


def cost(x, onsets, size):
    """Squared residual with the prior of the amplitudes, by least squares with rows for the prior."""
    rows = twitches.without(DRIFT, twitches.laid_down(TWITCH, onsets, 400))
    weight = np.sqrt(ALIKE * np.sum(TWITCH**2))
    matrix = np.vstack([rows.T, weight * np.eye(len(onsets))])
    target = np.concatenate([x, np.full(len(onsets), weight * size)])
    a = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return np.sum((matrix @ a - target) ** 2)


def test_the_cost_of_a_single_firing_is_that_of_the_fit_without_the_two():
    rng = np.random.default_rng(3)
    t = np.array([20.0, 70.0, 82.0, 150.0, 160.5, 250.0])
    x = twitches.without(DRIFT, rng.uniform(0.5, 1.5, 6) @ twitches.laid_down(TWITCH, t, 400) + rng.normal(0, 0.1, 400))
    costs, singles = doublets._singles(x, TWITCH, t, DRIFT, 0.9, np.array([1, 3]))
    for i, got, single in zip((1, 3), costs, singles, strict=True):
        tried = [
            np.sort(np.append(np.delete(t, [i, i + 1]), at)) for at in np.linspace(t[i], t[i + 1], doublets.PLACES)
        ]
        expected = [cost(x, onsets, 0.9) for onsets in tried]
        assert got == pytest.approx(min(expected) - cost(x, t, 0.9), rel=1e-6)
        assert single in tried[int(np.argmin(expected))]
