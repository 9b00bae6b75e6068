"""Numbers of the report that a person can verify on paper."""

import numpy as np
import pytest

from muspipe.report import measures

FIRINGS_S = np.array([0.1, 0.2, 0.25, 0.25, 1.0])  # intervals of 100, 50, 0 and 750 ms


def test_histogram_counts_every_interval_once():
    counts, n_longer = measures.interval_histogram(FIRINGS_S)
    assert {int(i): int(counts[i]) for i in np.flatnonzero(counts)} == {0: 1, 5: 1, 10: 1} and n_longer == 1
    assert len(counts) == 50  # of 10 ms, up to 500 ms


@pytest.mark.parametrize("firings_s", [np.zeros(0), np.array([0.3])])
def test_too_few_firings(firings_s):
    counts, n_longer = measures.interval_histogram(firings_s)
    assert counts.tolist() == [0] * 50 and n_longer == 0


def test_triggered_twitch():
    """Twitches of height 1 and 3 at 0.2 and 0.6 s: mean 2, SD 1. Those at 0.02 and 0.98 s lie too near to the ends."""
    train = np.zeros(100)
    train[[20, 60, 2, 98]] = 1, 3, 50, 50
    time_s, mean, sd, n = measures.triggered_twitch(train, np.array([0.02, 0.2, 0.6, 0.98]), 100.0)
    assert n == 2 and (time_s[0], time_s[-1]) == (-0.05, 0.15)
    assert {round(float(t), 2): (m, s) for t, m, s in zip(time_s, mean, sd, strict=True) if m} == {0.0: (2, 1)}
    assert measures.triggered_twitch(train, np.zeros(0), 100.0)[3] == 0
