import hashlib
import subprocess
import sys

import numpy as np
import pytest

from muspipe.evaluation.metrics import rate_of_agreement
from muspipe.firings.maxima import positive_maxima
from simulator import SCENARIOS, SimulationConfig, activity, simulate
from simulator.tissue import response_maps


def test_shapes_and_types():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=4), 1)
    assert sequence.n_units == 4
    assert sequence.territories.shape == (4, 64, 64) and sequence.territories.dtype == bool
    assert sequence.twitch_trains.shape == (4, 400) and sequence.twitch_trains.dtype == np.float32
    assert len(sequence.firings) == 4 and all(f.dtype == np.float64 for f in sequence.firings)
    velocity = sequence.render()
    assert velocity.shape == (64, 64, 400) and velocity.dtype == np.float32


def test_number_of_units_covers_the_range():
    counts = [simulate(SimulationConfig(n_units=(2, 4)), seed).n_units for seed in range(60)]
    assert set(counts) == {2, 3, 4}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_same_seed_same_sequence_in_another_process(scenario):
    program = (
        "import hashlib; from simulator import SimulationConfig, simulate;"
        f"s = simulate(SimulationConfig.scenario({scenario!r}, n_units=3), 5);"
        "print(hashlib.sha256(s.twitch_trains.tobytes() + s.territories.tobytes() + s.firings_s.tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    s = simulate(SimulationConfig.scenario(scenario, n_units=3), 5)
    here = hashlib.sha256(s.twitch_trains.tobytes() + s.territories.tobytes() + s.firings_s.tobytes()).hexdigest()
    assert there == here


def test_other_seed_other_sequence():
    config = SimulationConfig.scenario("paper", n_units=3)
    assert not np.array_equal(simulate(config, 1).twitch_trains, simulate(config, 2).twitch_trains)


def test_image_is_the_sum_of_territory_times_train():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=6), 3)
    expected = np.einsum("nyx,nt->yxt", sequence.territories.astype(float), sequence.twitch_trains)
    np.testing.assert_allclose(sequence.render(), expected, atol=1e-5)


def test_delayed_pixels_follow_the_delayed_train():
    """Five nodes against each pixel's own train, evaluated at its own delay."""
    config = SimulationConfig.scenario("physiological", n_units=1, blur_sigma_px=0.0)
    s = simulate(config, 4)
    velocity, peak = s.render(), s.peak_velocities[0]
    weight = response_maps(s.centres_mm, s.diameters_mm, s.delay_angles_rad, np.zeros(1), config)[0, 0]
    for row, column in np.argwhere(s.territories[0])[::7]:
        offset = (np.array([row, column]) + 0.5) * 0.625 - s.centres_mm[0]
        angle = s.delay_angles_rad[0]
        delay_s = 0.005 * (offset @ [np.sin(angle), np.cos(angle)]) / (s.diameters_mm[0] / 2)
        own = activity.twitch_trains(
            s.firings_s,
            s.unit_of_firing,
            1,
            s.contraction_times_s,
            s.half_relaxation_ratios,
            s.peak_velocities,
            frame_rate_hz=400.0,
            n_frames=400,
            support_s=0.4,
            delay_s=delay_s,
        )[0]
        np.testing.assert_allclose(velocity[row, column], weight[row, column] * own, atol=1e-3 * peak)


def test_amplitudes():
    def peaks(scenario):
        config = SimulationConfig.scenario(scenario, n_units=1000)
        return np.concatenate([simulate(config, seed).peak_velocities for seed in range(4)])

    flat = peaks("paper")
    assert 0.5 <= flat.min() and flat.max() <= 1.5 and flat.mean() == pytest.approx(1.0, abs=0.02)
    skewed = peaks("physiological")
    assert np.median(skewed) == pytest.approx(1.0, abs=0.03)
    assert np.log(skewed).std() == pytest.approx(0.5, abs=0.02)


