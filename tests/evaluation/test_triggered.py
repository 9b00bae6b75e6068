"""Spike-triggered maps."""

import numpy as np
import pytest

from muspipe import Recording
from muspipe.evaluation.triggered import region, triggered_maps
from muspipe.recordings.simulated import recording_of
from muspipe.territories import iou
from simulator import SimulationConfig, simulate


def test_the_mean_image_after_each_firing_on_paper():
    velocity = np.zeros((8, 8, 400))
    velocity[2:4, 3, [100 + 12, 200 + 12]] = 4.0, 2.0
    recording = Recording(velocity + 1.0, frame_rate_hz=400, pixel_mm=0.5)
    # the third firing is too near the end, the fourth before the beginning
    maps = triggered_maps(recording, [np.array([-0.1, 0.25, 0.5, 0.99]), np.zeros(0)])
    assert maps.n_averaged.tolist() == [2, 0]
    assert maps.lags_s[maps.best[0]] == pytest.approx(0.03)
    expected = np.zeros((8, 8))
    expected[2:4, 3] = 3.0
    expected[2:4, 3] -= 6 / 400  # the pixel's mean is taken off
    np.testing.assert_allclose(maps.maps[0], expected, atol=1e-6)
    assert not maps.averages[1].any()
    assert maps.averages.shape == (2, len(maps.lags_s), 8, 8)


def test_the_best_lag_is_one_of_contraction_within_the_range():
    velocity = np.zeros((8, 8, 400))
    velocity[:, :, 110], velocity[:, :, 120], velocity[:, :, 150] = 1.0, -5.0, 3.0
    recording = Recording(velocity, frame_rate_hz=400, pixel_mm=0.5)
    firings = [np.array([0.25])]
    maps = triggered_maps(recording, firings)
    assert maps.lags_s[maps.best[0]] == pytest.approx(0.025)
    later = triggered_maps(recording, firings, (0.05, 0.15))
    assert later.lags_s[later.best[0]] == pytest.approx(0.125)


def test_a_small_unit_is_not_taken_for_what_a_large_one_leaves():
    velocity = np.zeros((12, 12, 800))
    small, large = np.s_[0:3, 0:3], np.s_[6:12, 4:12]
    for frame in (112, 312, 512):  # 30 ms after each firing of the small unit
        velocity[(*small, frame)] = 1.0
    velocity[(*large, 135)] = 8.0  # once, 87.5 ms after its first firing, and often at other times
    velocity[(*large, np.s_[560:790:10])] = 8.0
    maps = triggered_maps(Recording(velocity, frame_rate_hz=400, pixel_mm=0.5), [np.array([0.25, 0.75, 1.25])])
    assert np.square(np.maximum(maps.averages[0], 0)).sum(axis=(1, 2)).argmax() == round((0.05 + 0.0875) * 400)
    assert maps.lags_s[maps.best[0]] == pytest.approx(0.03)
    found = region(maps.clarity[0])
    assert found[1, 1] and not found[large].any()
    assert maps.deviations[0, 0] == pytest.approx(np.sqrt(3 / 800 - (3 / 800) ** 2)) and maps.deviations[5, 0] == 0


def test_small_units_among_large_ones():
    """Their lag is that of their peak; by the image of most motion it is off by more than 10 ms in every fifth unit."""
    sequence = simulate(SimulationConfig.scenario("physiological", n_units=15, n_frames=2400), seed=500)
    maps = triggered_maps(recording_of(sequence, 15), sequence.firings)
    np.testing.assert_allclose(maps.lags_s[maps.best], sequence.peak_latencies_s, atol=0.008)
    agreement = [iou(region(m)[None], t[None])[0, 0] for m, t in zip(maps.clarity, sequence.territories, strict=True)]
    assert np.mean(agreement) > 0.7


def test_region_is_the_piece_of_the_maximum():
    map_ = np.zeros((20, 20))
    map_[2:7, 2:7], map_[12:17, 12:17] = 1.0, 0.9
    expected = np.zeros((20, 20), bool)
    expected[2:7, 2:7] = True
    assert iou(region(map_)[None], expected[None])[0, 0] >= 21 / 25  # the mean rounds the corners
    assert not region(map_)[10:].any()
    assert not region(np.zeros((8, 8))).any() and not region(-np.ones((8, 8))).any()


def test_maps_of_simulated_units_lie_on_their_territories():
    config = SimulationConfig(n_units=4, n_frames=1600, synchronisation=(0, 0))
    sequence = simulate(config, seed=11)
    maps = triggered_maps(recording_of(sequence, 10), sequence.firings)
    latencies_s = maps.lags_s[maps.best]
    np.testing.assert_allclose(latencies_s, sequence.peak_latencies_s, atol=0.006)
    agreement = [iou(region(m)[None], t[None])[0, 0] for m, t in zip(maps.maps, sequence.territories, strict=True)]
    assert min(agreement) > 0.5 and np.mean(agreement) > 0.75


def test_all_images_of_a_firing_must_lie_in_the_recording():
    """At 400 Hz from 20 frames before it to 60 after it: of 400 frames those about frames 20 to 339."""
    recording = Recording(np.arange(64 * 400.0).reshape(8, 8, 400), frame_rate_hz=400, pixel_mm=0.5)
    assert triggered_maps(recording, [np.array([19, 20, 339, 340]) / 400]).n_averaged.tolist() == [2]


def test_region_is_no_single_bright_pixel():
    """Over 3 x 3 px a pixel of 3 is as bright as 1/3, a patch of 1 in its middle as 1."""
    map_ = np.zeros((20, 20))
    map_[2:7, 2:7], map_[14, 14] = 1.0, 3.0
    assert region(map_)[4, 4] and not region(map_)[10:].any()
