"""Each metric with numbers that can be worked out by hand."""

import math

import numpy as np
import pytest

from muspipe import Result
from muspipe.evaluation.metrics import (
    METRICS,
    compare,
    detection_precision,
    detection_recall,
    match_territories,
    matched_firings,
    pixel_agreement,
    rate_of_agreement,
)
from muspipe.recordings.units import MotorUnits
from muspipe.territories import iou
from simulator.activity import peak_latency_s, twitch_velocity


def mask(*columns, height=1, width=10):
    out = np.zeros((height, width), bool)
    out[:, list(columns)] = True
    return out


def units(masks, trains, firings=None):
    """Of 400 Hz; with firings, as the truth has them."""
    grid = np.asarray(masks, bool), trains, np.ones(len(masks)), 400.0, 1.0
    return MotorUnits(*grid) if firings is None else Result(*grid, firings=firings)


def test_half_is_not_more_than_half():
    a = mask(0, 1, 2)
    assert len(match_territories(a[None], mask(0, 1, 2, 3, 4, 5)[None])[0]) == 0  # IoU 3/6
    assert len(match_territories(a[None], mask(0, 1, 2, 3, 4)[None])[0]) == 1  # IoU 3/5


def test_matching_prefers_more_pairs_to_better_ones():
    """Found 0 overlaps true 0 (IoU 3/4) and true 1 (2/3); found 1 overlaps true 0 only (2/3). The greedy choice of the
    best pair, (0, 0), would leave found 1 alone."""
    true = np.array([mask(0, 1, 2, 3), mask(0, 1, width=10)])
    found = np.array([mask(0, 1, 2), mask(0, 1, 2, 3, 4, 5)])
    assert iou(found, true).round(3).tolist() == [[0.75, 0.667], [0.667, 0.333]]
    pairs = set(zip(*(x.tolist() for x in match_territories(found, true)), strict=True))
    assert pairs == {(0, 1), (1, 0)}


def test_one_to_one():
    true = mask(0, 1, 2, 3)[None]
    found = np.array([mask(0, 1, 2, 3), mask(0, 1, 2)])
    assert [x.tolist() for x in match_territories(found, true)] == [[0], [0]]


def test_no_units_on_either_side():
    none = np.zeros((0, 1, 10), bool)
    assert len(match_territories(none, mask(1)[None])[0]) == 0
    assert detection_recall(0, 0) == 1 and detection_precision(0, 0) == 1 and detection_recall(0, 3) == 0


def test_pixel_recall_precision_and_dice():
    got = pixel_agreement(mask(0, 1, 2)[None], mask(1, 2, 3, 4)[None])
    assert {name: values.tolist() for name, values in got.items()} == {
        "recall": [2 / 4], "precision": [2 / 3], "dice": [2 * 2 / 7]
    }  # fmt: skip
    assert all(
        len(values) == 0 for values in pixel_agreement(np.zeros((0, 1, 9)) > 0, np.zeros((0, 1, 9)) > 0).values()
    )


def test_figure_11():
    """Seven firings in both trains, three in one only, two in the other only: 7 / (7 + 3 + 2)."""
    common = np.arange(7) * 0.1
    a = np.sort(np.concatenate([common, [0.74, 0.82, 0.9]]))
    b = np.sort(np.concatenate([common + 0.01, [1.0, 1.1]]))
    assert rate_of_agreement(a, b) == pytest.approx(7 / 12)
    assert round(7 / 12, 3) == 0.583


@pytest.mark.parametrize("gap_s, agree", [(0.015, True), (-0.015, True), (0.0175, False)])
def test_six_samples_agree_seven_do_not(gap_s, agree):
    assert rate_of_agreement([0.5], [0.5 + gap_s]) == float(agree)


def test_each_firing_agrees_once():
    """b's one firing is near both of a's: one match, one left over."""
    assert rate_of_agreement([0.100, 0.110], [0.105]) == 1 / 2


def test_pairing_is_the_largest():
    """Nearest-first would pair 0.110 with 0.112 and leave 0.100 and 0.124 alone; in order both pair."""
    a, b = np.array([0.100, 0.112]), np.array([0.110, 0.124])
    assert matched_firings(a, b)[0].tolist() == [True, True]


def test_ends_can_be_neutral():
    assert rate_of_agreement([0.01, 0.5], [0.5], neutral_before_s=0.02) == 1
    assert rate_of_agreement([0.01, 0.5], [0.5]) == 1 / 2
    assert rate_of_agreement([0.02, 0.5], [0.5], neutral_before_s=0.02) == 1 / 2
    assert rate_of_agreement([0.5, 0.99], [0.5], neutral_after_s=0.98) == 1


def test_empty_trains():
    assert rate_of_agreement([], []) == 1 and rate_of_agreement([0.1], []) == 0


