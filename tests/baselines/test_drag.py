"""Tissue that is dragged along is put on and taken off again."""

import dataclasses

import numpy as np
import pytest

from muspipe import territories
from muspipe.baselines.drag import DRAGS, NO_DRAG, Drag, measure_drag
from muspipe.baselines.ica import TunedICA
from muspipe.evaluation.metrics import compare
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate

PIXEL_MM = 0.625


def discs(seed, n=8):
    """(n, H, W): discs of 3 to 8 mm."""
    rng = np.random.default_rng(seed)
    return territories.discs(rng.uniform(8, 56, (n, 2)), rng.uniform(2.4, 6.4, n), (64, 64)).astype(np.float32)


def dragged(images, drag):
    """(n, H, W): the response, plus `strength` times that blurred, computed in the plane of frequencies."""
    frequency = np.pi * np.arange(64) / 64 / PIXEL_MM  # rad/mm
    cosines = np.cos(np.outer(np.arange(64), np.arange(64) + 0.5) * np.pi / 64)
    cosines *= np.sqrt(np.where(np.arange(64) == 0, 1, 2) / 64)[:, None]
    gain = np.exp(-0.5 * drag.reach_mm**2 * np.add.outer(frequency**2, frequency**2))
    return images + drag.strength * (cosines.T @ (gain * (cosines @ images @ cosines.T)) @ cosines)


def basis_of(images):
    return np.linalg.qr(images.reshape(len(images), -1).T)[0].astype(np.float32)


@pytest.mark.parametrize("drag", DRAGS)
def test_drag_is_taken_off(drag):
    images = discs(1)
    found = drag.without(np.moveaxis(dragged(images, drag), 0, 2).astype(np.float32), PIXEL_MM)
    np.testing.assert_allclose(np.moveaxis(found, 2, 0), images, atol=1e-4)


def test_a_wide_drag_hardly_reaches_a_single_pixel():
    """A pixel on zero spreads 0.39 mm2 over 2 pi 25 mm2: 0.25 % a pixel, four times that at strength 4."""
    image = np.zeros((64, 64), np.float32)
    image[32, 32] = 1
    found = Drag(4.0, 5.0).without(image, PIXEL_MM)
    assert found[32, 32] == pytest.approx(0.99, abs=0.01)
    assert NO_DRAG.without(image, PIXEL_MM) is image


@pytest.mark.parametrize("seed", range(3))
def test_drag_is_measured(seed):
    rng = np.random.default_rng(seed)
    mixed = [rng.standard_normal((8, 8)) @ dragged(discs(seed), drag).reshape(8, -1) for drag in (NO_DRAG, *DRAGS)]
    found = [measure_drag(basis_of(m), (64, 64), PIXEL_MM) for m in mixed]
    assert found[0] == NO_DRAG
    assert all(drag.strength > 0 for drag in found[1:])
    assert found[-1].strength >= 4 and found[1].strength <= 2


def test_units_that_drag_tissue_along_are_found_and_their_trains_are_as_large_as_the_velocity():
    config = SimulationConfig.scenario("echo", n_units=12, motion=None)
    tissue = dataclasses.replace(config.tissue, drag_share=(0.5, 0.5), drag_sigma_mm=(5.0, 5.0))
    sequence = simulate(dataclasses.replace(config, tissue=tissue), 11)
    recording = recording_of(sequence, 25.0)
    separation = TunedICA().separate(recording)
    assert separation.drag.strength >= 4
    found = TunedICA().units(TunedICA().resolve(separation))
    got = compare(found, truth_of(sequence))
    assert got["recall"] >= 0.75 and got["precision"] >= 0.75 and got["roa"] >= 0.85
    # what is seen of the image is the sum of the trains on their plateaus and their skirts: no train is half as large
    for train, territory in zip(found.twitch_trains, found.territories, strict=True):
        mean = recording.velocity[territory].mean(axis=0)
        slope = (train @ mean) / (train @ train)
        assert 0.5 < slope < 2
