"""What is done block by block is what would be done at once."""

import numpy as np
import pytest

from muspipe import InputError
from muspipe.echoes import velocity
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.filters import decimation_taps, filter_velocity, without_clutter
from muspipe.echoes.options import VelocityOptions
from muspipe.echoes.streams import convolved
from muspipe.echoes.velocity import measure
from muspipe.echoes.windows import weights
from tests.echoes.phantom import SCAN, noise, phase, positions_mm, speckle


def in_blocks(series, n):
    return [series[start : start + n] for start in range(0, len(series), n)]


@pytest.mark.parametrize("n", [1, 4, 7, 50])
@pytest.mark.parametrize(
    ("taps", "stride"), [([1.0], 1), ([1.0], 3), ([1.0, 2, 1], 1), ([1.0] * 9, 4), ([1.0] * 41, 3)]
)
def test_weighted_means_in_blocks(n, taps, stride):
    series = np.random.default_rng(1).standard_normal((50, 2, 3)).astype(np.float32)
    found = np.concatenate(list(convolved(in_blocks(series, n), np.array(taps), stride)))
    kernel = np.array(taps)[::-1]

    def full(x):
        return np.convolve(x, kernel)[len(taps) // 2 :][:50]

    expected = np.apply_along_axis(full, 0, series) / full(np.ones(50))[:, None, None]
    np.testing.assert_allclose(found, expected[::stride], atol=1e-5)


def test_windows_on_paper():
    """Four samples of 1 mm, two pixels of 2 mm: a window of 2 mm is two samples, one of 3 mm half of a third, too."""
    np.testing.assert_array_equal(weights(4, 1.0, 2, 2.0, 2.0), [[1, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_array_equal(weights(4, 1.0, 2, 2.0, 3.0), [[1, 1, 0.5, 0], [0, 0.5, 1, 1]])
    np.testing.assert_array_equal(weights(4, 1.0, 4, 1.0, 0.1), np.eye(4))


def tone(frequency_hz, rate_hz, n):
    return np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate_hz)


@pytest.mark.parametrize("factor", [2, 5, 12])
def test_decimation_keeps_twitches_and_stops_what_would_be_folded_onto_them(factor):
    def level(frequency_hz):
        series = tone(frequency_hz, 400 * factor, 1600 * factor)[:, None]
        kept = np.concatenate(list(convolved(in_blocks(series, 100), decimation_taps(factor), factor)))
        assert len(kept) == 1600
        return np.sqrt(2 * np.mean(kept[100:-100] ** 2))

    assert all(level(frequency_hz) == pytest.approx(1, abs=0.01) for frequency_hz in (10, 60, 119))
    assert all(level(frequency_hz) < 0.002 for frequency_hz in (201, 380, 395))


def test_drift_and_band_are_taken_off_in_place_without_delay():
    def filtered(frequency_hz, **wanted):
        series = np.tile(tone(frequency_hz, 400, 2000), (9, 2, 1)).astype(np.float32)
        filter_velocity(series, 400.0, wanted.get("drift_hz", 0.0), wanted.get("band_hz"))
        return series[4, 1]

    inner = slice(400, -400)
    assert np.abs(filtered(0.3, drift_hz=2.0)[inner]).max() < 0.01
    np.testing.assert_allclose(filtered(15, drift_hz=2.0)[inner], tone(15, 400, 2000)[inner], atol=0.01)
    np.testing.assert_allclose(filtered(12, band_hz=(5, 30))[inner], tone(12, 400, 2000)[inner], atol=0.05)
    assert np.abs(filtered(1, band_hz=(5, 30))[inner]).max() < 0.01
    assert np.abs(filtered(100, band_hz=(5, 30))[inner]).max() < 0.02
    np.testing.assert_array_equal(filtered(12), tone(12, 400, 2000).astype(np.float32))
    with pytest.raises(InputError, match="band_hz: expected less than half of 400 Hz, got 250 Hz"):
        filtered(12, band_hz=(5, 250))


def test_clutter_that_stands_still_is_taken_off():
    rng = np.random.default_rng(2)
    still, moving = (
        speckle(rng, (40, 20)),
        speckle(rng, (40, 20))[..., None] * phase(positions_mm(np.full(199, 4.0), 400.0)),
    )
    iq = np.moveaxis(moving + 3 * still[..., None], 2, 0).astype(np.complex64)
    for n in (7, 200):  # frames a block
        left = np.concatenate(list(without_clutter(in_blocks(iq, n), 10.0, 400.0)))
        assert left.dtype == np.complex64
        assert np.mean(np.abs(left[100:] - np.moveaxis(moving, 2, 0)[100:]) ** 2) < 0.2  # of 9 of the clutter
    echoes = Echoes.of(np.moveaxis(iq, 0, 2), SCAN)
    found = [measure(echoes, VelocityOptions(clutter_hz=hz, image_pixel_mm=0.45)).recording for hz in (0, 10)]
    plain, cleaned = (recording.velocity[..., 100:].mean() for recording in found)
    assert plain < 1.5 and cleaned == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    "options", [{}, {"estimator": "loupas"}, {"ensemble_frames": 4, "analysis_hz": 130}, {"clutter_hz": 5}]
)
def test_velocity_does_not_depend_on_the_blocks(monkeypatch, options):
    rng = np.random.default_rng(3)
    iq = speckle(rng, (40, 30))[..., None] * phase(positions_mm(tone(10, 400, 150) * 3, 400.0))
    echoes = Echoes.of(iq + noise(rng, iq.shape, 20), SCAN)
    found, n_done = [], []
    for n_bytes in (1, 8 * 1200 * 13, 1 << 30):
        monkeypatch.setattr(velocity, "BLOCK_BYTES", n_bytes)
        measured = measure(echoes, VelocityOptions(image_pixel_mm=0.45, **options), n_done.append)
        found.append(measured)
    assert sum(n_done) == 3 * 151
    for other in found[1:]:
        np.testing.assert_allclose(other.recording.velocity, found[0].recording.velocity, atol=2e-4)
        np.testing.assert_allclose(other.findings.quality, found[0].findings.quality, atol=1e-5)
