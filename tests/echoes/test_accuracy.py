"""Velocity of phantoms whose motion is known: its bias, its direction, and its error against what theory allows."""

import dataclasses

import numpy as np
import pytest

from muspipe.echoes.autocorrelation import velocity_of, window_sums
from muspipe.echoes.demodulation import Demodulated
from muspipe.echoes.doubts import Tally
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.options import Scan, VelocityOptions
from muspipe.echoes.velocity import measure
from muspipe.echoes.windows import Windows, image_shape, weights
from tests.echoes.phantom import SCAN, moving_scatterers, noise, phase, positions_mm, shifted_rf, speckle

SHAPE = 120, 40
SECONDS = (np.arange(119) + 0.5) / SCAN.prf_hz
SINE_MM_S = 3 * np.sin(2 * np.pi * 10 * SECONDS)


def pixels_mm(shape, pixel_mm, image_pixel_mm=0.625):
    """Places of the pixels from the middle on, (rows, columns)."""
    return [(np.arange(n) - (n - 1) / 2) * image_pixel_mm for n in image_shape(shape, pixel_mm, image_pixel_mm)]


def gain(found, true):
    return float((found * true).sum() / (true * true).sum())


@pytest.mark.parametrize("estimator", ["kasai", "loupas"])
def test_velocity_that_varies_over_depth_and_width_is_found_without_bias(estimator):
    def hill(z_mm, x_mm):
        return np.exp(-((z_mm - 1) ** 2 + (x_mm + 1) ** 2) / (2 * 3.0**2))

    places = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(SHAPE, SCAN.pixel_mm, strict=True)]
    rng = np.random.default_rng(3)
    found, true = [], []
    for _ in range(2):
        iq = moving_scatterers(rng, hill(places[0][:, None], places[1])[..., None] * SINE_MM_S)
        iq += noise(rng, iq.shape, 30)
        found.append(measure(Echoes.of(iq, SCAN), VelocityOptions(estimator=estimator)).recording.velocity)
        z_mm, x_mm = pixels_mm(SHAPE, SCAN.pixel_mm)
        true.append(hill(z_mm[:, None], x_mm)[..., None] * SINE_MM_S)
    assert found[0].shape == true[0].shape == (19, 19, 119)
    assert abs(gain(np.array(found), np.array(true)) - 1) < 0.02
    assert np.corrcoef(np.ravel(found), np.ravel(true))[0, 1] > 0.98


def test_positive_is_what_the_option_says():
    rng = np.random.default_rng(4)
    towards = speckle(rng, SHAPE)[..., None] * phase(positions_mm(SINE_MM_S, SCAN.prf_hz))  # depth falls, phase grows
    for positive, sign in (("towards", 1), ("away", -1)):
        measured = measure(Echoes.of(towards, SCAN), VelocityOptions(positive=positive))
        np.testing.assert_allclose(
            measured.recording.velocity, sign * np.broadcast_to(SINE_MM_S, (19, 19, 119)), atol=1e-3
        )


@pytest.mark.parametrize("snr_db", [30, 20, 10])
def test_error_is_at_the_bound_of_the_window(snr_db):
    """Variance of a phase from N independent pairs of coherence rho: (1 - rho^2) / (2 N rho^2), the Cramer-Rao bound
    (Rodriguez and Martin 1992, IEE Proc. F 139:147); rho = snr / (1 + snr) of the echo's own power in each window."""
    rng = np.random.default_rng(5)
    still, options = speckle(rng, SHAPE), VelocityOptions()
    iq = still[..., None] * phase(positions_mm(SINE_MM_S, SCAN.prf_hz))
    measured = measure(Echoes.of(iq + noise(rng, iq.shape, snr_db), SCAN), options)
    error = measured.recording.velocity - SINE_MM_S
    rows, columns = (weights(n, mm, 19, 0.625, 1.0) for n, mm in zip(SHAPE, SCAN.pixel_mm, strict=True))
    n_pairs = np.outer(*((w.sum(axis=1) ** 2 / (w**2).sum(axis=1)) for w in (rows, columns)))
    power = rows @ np.abs(still) ** 2 @ columns.T / np.outer(rows.sum(axis=1), columns.sum(axis=1))
    snr = power * 10 ** (snr_db / 10)
    rho = snr / (1 + snr)
    bound = SCAN.fastest_mm_s / np.pi * np.sqrt((1 - rho**2) / (2 * n_pairs * rho**2))
    strong = snr > 3  # where the phase is found at all
    ratio = np.sqrt((error**2).mean(axis=2)[strong].mean() / (bound**2)[strong].mean())
    assert strong.mean() > 0.8
    assert 0.9 < ratio < 1.5


