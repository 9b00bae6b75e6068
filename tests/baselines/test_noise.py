"""The noise is measured on fields whose covariance is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from muspipe.baselines import noise
from muspipe.baselines.ica import TunedICA
from muspipe.recordings.recording import Recording

SHAPE = (64, 64)


def field(seed, *, blur_px=0.0, differenced=False, uneven=0.0, n_frames=400, shape=SHAPE):
    """Noise float32 (H, W, T) of power 1. uneven: SD of the logarithm of a pixel's SD, correlated over 1 px."""
    rng, edge = np.random.default_rng(seed), int(np.ceil(4 * blur_px))
    field = rng.standard_normal([n + 2 * edge for n in shape] + [n_frames + differenced], np.float32)
    field = np.diff(field, axis=2) if differenced else field
    if blur_px:
        field = gaussian_filter(field, (blur_px, blur_px, 0))[edge:-edge, edge:-edge]
    spread = gaussian_filter(rng.standard_normal(shape), 1.0)
    field = field * np.exp(uneven * spread / spread.std())[..., None].astype(np.float32)
    return field / field.std()


def measured(field, snr_ceiling_db=30.0, frame_rate_hz=400.0):
    return noise.measure_noise(field.reshape(-1, field.shape[2]), field.shape[:2], frame_rate_hz, snr_ceiling_db)


KINDS = {
    "white": {},
    "blurred by 1 px": {"blur_px": 1.0},
    "blurred by 2 px": {"blur_px": 2.0},
    "differenced": {"differenced": True},
    "uneven": {"uneven": 0.6},
    "all": {"blur_px": 1.0, "differenced": True, "uneven": 0.6},
}


@pytest.mark.parametrize("n_pixels, n", [(4096, 120), (100, 1000), (50, 50)])
def test_edge_of_white_noise_is_that_of_marchenko_and_pastur(n_pixels, n):
    expected = 4 * (np.sqrt(n_pixels) + np.sqrt(n)) ** 2
    assert noise.largest_eigenvalue(np.full(n_pixels, 4.0), n) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("variances", [np.ones(1000), np.linspace(0.1, 3, 1000), np.repeat([1.0, 4.0], [900, 100])])
