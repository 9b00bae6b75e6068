"""Candidates of both finders, and what the data say of them, on a recording that a person can see through."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from muspipe import Recording
from muspipe.identification.belief import FILE, belief, believed
from muspipe.identification.candidates import FEATURES, NOTHING_SEEN, _likeness, features, joined
from muspipe.territories import discs

CENTRES = np.array([[16.0, 16.0], [16.0, 48.0], [48.0, 32.0]])


def recording(noise=0.05):
    """Three flat discs of 6 px radius with sines of 6, 9 and 13 Hz."""
    masks = discs(CENTRES, np.full(3, 6.0), (64, 64))
    time_s = np.arange(400) / 400
    signals = np.sin(2 * np.pi * np.array([[6.0], [9.0], [13.0]]) * time_s)
    velocity = np.einsum("nhw,nt->hwt", masks, signals)
    velocity += noise * np.random.default_rng(0).standard_normal(velocity.shape)
    return masks, Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625)


def none():
    return np.zeros((0, 64, 64), bool), np.zeros(0)


def separated(masks, scores):
    """What a separation says of units: their trains are those of their numbers."""
    trains = np.arange(len(masks), dtype=np.float32)[:, None] * np.ones((1, 400), np.float32)
    return masks, np.asarray(scores, float), trains


def table(found, given):
    return {name: column for name, column in zip(FEATURES, features(given, found, None).T, strict=True)}


def test_what_both_find_is_one_candidate_with_the_separations_shape():
    masks, given = recording()
    seen = discs(CENTRES[:2] + 1, np.full(2, 6.5), (64, 64)), np.array([0.9, 0.3])
    found = joined(given, seen, separated(masks[1:], [0.8, 0.7]))
    assert len(found.shapes) == 3
    np.testing.assert_array_equal(found.network_scores, [0.9, 0.3, 0])
    np.testing.assert_array_equal(found.separation_scores, [0, 0.8, 0.7])
    np.testing.assert_array_equal(found.shapes, [seen[0][0], masks[1], masks[2]])
    np.testing.assert_array_equal(found.outlines, [seen[0][0], seen[0][1], masks[2]])
    np.testing.assert_array_equal(found.trains[:, 0], [np.nan, 0, 1])


def test_nobody_finds_anything():
    _, given = recording()
    found = joined(given, none(), separated(*none()))
    assert found.shapes.shape == (0, 64, 64) and features(given, found, None).shape == (0, len(FEATURES))


def test_features_of_units_that_are_clear():
    masks, given = recording()
    found = joined(given, (masks[:2], np.array([0.5, 0.9])), separated(masks[1:], [0.8, 0.7]))
    facts = table(found, given)
    np.testing.assert_allclose(facts["network_logit"], [0, np.log(9), NOTHING_SEEN], rtol=1e-5)
    np.testing.assert_allclose(facts["separation_score"], [0, 0.8, 0.7], rtol=1e-6)
    np.testing.assert_allclose(facts["agreement"], [0, 1, 0])
    np.testing.assert_allclose(facts["log_area"], np.log(masks.sum(axis=(1, 2)) * 0.625**2), rtol=1e-5)
    np.testing.assert_allclose(facts["contrast"], 0, atol=0.01)  # nothing moves around them
    np.testing.assert_allclose(facts["overlap"], 0)
    assert (facts["smoothness"] > 0.99).all()
    # sines of amplitude 1 over noise of 0.05 in the mean of so many pixels
    expected = np.log(np.sqrt(0.5) / (0.05 / np.sqrt(masks.sum(axis=(1, 2)))))
    np.testing.assert_allclose(facts["log_signal_to_noise"], expected, atol=0.1)
    np.testing.assert_allclose(facts["network_confirmed"], 0.5)
    np.testing.assert_allclose(facts["separation_confirmed"], 0.5)


def test_a_copy_is_told_from_the_better_one():
    masks, given = recording()
    copy = discs(CENTRES[:1] + 1.0, np.array([3.0]), (64, 64))
    found = joined(given, (np.concatenate([masks[:1], copy]), np.array([0.9, 0.4])), separated(*none()))
    facts = table(found, given)
    assert facts["overlap"].tolist() == [0, 1]  # it lies inside the other
    assert facts["nested"][1] == pytest.approx(copy.sum() / masks[0].sum(), rel=1e-5)


def test_a_territory_drawn_too_small_has_no_contrast():
    masks, given = recording()
    small = discs(CENTRES[:1], np.array([3.0]), (64, 64))
    facts = table(joined(given, (small, np.array([0.9])), separated(*none())), given)
    assert facts["contrast"][0] == pytest.approx(1, abs=0.02)


def test_a_neighbour_that_moves_alike_is_no_contrast():
    """Two discs that touch, with one signal: each is the other's surroundings, which do not count."""
    masks = discs(np.array([[16.0, 16.0], [16.0, 28.0]]), np.full(2, 6.0), (64, 64))
    wave = np.sin(2 * np.pi * 6 * np.arange(400) / 400)
    velocity = masks.any(axis=0)[..., None] * wave + 0.05 * np.random.default_rng(0).standard_normal((64, 64, 400))
    given = Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625)
    facts = table(joined(given, (masks, np.array([0.9, 0.8])), separated(*none())), given)
    np.testing.assert_allclose(facts["contrast"], 0, atol=0.05)