def test_ensemble_lowers_the_error():
    rng = np.random.default_rng(6)
    iq = speckle(rng, SHAPE)[..., None] * phase(positions_mm(np.full(119, 2.0), SCAN.prf_hz))
    echoes = Echoes.of(iq + noise(rng, iq.shape, 20), SCAN)
    found = {n: measure(echoes, VelocityOptions(ensemble_frames=n)).recording.velocity for n in (2, 6)}
    errors = {n: (velocity - 2)[..., 3:-3].std() for n, velocity in found.items()}
    assert errors[6] < 0.3 * errors[2]  # the noise of a frame is in two pairs, with opposite signs: nearly 1 / 5
    assert found[6].shape == found[2].shape


RF_SCAN = Scan(centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=0.3, sampling_rate_hz=31.2e6)


def test_rf_is_demodulated():
    rng = np.random.default_rng(7)
    rf = shifted_rf(rng, (800, 16), positions_mm(SINE_MM_S, 400.0), RF_SCAN, 7.8e6)
    samples = Demodulated(np.moveaxis(rf, 2, 0), RF_SCAN)
    assert samples.shape == (120, 267, 16) and samples.scan.pixel_mm[0] == pytest.approx(3 * 1540e3 / 2 / 31.2e6)
    iq = samples[10:20]
    assert iq.shape == (10, 267, 16) and (np.abs(iq) ** 2).mean() == pytest.approx(2, rel=0.05)  # analytic: twice RF's
    measured = measure(Echoes(samples, samples.scan))
    assert abs(gain(measured.recording.velocity, SINE_MM_S + 0 * measured.recording.velocity) - 1) < 0.02


def test_rf_demodulation_stops_what_is_beyond_the_band():
    t = np.arange(800) / RF_SCAN.sampling_rate_hz

    def level(frequency_hz):
        tone = np.broadcast_to(np.cos(2 * np.pi * frequency_hz * t)[None, :, None], (1, 800, 8))
        return np.abs(Demodulated(tone, RF_SCAN)[0:1][0, 30:-30]).mean()

    assert level(7.8e6) == pytest.approx(1, abs=0.01) and level(10.5e6) == pytest.approx(1, abs=0.02)
    assert level(0.5e6) < 0.003 and level(14.5e6) < 0.003


def test_loupas_measures_the_mean_frequency():
    """Echoes at 6.8 MHz where 7.8 are said, as by attenuation: Kasai's velocity is 13 % low."""
    rng = np.random.default_rng(8)
    rf = shifted_rf(rng, (800, 16), positions_mm(SINE_MM_S, 400.0), RF_SCAN, 6.8e6)
    samples = Demodulated(np.moveaxis(rf, 2, 0), RF_SCAN)
    echoes = Echoes(samples, samples.scan)
    gains = {}
    for estimator in ("kasai", "loupas"):
        velocity = measure(echoes, VelocityOptions(estimator=estimator)).recording.velocity
        gains[estimator] = gain(velocity, SINE_MM_S + 0 * velocity)
    assert gains["kasai"] == pytest.approx(6.8 / 7.8, abs=0.02)
    assert gains["loupas"] == pytest.approx(1, abs=0.02)


def test_velocity_on_paper():
    """A quarter of a turn from frame to frame, at 7.7 MHz and 1000 Hz: c PRF / (4 pi fc) pi / 2 = 25 mm/s."""
    scan = dataclasses.replace(SCAN, centre_frequency_hz=7.7e6, prf_hz=1000.0)
    channels = np.array([0.0, 1.0, 1.0], np.float32).reshape(1, 3, 1, 1)
    assert velocity_of(channels, scan)[0, 0, 0] == pytest.approx(25.0)
    assert scan.fastest_mm_s == pytest.approx(50.0)