def test_compare_on_two_units_and_a_false_one():
    true = np.array([mask(0, 1, 2, 3), mask(6, 7)])
    found = np.array([mask(0, 1, 2), mask(9)])
    time_s = np.arange(400) / 400
    wave = np.stack([np.cos(2 * np.pi * 10 * time_s)] * 2)
    got = compare(units(found, wave), units(true, wave))
    assert (got["recall"], got["precision"]) == (1 / 2, 1 / 2)
    assert (got["segmentation_recall"], got["segmentation_precision"]) == (3 / 4, 1)
    assert got["dice"] == pytest.approx(6 / 7) and got["roa"] == 1
    assert (got["n_true"], got["n_found"], got["n_matched"]) == (2, 2, 1)
    assert math.isnan(got["roa_discharges"])


def test_compare_uses_the_matched_units_discharges():
    true = np.array([mask(0, 1), mask(4, 5)])
    wave = np.stack([np.cos(2 * np.pi * 10 * np.arange(400) / 400)])
    discharges = [np.array([0.5]), np.arange(1, 10) / 10 + 0.002]
    truth = units(true, np.tile(wave, (2, 1)), discharges)
    assert compare(units(true[1:], wave), truth)["roa_discharges"] == 1
    assert compare(units(true[:1], wave), truth)["roa_discharges"] == 1 / 9


def test_compare_by_either_rule():
    """Noise between slow twitches makes maxima, which the paper's rule takes for firings and the other does not."""
    discharges = np.array([0.08, 0.3, 0.47, 0.71])
    time_s = np.arange(400) / 400
    clean = sum(twitch_velocity(time_s - t, 0.05, 0.6) for t in discharges)[None]
    noisy = clean + 0.1 * np.random.default_rng(2).standard_normal(400)
    true = mask(0, 1)[None]
    truth = units(true, clean, [discharges + peak_latency_s(0.05, 0.6)])
    paper, ours = (compare(units(true, noisy), truth, rule) for rule in ("paper", "discharges"))
    assert ours["roa"] == ours["roa_discharges"] == 1
    assert paper["roa"] < 0.6 and paper["roa_discharges"] < 0.6


def test_compare_without_any_match():
    got = compare(units(np.zeros((0, 1, 10)), np.zeros((0, 400))), units(mask(1)[None], np.ones((1, 400))))
    assert got["recall"] == 0 and got["precision"] == 1
    assert all(math.isnan(got[m]) for m in METRICS[2:])


def test_only_unmatched_firings_near_the_ends_are_neutral():
    """Peaks at 0.1 ... 0.9 s; a true one more at 0.985 is neutral, one at 0.955 is not."""
    true = mask(0, 1)[None]
    wave = np.cos(2 * np.pi * 10 * np.arange(400) / 400)[None]
    peaks = np.arange(1, 10) / 10
    for extra, expected in ((0.985, 1.0), (0.955, 0.9)):
        got = compare(units(true, wave), units(true, wave, [np.append(peaks, extra)]))
        assert got["roa_discharges"] == pytest.approx(expected)


def test_matching_prefers_more_pairs_to_the_largest_sum():
    """Two masks that are found exactly, IoU 2 together, against three pairs that share 14 of 26 pixels each."""
    spans = [range(0, 20), range(6, 26), range(12, 32), range(18, 38)]
    masks = np.array([mask(*span, width=38) for span in spans])
    pairs = zip(*(x.tolist() for x in match_territories(masks[:3], masks[1:])), strict=True)
    assert list(pairs) == [(0, 0), (1, 1), (2, 2)]


def test_of_as_many_pairs_those_with_the_best_overlap_are_taken():
    """Either way two pairs; IoU 3/5 each, or 1."""
    masks = np.array([mask(0, 1, 2, 3), mask(1, 2, 3, 4)])
    assert iou(masks, masks)[0, 1] == 3 / 5
    assert [x.tolist() for x in match_territories(masks, masks[::-1])] == [[0, 1], [1, 0]]


def test_compare_uses_the_matched_units_trains():
    """The first of either side is nobody's match, and fires half as often."""
    time_s = np.arange(400) / 400
    slow, quick = (np.cos(2 * np.pi * hz * time_s) for hz in (5, 10))
    found = units(np.array([mask(9), mask(0, 1)]), np.stack([slow, quick]))
    true = units(np.array([mask(6), mask(0, 1)]), np.stack([slow, quick]))
    assert compare(found, true, "paper")["roa"] == compare(units(found.territories[1:], quick[None]), true)["roa"] == 1
    assert compare(found, units(true.territories[1:], quick[None]), "paper")["roa"] == 1


def test_the_rule_is_for_the_true_trains_too():
    """Ripples of noise on the true train: the paper's rule takes them for firings."""
    time_s = np.arange(400) / 400
    clean = sum(twitch_velocity(time_s - t, 0.05, 0.6) for t in (0.08, 0.3, 0.47, 0.71))[None]
    noisy = clean + 0.1 * np.random.default_rng(2).standard_normal(400)
    true = mask(0, 1)[None]
    assert compare(units(true, clean), units(true, noisy), "discharges")["roa"] == 1
    assert compare(units(true, clean), units(true, noisy), "paper")["roa"] < 0.6