@pytest.mark.parametrize(("rises_s", "sign"), [(0.03, 1), (0.1, 0), (0.17, -1)])
def test_what_rises_fast_and_falls_slowly_is_skewed(rises_s, sign):
    """A wave of five a second."""
    mask, time_s = discs(CENTRES[:1], np.full(1, 6.0), (64, 64)), np.arange(400) / 400
    wave = np.interp(time_s % 0.2, [0, rises_s, 0.2], [-1, 1, -1])
    velocity = mask[0][..., None] * wave + 0.001 * np.random.default_rng(0).standard_normal((64, 64, 400))
    given = Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625)
    skewness = table(joined(given, (mask, np.array([0.9])), separated(*none())), given)["skewness"][0]
    assert abs(skewness) < 0.05 if sign == 0 else sign * skewness > 0.5


def test_of_two_that_share_as_much_the_one_that_moves_alike_is_the_better_candidate():
    """The last has 4 of its 8 pixels from each of the others, and the second's signal; 16 pixels are twice as many."""
    shapes = np.zeros((3, 1, 40), bool)
    shapes[0, 0, :16], shapes[1, 0, 20:36], shapes[2, 0, 12:16], shapes[2, 0, 20:24] = True, True, True, True
    time_s = np.arange(100) / 100
    signals = np.stack([np.sin(2 * np.pi * 3 * time_s), *[np.sin(2 * np.pi * 5 * time_s)] * 2])
    found = SimpleNamespace(shapes=shapes, signals=signals, prior=np.array([0.9, 0.8, 0.7]))
    np.testing.assert_allclose(_likeness(found)[:, 2], [0.5, 1, 0.5], atol=1e-9)


@pytest.mark.parametrize(("moved_px", "n"), [(3, 1), (6, 2)])
def test_how_alike_the_territories_of_one_candidate_are(moved_px, n):
    """Squares of 100 pixels: 70 of 130, and 40 of 160."""
    masks = np.zeros((2, 64, 64), bool)
    masks[0, 20:30, 20:30], masks[1, 20:30, 20 + moved_px : 30 + moved_px] = True, True
    found = joined(recording()[1], (masks[:1], np.array([0.9])), separated(masks[1:], [0.8]))
    assert len(found.shapes) == n


def test_noise_has_no_signal():
    _, given = recording()
    nothing = discs(np.array([[40.0, 8.0]]), np.array([5.0]), (64, 64))
    facts = table(joined(given, (nothing, np.array([0.9])), separated(*none())), given)
    assert facts["log_signal_to_noise"][0] == pytest.approx(0, abs=0.15)
    assert facts["smoothness"][0] < 0.4


def test_belief_is_the_network_of_the_file():
    stored = {
        "mean": [1.0, 0.0],
        "sd": [2.0, 1.0],
        "layers": [[[[1.0], [0.0]], [0.5]], [[[2.0]], [-1.0]]],
    }
    # (3 - 1) / 2 = 1; tanh(1 + 0.5); logistic of 2 tanh(1.5) - 1
    expected = 1 / (1 + np.exp(-(2 * np.tanh(1.5) - 1)))
    assert believed(stored, np.array([[3.0, 7.0]]))[0] == pytest.approx(expected, rel=1e-6)
    # beyond four SDs it counts as four
    assert believed(stored, np.array([[9.0, 0.0]]))[0] == believed(stored, np.array([[99.0, 0.0]]))[0]


def test_the_file_is_of_these_features():
    stored = json.loads(FILE.read_text())
    assert tuple(stored["features"]) == FEATURES
    assert belief(np.zeros((3, len(FEATURES)), np.float32)).shape == (3,)


def test_clear_units_are_believed_and_noise_is_not():
    masks, given = recording()
    nothing = discs(np.array([[40.0, 8.0]]), np.array([5.0]), (64, 64))
    seen = np.concatenate([masks, nothing]), np.array([0.9, 0.9, 0.9, 0.4])
    likely = belief(features(given, joined(given, seen, separated(masks, np.full(3, 0.9))), None))
    assert likely[:3].min() > 0.5 > likely[3]