def test_sums_over_windows_on_paper():
    """Windows of one sample. The first frame is 1 everywhere; the second 3, a quarter of a turn on from one sample in
    depth to the next."""
    turning = 3 * np.array([1, 1j, -1, -1j] * 2).reshape(8, 1) * np.ones((8, 8))
    frames = np.stack([np.ones((8, 8)), turning]).astype(np.complex64)
    options = VelocityOptions(image_pixel_mm=1.0, axial_window_mm=0.1, lateral_window_mm=0.1)
    (channels,) = window_sums([frames], Windows.of((8, 8), (1.0, 1.0), options), with_depth=True)
    over_time, power, over_depth = (
        channels[0, 0] + 1j * channels[0, 1],
        channels[0, 2],
        channels[0, 3] + 1j * channels[0, 4],
    )
    np.testing.assert_allclose(over_time, turning)  # the second times the first's conjugate
    np.testing.assert_allclose(power, (1 + 9) / 2)
    np.testing.assert_allclose(over_depth[1:-1], 1 + 9j)  # 1 of the first, 9 with a quarter of a turn of the second


@pytest.mark.parametrize(
    ("carrier", "eighths", "ratio"),
    [("removed", 0, 1), ("removed", 1, 1.25), ("removed", -1, 0.75), ("removed", 3.9, 1.5), ("removed", -3.9, 0.5)]
    + [("kept", 4, 1), ("kept", -3, 1.25), ("kept", 3, 0.75)],
)
def test_loupas_on_paper(carrier, eighths, ratio):
    """At 3.85 MHz and 1000 Hz a quarter of a turn from frame to frame is 50 mm/s. Samples 0.1 mm apart are 1 / 7.7 MHz
    apart in time, half a cycle: an eighth of a turn between them is a quarter of the centre frequency."""
    scan = Scan(centre_frequency_hz=3.85e6, prf_hz=1000.0, pixel_mm=(0.1, 0.3), carrier=carrier)
    turn = np.exp(1j * np.pi * eighths / 4)
    channels = np.array([0, 1, 1, turn.real, turn.imag], np.float32).reshape(1, 5, 1, 1)
    assert velocity_of(channels, scan)[0, 0, 0] == pytest.approx(50 / ratio, rel=1e-4)


def test_near_the_limit_counts_in_both_directions():
    """Of four phases from frame to frame, one of noise alone, two are beyond 0.8 of half a turn."""
    turns = np.pi * np.array([0.9, -0.9, 0.5, 0.9])
    size = np.array([1, 1, 1, 0.4])
    channels = np.stack([size * np.cos(turns), size * np.sin(turns), np.ones(4)]).reshape(1, 3, 1, 4)
    tally = Tally(SCAN)
    tally.add(channels, turns.reshape(1, 1, 4))
    assert tally.near_limit_share() == pytest.approx(2 / 3)
    np.testing.assert_allclose(tally.quality(), [[1, 1, 1, 0.4]])


def test_rf_stays_at_its_depth():
    """A pulse about sample 402 of RF, of which every third is kept: about sample 134."""
    samples = np.arange(800) - 402
    pulse = np.exp(-((samples / 12) ** 2)) * np.cos(2 * np.pi * 7.8 / 31.2 * samples)
    rf = np.broadcast_to(pulse[None, :, None], (1, 800, 8))
    assert np.abs(Demodulated(rf, RF_SCAN)[0:1][0, :, 0]).argmax() == 134


def test_filters_of_velocity_are_of_the_images_rate():
    """400 images of 800 frames a second. The high-pass, run both ways, halves what is at its cut-off."""
    scan = dataclasses.replace(SCAN, prf_hz=800.0)
    rng, seconds = np.random.default_rng(11), (np.arange(799) + 0.5) / 800
    velocity = 3 * np.sin(2 * np.pi * 10 * seconds)
    iq = speckle(rng, (60, 20))[..., None] * phase(positions_mm(velocity, 800.0))
    found = measure(Echoes.of(iq, scan), VelocityOptions(drift_hz=10.0)).recording
    assert found.frame_rate_hz == 400
    middle = slice(100, 300)
    assert gain(found.velocity[..., middle], velocity[::2][middle] + 0 * found.velocity[..., middle]) == pytest.approx(
        0.5, abs=0.01
    )


