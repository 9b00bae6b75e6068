"""Units that a window does not show at first: which of them it holds after all."""

import numpy as np
import pytest

from muspipe import Recording
from muspipe.identification.filling import filled
from muspipe.territories import discs
from tests.firings.trains import irregular, train_of

SHAPE = (40, 40)
TERRITORIES = discs([(16.0, 14.0), (16.0, 24.0)], [6.0, 6.0], SHAPE)
TRAINS = np.stack([train_of(irregular(10, 1.0, seed)) for seed in (1, 2)]).astype(np.float32)
KNOWN = np.stack([np.full(400, np.nan, np.float32), TRAINS[1]])
RMS = float(np.sqrt(np.mean(TRAINS[0] ** 2)))


def looked_for(own, usual_rms=RMS, territory=TERRITORIES[0]):
    """The first unit's train in a window in which it moves by `own` (T,) in a territory; the second is known."""
    velocity = territory[..., None] * own + TERRITORIES[1][..., None] * TRAINS[1]
    velocity = velocity + 0.02 * np.random.default_rng(0).standard_normal(velocity.shape)
    return filled(Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625), 0, TERRITORIES, KNOWN, usual_rms)


def test_a_unit_that_is_there_has_its_train():
    np.testing.assert_allclose(looked_for(TRAINS[0]), TRAINS[0], atol=0.1)


@pytest.mark.parametrize(("times", "there"), [(2.7, True), (3.5, False)])
def test_it_moves_at_least_0_3_of_what_it_does_elsewhere(times, there):
    assert (looked_for(TRAINS[0], times * RMS) is not None) == there


def test_another_shape_in_its_place_is_another_unit():
    """A disc with half the radius, a quarter of the pixels."""
    small = discs([(16.0, 13.0)], [3.0], SHAPE)[0]
    assert looked_for(3 * TRAINS[0], territory=small) is None


def test_what_moves_without_twitches_is_none():
    noise = np.random.default_rng(3).standard_normal(400)
    assert looked_for(RMS * noise) is None


def test_nobody_beside_it_need_be_known():
    velocity = TERRITORIES[0][..., None] * TRAINS[0]
    velocity = velocity + 0.02 * np.random.default_rng(0).standard_normal(velocity.shape)
    recording = Recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625)
    np.testing.assert_allclose(filled(recording, 0, TERRITORIES[:1], KNOWN[:1], RMS), TRAINS[0], atol=0.1)
