"""Speckle, echoes and their noise in scenario echo, to first order and in full, each against numbers of its own."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from simulator import SimulationConfig, simulate
from simulator.iq import iq
from simulator.noise import MARGIN_PX, NoiseShape, smoothing
from simulator.shared.errors import InputError
from simulator.speckle import (
    _cells,
    draw_scatterers,
    pixel_weights,
    reach_px,
    samples_mm,
    scatterers_of,
    speckle_of,
    window_weights,
)
from tests.simulator.test_echo import STILL, echo

# Speckle


def test_motion_that_is_the_same_everywhere_is_seen_as_it_is():
    """conj(IQ) (PSF * a p) is |IQ|^2 p where p is constant."""
    seen = speckle_of(echo()).image(np.ones((1, 64, 64), np.float32))[0]
    np.testing.assert_allclose(seen, 1, atol=0.03)
    fine = echo(pixel_mm=0.125, height_px=40, width_px=40, n_units=0, diameter_mm=(1.0, 2.0))
    seen = speckle_of(fine).image(np.ones((1, 40, 40), np.float32))[0]
    np.testing.assert_allclose(seen, 1, atol=0.01)  # many small weights, none of which is nothing


def test_the_shortcut_agrees_with_the_full_echo_model():
    """Same speckle, no noise: at least 25 dB, where the speckle's own error is 13 dB."""
    sequence = echo(0, motion=STILL, n_units=10)
    echoes = iq(sequence)
    assert echoes.shape == (400, 133, 401) and echoes.dtype == np.complex64
    full, shortcut = _velocity(sequence, echoes), sequence.render()
    true = np.einsum("chw,ct->hwt", *sequence.moving_components, optimize=True)
    assert _snr_db(full, full - shortcut) > 25
    assert 8 < _snr_db(true, true - shortcut) < 18


def test_noise_of_the_shortcut_is_that_of_the_full_model():
    sequence = echo(2, motion=STILL, n_units=2, n_frames=150, echo={"renewal": (0, 0)})
    noise = _velocity(sequence, iq(sequence, 15)) - _velocity(sequence, iq(sequence))
    shaped = sequence.render(15) - sequence.render()
    assert noise.std() == pytest.approx(shaped.std(), rel=0.1)
    assert np.corrcoef(np.log(noise.std(axis=2)).ravel(), np.log(shaped.std(axis=2)).ravel())[0, 1] > 0.9
    for values in (noise, shaped):  # differenced: -0.5, less where noise meets noise
        assert -0.5 < np.mean(values[..., 1:] * values[..., :-1]) / values.var() < -0.3
    for axis, expected in ((0, 0.3), (1, 0.6)):  # the windows are 1 and 1.6 mm
        for values in (noise, shaped):
            relative = np.moveaxis(values / values.std(axis=2, keepdims=True), axis, 0)
            assert np.mean(relative[1:] * relative[:-1]) == pytest.approx(expected, abs=0.15)


def test_renewed_scatterers_are_noise_in_both_models():
    """Echoes without any other noise, of tissue that does not move."""
    parts = {"n_units": 0, "n_frames": 60, "height_px": 24, "width_px": 24}
    config = SimulationConfig.scenario("echo", **parts, motion=None)
    config = dataclasses.replace(config, echo=dataclasses.replace(config.echo, renewal=(0.002, 0.002)))
    sequence = simulate(config, 1)
    full, shortcut = _velocity(sequence, iq(sequence, 100)), sequence.render(100)
    assert np.sqrt(np.median(full**2)) == pytest.approx(np.sqrt(np.median(shortcut**2)), rel=0.25)