def test_edge_and_its_scale_are_those_of_drawn_noise(variances):
    """The Tracy-Widom law of order 1 has its mean at -1.21 and an SD of 1.27."""
    rng = np.random.default_rng(0)
    largest = [
        np.linalg.norm(np.sqrt(variances)[:, None] * rng.standard_normal((len(variances), 60)), 2) ** 2
        for _ in range(100)
    ]
    edge = noise.largest_eigenvalue(variances, 60)
    scale = noise.largest_eigenvalue(variances, 60, 1.0) - edge
    assert (np.mean(largest) - edge) / scale == pytest.approx(-1.21, abs=0.5)
    assert np.std(largest) / scale == pytest.approx(1.27, rel=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_measured_makes_the_noise_white(kind):
    """In the band below 60 Hz, of which nothing was measured."""
    images = field(1, **KINDS[kind])
    found = measured(images, snr_ceiling_db=60.0)
    coefficients = images.reshape(-1, 400) @ found.into_band
    assert coefficients.shape == (4096, 120)
    over_time = np.mean(coefficients**2, axis=0)
    assert over_time.max() < 1.45  # a blurred mean is over few independent pixels
    for part in (over_time[40:], over_time[:40]) if "differenced" not in KINDS[kind] else (over_time[40:],):
        assert np.mean(part) == pytest.approx(1, abs=0.12)  # at its lowest frequencies differenced noise has no power
    even = found.evened(coefficients)
    spectrum = found.spectrum.ravel()
    for part in (spectrum >= 1, (spectrum < 1) & (spectrum > 0.05)):  # where blur leaves less, its slope is smoothed
        assert np.mean(even[part, 40:] ** 2) == pytest.approx(np.sqrt(spectrum[part]).mean(), rel=0.25)
    largest = np.linalg.norm(even, 2) ** 2
    assert 0.7 < largest / found.edge < 1


def test_even_noise_is_told_to_be_even_and_uneven_noise_how():
    np.testing.assert_allclose(measured(field(2)).sd, 1, atol=0.03)
    images = field(2, uneven=0.6)
    true = images.std(axis=2) / np.sqrt(np.mean(images**2))
    found = measured(images).sd
    assert np.std(np.log(true)) > 0.5
    assert np.std(np.log(found / true)) < 0.08


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius_px", [0.5, 6.0])
def test_noise_of_a_weighted_sum(kind, radius_px):
    """Of 16 single pixels and of 16 discs. Noise blurred by 1 px has up to 12.6 times the variance in their mean."""
    y, x = np.indices(SHAPE)
    middles = np.arange(8, 64, 16)
    discs = [np.hypot(y - row, x - column) < radius_px for row in middles for column in middles]
    weights = np.array([disc / disc.sum() for disc in discs], np.float32).reshape(16, -1)
    images = field(3, **KINDS[kind])
    found = measured(images, snr_ceiling_db=60.0)
    sums = weights @ (images.reshape(-1, 400) @ found.into_band)[:, 40:]  # from 20 Hz on
    ratio = np.mean(sums**2, axis=1) / found.variance_of(weights)
    assert np.mean(ratio) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_territories_in_noise_do_not_stand_out_and_a_moving_one_does(kind):
    """A disc of 109 pixels moves as a sine of 10 Hz, with 0.09 of the noise's power. Of white noise, 0.3 is below 60 of
    200 Hz, and 1/109 of that is in the mean over the disc."""
    images = field(6, **KINDS[kind])
    y, x = np.indices(SHAPE)
    discs = np.stack([np.hypot(y - 20, x - 20) < 6, np.hypot(y - 44, x - 40) < 6])
    assert discs[0].sum() == 109
    wave = 0.3 * np.sqrt(2) * np.sin(2 * np.pi * 10 * np.arange(400) / 400)
    velocity = (images + discs[0][..., None] * wave).astype(np.float32).reshape(-1, 400)
    found = measured(images, snr_ceiling_db=60.0)
    moving, still = noise.power_over_noise(found, discs, velocity)
    assert still == pytest.approx(1, abs=0.5)
    assert moving > 2.5
    if kind == "white":
        assert moving == pytest.approx(1 + 0.09 * 109 / 0.3, rel=0.1)
    assert noise.power_over_noise(found, discs[:0], velocity).shape == (0,)


def test_ceiling_adds_white_noise():
    """10 dB: a tenth of the power is added."""
    white = field(4)
    without, added = (np.sum(measured(white, ceiling).into_band ** 2) for ceiling in (90.0, 10.0))
    assert without / added == pytest.approx(1.1, rel=0.01)


def test_noise_that_is_added_is_even():
    """0 dB: as much is added as there is. Variances of 0.5 and 1.5 become 0.75 and 1.25."""
    images = field(4)
    images[:32] *= np.sqrt(0.5)
    images[32:] *= np.sqrt(1.5)
    found = measured(images, 0.0).sd
    assert [np.mean(half**2) for half in (found[:32], found[32:])] == pytest.approx([0.75, 1.25], rel=0.02)


def test_the_edge_is_raised_for_what_is_not_known_of_the_noise():
    """Above 80 of 200 Hz are 240 of 400 samples of a pixel: by 0.02 + 2 / 240."""
    found = measured(field(5))
    at = noise.largest_eigenvalue(found.spectrum.ravel() ** 0.5, 120, noise.TRACY_WIDOM)
    assert found.edge / at == pytest.approx(1.02 + 2 / 240, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frame_rate_hz, n_frames", [(100.0, 25), (100.0, 400), (1000.0, 300)])
def test_no_component_at_other_rates_and_lengths(kind, frame_rate_hz, n_frames):
    images = field(5, n_frames=n_frames, shape=(40, 30), **KINDS[kind])
    found = measured(images, frame_rate_hz=frame_rate_hz)
    even = found.evened(images.reshape(-1, n_frames) @ found.into_band)
    assert np.linalg.norm(even, 2) ** 2 < found.edge


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_noise_alone_is_no_unit(kind):
    """100 sequences of each kind; about 20 s."""
    found = [
        TunedICA().find(Recording(field([77, k], **KINDS[kind]), frame_rate_hz=400.0, pixel_mm=0.625)).n_units
        for k in range(100)
    ]
    assert np.count_nonzero(found) <= 1
