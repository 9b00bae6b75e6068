"""White noise at the SNR as it is defined, and standardising."""

import numpy as np
import pytest

from muspipe.data.pixels import NoiseBank, clean_moments, draw_snr_db, noise_sd, standardise
from muspipe.errors import InputError
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def bank():
    return NoiseBank(1 << 21, seed=3)


def test_sd_by_hand():
    assert noise_sd(4.0, 20.0) == pytest.approx(0.2)  # power 4 / 100
    assert noise_sd(4.0, 0.0) == pytest.approx(2.0)
    assert noise_sd(4.0, np.inf) == 0


@pytest.mark.parametrize("snr_db", [10.0, 20.0])
def test_snr_as_defined_over_the_whole_sequence(bank, snr_db):
    clean = simulate(SimulationConfig.scenario("paper", n_units=9), 1).render()
    noisy = bank.add(clean.copy(), 1234, noise_sd(np.mean(clean.astype(float) ** 2), snr_db))
    noise = noisy.astype(float) - clean
    assert 10 * np.log10(np.mean(clean.astype(float) ** 2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.02)


def test_noise_is_white_normal_and_made_by_the_seed(bank):
    values = bank.values.astype(float)
    n = len(values)
    assert abs(values.mean()) < 4 / n**0.5
    assert abs(values.var() - 1) < 4 * (2 / n) ** 0.5
    assert abs(np.mean(values**4) - 3) < 4 * (96 / n) ** 0.5
    for lag in (1, 400, 25_600):  # the next frame, pixel, row
        assert abs(np.mean(values[lag:] * values[:-lag])) < 4 / n**0.5
    assert np.array_equal(bank.values, NoiseBank(1 << 21, 3).values)
    assert not np.array_equal(bank.values, NoiseBank(1 << 21, 4).values)


def test_cuts_begin_where_they_are_told_and_fit(bank):
    images = np.ones((2, 3, 4), np.float32)
    assert np.array_equal(bank.add(images, 5, 2.0).ravel(), 1 + 2 * bank.values[5:29])
    assert np.array_equal(bank.add(np.ones(3, np.float32), 5, 0.0), np.ones(3))
    offsets = [NoiseBank(12, 0).draw_offset(np.random.default_rng(seed), 10) for seed in range(60)]
    assert set(offsets) == {0, 1, 2}
    with pytest.raises(InputError, match="noise_bank_values"):
        NoiseBank(9, 0).draw_offset(np.random.default_rng(0), 10)
    with pytest.raises(ValueError, match="float32"):
        bank.add(np.ones(3), 0, 1.0)


def test_snr_fixed_or_drawn_uniformly_in_db():
    rng = np.random.default_rng(0)
    assert draw_snr_db(rng, None) == np.inf and draw_snr_db(rng, 20) == 20
    drawn = np.array([draw_snr_db(rng, (10.0, 30.0)) for _ in range(4000)])
    assert 10 <= drawn.min() < 10.1 and 29.9 < drawn.max() <= 30
    assert drawn.mean() == pytest.approx(20, abs=4 * 20 / 12**0.5 / 4000**0.5)


def test_a_share_of_the_examples_is_clean():
    rng = np.random.default_rng(0)
    drawn = np.array([draw_snr_db(rng, (10.0, 30.0), clean_share=0.25) for _ in range(4000)])
    assert np.isinf(drawn).mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    assert 10 <= drawn[np.isfinite(drawn)].min() and drawn[np.isfinite(drawn)].max() <= 30


def test_standardise_by_hand():
    images = np.array([[1, 2], [3, 6]], np.float32)  # mean 3, squares of deviations 4 + 1 + 0 + 9, variance 3.5
    expected = np.array([[-2, -1], [0, 3]]) / 3.5**0.5
    np.testing.assert_allclose(standardise(images), expected, rtol=1e-6)
    assert standardise(np.full((2, 2), 7, np.float32)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
def test_moments_without_rendering(scenario):
    sequence = simulate(SimulationConfig.scenario(scenario, n_units=12), 4)
    images = sequence.render().astype(float)
    mean, power = clean_moments(*sequence.components)
    assert mean == pytest.approx(images.mean(), abs=1e-6)
    assert power == pytest.approx(np.mean(images**2), rel=1e-5)