def test_velocity_is_interpolated_between_pixels():
    weights = pixel_weights(np.array([0.0, 0.3125, 0.625, 39.9]), 64, 0.625)
    np.testing.assert_allclose(weights[:, :3], [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_patterns_are_shared():
    own = [speckle_of(echo(seed)) for seed in range(4)]
    assert len({id(speckle) for speckle in own}) == 4
    shared = [speckle_of(echo(seed, echo={"patterns": 1}, n_units=1 + seed)) for seed in range(4)]
    assert len({id(speckle) for speckle in shared}) == 1
    one, other = (scatterers_of(echo(seed, echo={"patterns": 1})).strength for seed in (0, 1))
    np.testing.assert_array_equal(one, other)


def test_iq_needs_echoes():
    with pytest.raises(InputError, match="scenario echo"):
        iq(simulate(SimulationConfig.scenario("paper", n_units=2), 1))


def test_iq_of_nothing_that_moves_stands_still():
    config = SimulationConfig.scenario("echo", n_units=0, n_frames=2, height_px=20, width_px=20, motion=None)
    echoes = iq(simulate(config, 1))
    assert np.abs(echoes).max() > 0
    np.testing.assert_array_equal(echoes[:, :, 1:], echoes[:, :, :-1])


def test_fine_pixels_see_as_far_as_coarse_ones():
    """In mm: windows and point spread do not shrink with the pixels."""
    coarse, fine = (SimulationConfig.scenario("echo", pixel_mm=pixel_mm) for pixel_mm in (0.625, 0.3125))
    assert reach_px(coarse) == (3, 5) and reach_px(fine) == (6, 10)
    small = {"n_frames": 12, "height_px": 24, "width_px": 24, "diameter_mm": (2.5, 3.5)}
    sequence = echo(0, n_units=2, pixel_mm=0.25, echo={"speed_of_sound_m_s": 1800.0}, motion=STILL, **small)
    full = _velocity(sequence, iq(sequence))
    assert _snr_db(full, full - sequence.render()) > 20


# Noise


@pytest.mark.parametrize("lag", [1.0, 0.5])
def test_shaped_noise_has_its_sd_its_neighbours_and_its_lag(lag):
    sd = np.full((20, 24), 2.0, np.float32)
    sd[:, 12:] = 0.5
    shape = NoiseShape(sd, (1.0, 0.001), lag)
    white = np.random.default_rng(0).standard_normal((*shape.white_shape, 4001), dtype=np.float32)
    noise = shape.of(white)
    assert noise.shape == (20, 24, 4000)
    np.testing.assert_allclose(noise.std(axis=2), sd, rtol=0.06)
    assert np.mean(noise[1:] * noise[:-1]) / np.mean(noise**2) == pytest.approx(np.exp(-0.25), abs=0.02)  # 1 px apart
    assert np.mean(noise[:, 1:12] * noise[:, :11]) / np.mean(noise[:, :12] ** 2) == pytest.approx(0, abs=0.02)
    before = np.mean(noise[..., 1:] * noise[..., :-1]) / np.mean(noise**2)
    assert before == pytest.approx(-lag / (1 + lag**2), abs=0.02)


def test_smoothing_keeps_the_variance():
    weights = smoothing(10, 1.3)
    assert weights.shape == (10, 10 + 2 * MARGIN_PX)
    np.testing.assert_allclose(np.sum(weights**2, axis=1), 1, rtol=1e-6)
    alike = np.sum(weights[1:] * weights[:-1], axis=1)  # up to the edges
    np.testing.assert_allclose(alike, np.exp(-0.25 / 1.3**2), atol=2e-3)


def test_noise_grows_with_the_echoes_noise():
    sequence = echo(2, echo={"renewal": (0, 0)})
    weak, strong = (speckle_of(sequence).noise(snr).sd for snr in (40, 20))
    np.testing.assert_allclose(np.median(strong / weak), 10, rtol=0.02)


def _velocity(sequence, echoes):
    """By autocorrelation of IQ (Z, X, T + 1): [mm/s] (H, W, T)."""
    config, window_mm = sequence.config, scatterers_of(sequence).window_mm
    rows, columns = (
        window_weights(samples, side, config.pixel_mm, mm)
        for samples, side, mm in zip(samples_mm(config), config.image_shape, window_mm, strict=True)
    )
    turned = echoes[:, :, 1:] * np.conj(echoes[:, :, :-1])
    summed = np.einsum("wx,hxt->hwt", columns, np.einsum("hz,zxt->hxt", rows, turned, optimize=True), optimize=True)
    metres = config.echo.speed_of_sound_m_s / (4 * np.pi * config.echo.centre_frequency_mhz * 1e6)
    return np.angle(summed) * metres * config.frame_rate_hz * 1e3  # c PRF / (4 pi fc), in mm/s


def _snr_db(signal, error):
    return 10 * np.log10(np.mean(signal**2) / np.mean(error**2))


def test_a_window_on_paper():
    """Gaussian, of the SD of an even window of 2 mm: 2 / sqrt(12). At 1 mm from the middle exp(-1.5) are left."""
    weights = window_weights(np.array([0.5, 1.5, 2.5]), 3, 1.0, 2.0)
    np.testing.assert_allclose(weights[1, [0, 2]] / weights[1, 1], np.exp(-1.5), rtol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_samples_of_a_cell_on_paper():
    """Point spread of 0.5 mm, and 2 w^2 of the window is as much squared: 0.5 sqrt(2 pi / 2) mm of samples of 0.1 mm in
    both directions; a window that is hardly wider than a sample holds one."""
    given = SimpleNamespace(
        axial_sd_mm=0.5,
        lateral_sd_mm=np.array([0.5, 0.5]),
        window_mm=(np.sqrt(1.5), np.sqrt(1.5)),
        settings=SimpleNamespace(grid_mm=(0.1, 0.1)),
    )
    np.testing.assert_allclose(_cells(given), 25 * np.pi)
    given.window_mm = 0.01, 0.01
    np.testing.assert_allclose(_cells(given), 1)


def test_samples_on_paper():
    z_mm, x_mm = samples_mm(echo().config)
    assert (len(z_mm), len(x_mm)) == (400, 133)
    np.testing.assert_allclose([*z_mm[[0, 1, -1]], *x_mm[[0, 1, -1]]], [0.05, 0.15, 39.95, 0.15, 0.45, 39.75])


def test_electronic_noise_grows_with_depth_in_the_shortcut():
    growth = 0.3 * 2 * 7.8 / 10  # dB a mm
    even, grown = (speckle_of(echo(echo={"attenuation_db_cm_mhz": (of, of)})).electronic for of in (0.0, 0.3))
    gained = np.median(10 * np.log10(grown / even), axis=1)
    assert np.polyfit((np.arange(64) + 0.5) * 0.625, gained, 1)[0] == pytest.approx(growth, rel=0.02)


def test_a_wide_beam_sees_nothing_beyond_the_image():
    """Neither above and below it nor on the other side of the rows beside."""
    speckle = speckle_of(echo(echo={"lateral_sd_mm": (4.0, 4.0), "axial_sd_mm": (2.0, 2.0), "window_mm": (5.0, 5.0)}))
    maps = np.zeros((1, 64, 64), np.float32)
    maps[:, :, 32:] = 1
    assert not speckle.image(maps)[0, :, 0].any()


def test_attenuation_and_focus_on_paper():
    """0.5 dB/cm/MHz at 8 MHz, there and back: 8 dB a cm. At the focal length from the focus a beam is sqrt(2) wider."""
    changes = {"attenuation_db_cm_mhz": (0.5, 0.5), "focus_mm": (20.0, 20.0), "centre_frequency_mhz": 8.0}
    drawn = scatterers_of(echo(echo=changes | {"lateral_sd_mm": (0.4, 0.4), "focal_length_mm": 10.0}))
    z_mm, growth = samples_mm(echo().config)[0], drawn.noise_growth
    np.testing.assert_allclose(
        10 * np.log10(np.interp([20.0, 30.0], z_mm, growth) / np.interp(10.0, z_mm, growth)), [8, 16], atol=0.02
    )
    assert growth.mean() == pytest.approx(1)
    widths_mm = np.interp([10.0, 20.0, 30.0], z_mm, drawn.lateral_sd_mm)
    np.testing.assert_allclose(widths_mm, [0.4 * np.sqrt(2), 0.4, 0.4 * np.sqrt(2)], atol=1e-3)


def test_the_point_spread_on_paper():
    """A scatterer becomes a Gaussian of these SDs, to 3 of them, and as bright; the lateral SD is its depth's."""
    drawn = scatterers_of(echo())
    depths, width = drawn.strength.shape
    lateral_mm = np.linspace(1, 0.5, depths)
    drawn = dataclasses.replace(drawn, axial_sd_mm=0.2, lateral_sd_mm=lateral_mm)
    z_mm, x_mm = (np.arange(side)[:, None] * step for side, step in zip((depths, width), (0.1, 0.3), strict=True))
    images = {}
    for row in (25, 39, 60):
        points = np.zeros((depths, width), np.complex64)
        points[row, 70] = 1j
        image = drawn.imaged(points)
        expected = np.exp(-0.5 * ((z_mm - z_mm[row]) / 0.2) ** 2)
        expected = expected @ np.exp(-0.5 * ((x_mm - x_mm[70]) / lateral_mm[row]) ** 2).T
        np.testing.assert_allclose(image / image[row, 70], expected, atol=0.012)
        assert image.sum() == pytest.approx(1j, rel=1e-5)
        images[row] = image[row - 10 : row + 11] / image[row, 70]
    np.testing.assert_allclose(images[39][:, 70], images[25][:, 70], atol=1e-6)  # wherever it is in a block of rows


@pytest.mark.parametrize("snr_db", [20, 40, 65])
def test_the_lag_gives_the_covariance_of_neighbouring_frames(snr_db):
    """w(t) - lag w(t - 1) of variance v has covariance -lag / (1 + lag^2) v with the frame before: that of the phase
    which both differences share."""
    speckle = speckle_of(echo())
    shape = speckle.noise(snr_db)
    variance = np.mean((shape.sd / speckle.velocity_of_phase) ** 2)
    shared = np.mean(speckle.electronic) * 10 ** (-snr_db / 10)
    assert shape.lag / (1 + shape.lag**2) * variance == pytest.approx(shared, rel=0.01)


def test_velocity_of_nothing_but_noise_is_anything_that_can_be_measured():
    """Phases are even between -pi and pi: SD pi / sqrt(3), which is the Nyquist velocity over sqrt(3)."""
    sequence = echo(echo={"speed_of_sound_m_s": 1600.0, "centre_frequency_mhz": 8.0})
    nyquist_mm_s = 1600e3 / 8e6 / 4 * sequence.config.frame_rate_hz
    np.testing.assert_allclose(speckle_of(sequence).noise(-60).sd, nyquist_mm_s / np.sqrt(3), rtol=1e-6)


def test_echoes_as_weak_as_the_noise_have_its_square_too():
    parts = {"n_units": 0, "n_frames": 100, "height_px": 24, "width_px": 24}
    config = SimulationConfig.scenario("echo", **parts, motion=None)
    sequence = simulate(dataclasses.replace(config, echo=dataclasses.replace(config.echo, renewal=(0, 0))), 1)
    full, shortcut = _velocity(sequence, iq(sequence, 0)), sequence.render(0)
    assert np.median(full.std(axis=2)) == pytest.approx(np.median(shortcut.std(axis=2)), rel=0.1)


def drawn_scatterers(n_seeds, height_px=64, width_px=64, pixel_mm=0.625, **changes):
    size = {"height_px": height_px, "width_px": width_px, "pixel_mm": pixel_mm, "diameter_mm": (1.5, 2.0)}
    config = SimulationConfig.scenario("echo", n_units=0, **size)
    config = dataclasses.replace(config, echo=dataclasses.replace(config.echo, **changes))
    return [draw_scatterers(config, seed) for seed in range(n_seeds)]


def test_texture_has_its_sd_and_is_as_wide_as_it_should_be():
    """White noise that is smoothed over s = 3 mm: 2 s apart exp(-1) of it are alike, in depth and across; a little less
    without the mean of each image, which is over 13 s."""
    levels = [20 * np.log10(drawn.level) for drawn in drawn_scatterers(12, texture_db=6.0, fasciae=(0, 0))]
    np.testing.assert_allclose([level.std() for level in levels], 6, rtol=1e-4)
    np.testing.assert_allclose([level.mean() for level in levels], 0, atol=1e-3)
    for axis, apart in ((0, 60), (1, 20)):
        turned = [np.moveaxis(level, axis, 0) for level in levels]
        alike = [np.mean(level[apart:] * level[:-apart]) / 36 for level in turned]
        assert np.mean(alike) == pytest.approx(0.3, abs=0.12)


def test_texture_of_an_image_that_is_smaller_than_it():
    (drawn,) = drawn_scatterers(1, height_px=20, width_px=20, pixel_mm=0.1, texture_db=3.0, fasciae=(0, 0))
    assert (20 * np.log10(drawn.level)).std() == pytest.approx(3, rel=1e-3)


def test_scatterers_have_random_phases():
    (drawn,) = drawn_scatterers(1)
    relative = drawn.strength / drawn.level
    assert np.mean(np.abs(relative) ** 2) == pytest.approx(2, rel=0.02)
    assert np.abs(np.mean(relative**2)) < 0.03


def test_fasciae_are_bright_lines_across_the_image():
    """Of 12 dB and SD 0.3 mm, tilted by a tenth, at any depth of the middle column."""
    depths_mm, tilts = [], []
    for drawn in drawn_scatterers(40, height_px=12, texture_db=0.0, fasciae=(1, 1), fascia_db=12.0):
        level_db = 20 * np.log10(drawn.level)
        middle = level_db[:, 66]
        assert 11.8 < middle.max() <= 12.001
        depths_mm.append(middle.argmax() * 0.1)
        if 15 < middle.argmax() < 60:
            assert middle.sum() * 0.1 == pytest.approx(12 * 0.3 * np.sqrt(2 * np.pi), rel=0.01)
            tilts.append((level_db[:, 81].argmax() - level_db[:, 51].argmax()) * 0.1 / (30 * 0.3))
    assert min(depths_mm) < 1 and max(depths_mm) > 6.5
    assert np.std(tilts) == pytest.approx(0.1, rel=0.35)


def test_the_number_of_fasciae_is_from_its_range():
    counts = []
    for drawn in drawn_scatterers(20, texture_db=0.0, fasciae=(1, 2), fascia_db=12.0):
        lines = (20 * np.log10(drawn.level[:, 66])).sum() * 0.1 / (12 * 0.3 * np.sqrt(2 * np.pi))
        counts.append(int(np.ceil(lines - 0.01)))
    assert set(counts) == {1, 2}


def still_echoes(n_frames, **changes):
    """A sequence in which nothing moves."""
    parts = {"n_units": 0, "n_frames": n_frames, "height_px": 40, "width_px": 24}
    config = SimulationConfig.scenario("echo", **parts, motion=None)
    return simulate(dataclasses.replace(config, echo=dataclasses.replace(config.echo, **changes)), 1)


def test_electronic_noise_of_the_full_model_on_paper():
    """10 dB below the echoes; with 0.3 dB/cm/MHz at 7.8 MHz, there and back, it grows by 0.468 dB a mm."""
    sequence = still_echoes(40, renewal=(0, 0), attenuation_db_cm_mhz=(0.3, 0.3))
    clean = iq(sequence)
    power = np.mean(np.abs(iq(sequence, 10) - clean) ** 2, axis=(1, 2))
    assert 10 * np.log10(np.mean(np.abs(clean) ** 2) / power.mean()) == pytest.approx(10, abs=0.1)
    depth_mm = samples_mm(sequence.config)[0]
    assert np.polyfit(depth_mm, 10 * np.log10(power), 1)[0] == pytest.approx(0.468, abs=0.005)


def test_noise_of_echoes_is_the_sequences_own_or_of_a_seed():
    sequence = still_echoes(32)
    own, same, other, again = (iq(sequence, 20, seed) for seed in (None, sequence.noise_seed, 5, 5))
    assert own.shape[2] == 33  # and the last is not lost where blocks are full
    np.testing.assert_array_equal(own, same)
    np.testing.assert_array_equal(other, again)
    assert not np.array_equal(own, other)
    np.testing.assert_array_equal(iq(sequence, np.inf), iq(sequence))


def test_echoes_fade_as_their_scatterers_are_renewed():
    """A share of 0.1 of the power a frame: of the echoes, sqrt(0.9) to the power of the frames is left, whatever the
    blocks are; and bright tissue stays as bright."""
    sequence = still_echoes(70, renewal=(0.1, 0.1), fasciae=(2, 2))
    echoes = iq(sequence, 100)
    power = np.mean(np.abs(echoes) ** 2, axis=(0, 1))
    np.testing.assert_allclose(power, power[0], rtol=0.3)
    left = [abs(np.mean(echoes[..., 30 - k] * np.conj(echoes[..., 30 + k]))) / power.mean() for k in (1, 3, 5)]
    np.testing.assert_allclose(left, [0.9**k for k in (1, 3, 5)], atol=0.08)
    assert abs(np.mean(echoes[..., 0] * np.conj(echoes[..., 64]))) < 0.15 * power.mean()
    drawn = scatterers_of(sequence)
    last = np.abs(echoes[..., -1]) ** 2
    bright = drawn.level > np.quantile(drawn.level, 0.9)
    first = np.abs(drawn.echoes) ** 2
    assert last[bright].mean() / last.mean() == pytest.approx(first[bright].mean() / first.mean(), rel=0.25)