def test_rates_and_synchronisation_are_drawn_from_their_ranges():
    sequences = [simulate(SimulationConfig.scenario("paper", n_units=20), seed) for seed in range(200)]
    rates = np.concatenate([s.firing_rates_hz for s in sequences])
    assert 8 <= rates.min() and rates.max() <= 13 and rates.mean() == pytest.approx(10.5, abs=0.1)
    shares = np.array([s.synchronisation for s in sequences])
    assert 0 <= shares.min() < 0.01 and 0.09 < shares.max() <= 0.1 and shares.mean() == pytest.approx(0.05, abs=0.006)
    firings_a_second = np.mean([len(f) for s in sequences for f in s.firings])
    assert firings_a_second == pytest.approx(10.5, abs=0.15)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_steady_state_at_the_first_frame(scenario):
    """The trains' mean power in the first tenth is that of the rest."""
    sequences = [simulate(SimulationConfig.scenario(scenario, n_units=30), seed) for seed in range(30)]
    power = np.mean([(s.twitch_trains / s.peak_velocities[:, None]) ** 2 for s in sequences], axis=(0, 1))
    assert power[:40].mean() == pytest.approx(power[40:].mean(), rel=0.06)


def test_firings_are_those_inside_the_sequence():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=8), 2)
    assert sequence.firings_s.min() < 0
    for k, times_s in enumerate(sequence.firings):
        every = sequence.firings_s[sequence.unit_of_firing == k]
        np.testing.assert_array_equal(times_s, every[(every >= 0) & (every < 1)])


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 0.0])
def test_snr_as_defined(snr_db):
    sequence = simulate(SimulationConfig.scenario("paper", n_units=10), 1)
    clean = sequence.render().astype(float)
    noise = sequence.render(snr_db) - clean
    assert 10 * np.log10((clean**2).mean() / (noise**2).mean()) == pytest.approx(snr_db, abs=0.02)
    assert abs(noise.mean()) < 0.01 * noise.std()
    white = np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]
    assert abs(white) < 0.005


def test_noise_is_repeatable_and_seeded():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=2), 1)
    np.testing.assert_array_equal(sequence.render(10), sequence.render(10))
    assert not np.array_equal(sequence.render(10), sequence.render(10, seed=5))
    np.testing.assert_array_equal(sequence.render(float("inf")), sequence.render())


def test_render_into_a_buffer():
    sequence = simulate(SimulationConfig.scenario("paper", n_units=2), 1)
    buffer = np.full((64, 64, 400), 7, np.float32)
    assert sequence.render(out=buffer) is buffer
    np.testing.assert_array_equal(buffer, sequence.render())
    with pytest.raises(ValueError, match=r"expected C-contiguous float32 \(64, 64, 400\)"):
        sequence.render(out=np.empty((64, 64, 100), np.float32))


@pytest.mark.parametrize("snr_db", [float("nan"), float("-inf")])
def test_snr_must_be_decibels(snr_db):
    with pytest.raises(ValueError, match="expected decibels"):
        simulate(SimulationConfig.scenario("paper", n_units=2), 1).render(snr_db)


def test_ceiling_of_the_rate_of_agreement():
    """Maxima of the true trains against the true firings: 0.993 when the ends are neutral."""
    values = []
    for seed in range(30):
        s = simulate(SimulationConfig.scenario("paper", n_units=25), seed)
        for k, found_s in enumerate(positive_maxima(s.twitch_trains, 400.0)):
            peaks_s = s.twitch_peaks_s[k]
            values.append(rate_of_agreement(found_s, peaks_s, neutral_before_s=0.02, neutral_after_s=0.98))
    assert np.mean(values) == pytest.approx(0.993, abs=0.004)


def test_unrelated_units_agree_by_chance():
    s = simulate(SimulationConfig.scenario("paper", n_units=60, synchronisation=(0.0, 0.0)), 3)
    firings = positive_maxima(s.twitch_trains, 400.0)
    values = [rate_of_agreement(firings[i], firings[i + 1]) for i in range(59)]
    assert np.mean(values) == pytest.approx(0.21, abs=0.04)


def test_crowding_at_25_units():
    """39 % of the image covered, 30 % of that by several units; 4.7 pairs with IoU > 0.3."""
    covered, several, pairs = [], [], []
    for seed in range(60):
        masks = simulate(SimulationConfig.scenario("paper", n_units=25), seed).territories
        depth = masks.sum(axis=0)
        covered.append((depth > 0).mean())
        several.append((depth > 1).sum() / (depth > 0).sum())
        flat = masks.reshape(25, -1).astype(float)
        common = flat @ flat.T
        area = flat.sum(axis=1)
        iou = common / (area[:, None] + area - common)
        pairs.append(np.count_nonzero(np.triu(iou, 1) > 0.3))
    assert np.mean(covered) == pytest.approx(0.39, abs=0.02)
    assert np.mean(several) == pytest.approx(0.30, abs=0.03)
    assert np.mean(pairs) == pytest.approx(4.7, abs=0.9)