@pytest.mark.slow
def test_pymust_finds_the_same():
    """PyMUST simulates the echoes of scatterers that come nearer, a linear array and its beams, and estimates their
    velocity by itself."""
    pymust = pytest.importorskip("pymust", reason="PyMUST is not installed: pip install pymust")
    rng, prf_hz, n_frames = np.random.default_rng(9), 100.0, 26
    param = pymust.getparam("L11-5v")
    param.fs, param.PRF = 4 * param.fc, prf_hz
    param.Nelements = 64
    x_m, z_m = rng.uniform(-6e-3, 6e-3, 250), rng.uniform(10e-3, 20e-3, 250)
    strength, speed_m_s = rng.standard_normal(250), 1e-3 + 0.15 * (z_m - 10e-3)
    pulses = np.zeros((1, param.Nelements))
    frames = [pymust.simus(x_m, z_m - speed_m_s * t / prf_hz, strength, pulses, param)[0] for t in range(n_frames)]
    shortest = min(len(frame) for frame in frames)
    columns_m, rows_m = np.meshgrid(np.arange(-5e-3, 5e-3, 0.3e-3), np.arange(11e-3, 19e-3, 0.1e-3))
    iq = [pymust.rf2iq(frame[:shortest], param) for frame in frames]
    beams = pymust.dasmtx(iq[0], columns_m, rows_m, pulses, param).tocsr()
    iq = np.stack([(beams @ frame.flatten(order="F")).reshape(rows_m.shape, order="F") for frame in iq], axis=2)

    theirs = 1e3 * pymust.iq2doppler(iq, param, np.array([15, 5]))[0]
    scan = Scan(centre_frequency_hz=param.fc, prf_hz=prf_hz, pixel_mm=(0.1, 0.3), carrier="kept")
    kasai, loupas = (
        measure(Echoes.of(iq, scan), VelocityOptions(estimator=name, ensemble_frames=n_frames)).recording.velocity[
            ..., 12
        ]
        for name in ("kasai", "loupas")
    )
    z_mm, x_mm = pixels_mm(rows_m.shape, scan.pixel_mm)
    rows = np.rint(z_mm / 0.1 + (len(rows_m) - 1) / 2).astype(int)
    columns = np.rint(x_mm / 0.3 + (rows_m.shape[1] - 1) / 2).astype(int)
    theirs = theirs[np.ix_(rows, columns)]
    assert theirs.mean() > 1 and gain(kasai, theirs) == pytest.approx(1, abs=0.02)
    assert np.sqrt(((kasai - theirs) ** 2).mean()) < 0.1 * theirs.mean()
    # the simulated beams hold less than the pulse's frequency: only loupas knows
    true = 1 + 0.15 * (1e3 * rows_m[rows][:, columns] - 10)
    assert abs(gain(loupas, true) - 1) < 0.06 < abs(gain(kasai, true) - 1)


def test_each_sample_alone_is_as_pymust_computes_it():
    """With windows of one sample both are the same formula."""
    pymust = pytest.importorskip("pymust", reason="PyMUST is not installed: pip install pymust")
    rng = np.random.default_rng(10)
    scan = Scan(centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=0.3)
    iq = speckle(rng, (20, 16), scan)[..., None] * phase(positions_mm(SINE_MM_S, 400.0))
    iq = iq + noise(rng, iq.shape, 10)
    param = pymust.utils.Param()
    param.fc, param.PRF, param.c = 7.8e6, 400.0, 1540.0
    options = VelocityOptions(image_pixel_mm=0.3, axial_window_mm=0.1, lateral_window_mm=0.1)
    ours = measure(Echoes.of(iq, scan), options).recording.velocity
    for t in (0, 50):
        theirs = 1e3 * pymust.iq2doppler(iq[..., t : t + 2], param)[0]
        np.testing.assert_allclose(ours[..., t], theirs, atol=2e-3)
