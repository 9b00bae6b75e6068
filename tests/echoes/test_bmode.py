"""The B-mode image of echoes: levels and places that the test knows, and its way into a result."""

import numpy as np
import pytest

from muspipe import InputError, Recording, Result, identify, load_recording
from muspipe.cli import main
from muspipe.echoes.bmode import bmode_of
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.iq_file import write_iq
from muspipe.echoes.options import Scan
from tests.echoes.phantom import noise, phase, positions_mm, speckle

SCAN = Scan(centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=(0.2, 0.4))


def echoes(power, n_frames=101):
    """Echoes (H, W) of that power in each sample, the same in all frames."""
    return Echoes.of(np.repeat(np.sqrt(power).astype(complex)[..., None], n_frames, axis=2), SCAN)


def test_levels_and_places():
    """Samples of 0.2 x 0.4 mm, velocity of 0.8 mm: four fine pixels a sample in depth and two in width, where each
    covers one sample."""
    power = np.full((40, 20), 1e-9)  # 90 dB below: black
    power[3, 5], power[30, 18] = 1.0, 10**-2.4  # 24 dB below: three fifths of 60 dB are left
    image = bmode_of(echoes(power), 0.8)
    assert image.shape == (40, 20) and image.dtype == np.uint8
    expected = np.zeros((40, 20))
    expected[3, 5], expected[30, 18] = 255, 153
    np.testing.assert_array_equal(image, expected)
    assert not bmode_of(echoes(np.zeros((40, 20))), 0.8).any()


def test_at_most_four_pixels_to_one_of_the_velocity():
    """1.6 mm: two samples in depth are one pixel."""
    power = np.full((80, 40), 1e-9)
    power[3, 5], power[30, 18] = 1.0, 10**-2.4
    coarse = bmode_of(echoes(power), 1.6)
    assert coarse.shape == (40, 40) and coarse[1, 5] == 255 and coarse[15, 18] == 153 and (coarse > 0).sum() == 2


def test_a_stronger_tissue_is_brighter_by_its_decibels():
    rng = np.random.default_rng(1)
    tissue = np.ones((160, 80))
    tissue[80:] = 10  # 20 dB
    iq = np.repeat(speckle(rng, tissue.shape, SCAN, tissue)[..., None], 101, axis=2)
    image = bmode_of(Echoes.of(iq + noise(rng, iq.shape, 40), SCAN), 0.8)
    above, below = image[10:70].mean(), image[90:150].mean()
    assert (below - above) * 60 / 255 == pytest.approx(20, abs=1.5)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    rng = np.random.default_rng(2)
    moved = phase(positions_mm(3 * np.sin(np.arange(129) / 6), 400.0))
    iq = speckle(rng, (40, 24), SCAN)[..., None] * moved
    path = tmp_path_factory.mktemp("iq") / "iq.h5"
    taken = {"centre_frequency_hz": 7.8e6, "prf_hz": 400.0, "pixel_mm": (0.2, 0.4)}
    write_iq(path, iq + noise(rng, iq.shape, 30), **taken)
    return path


def test_it_goes_with_the_recording_into_the_result(file, tmp_path, fake_method):
    direct = load_recording(file)
    assert direct.image_shape == (13, 15) and direct.bmode.shape == (39, 30) and direct.bmode.max() == 255
    assert main(["velocity", str(file), "--out", str(tmp_path / "velocity.h5")]) == 0
    np.testing.assert_array_equal(load_recording(tmp_path / "velocity.h5").bmode, direct.bmode)
    turned = load_recording(tmp_path / "velocity.h5", axes="WHT")
    np.testing.assert_array_equal(turned.bmode, direct.bmode.T)
    identify(direct, method="fake").save(tmp_path / "result.h5")
    np.testing.assert_array_equal(Result.load(tmp_path / "result.h5").bmode, direct.bmode)


def test_what_is_no_image_of_bytes(velocity, tmp_path):
    with pytest.raises(InputError, match="bmode: expected an image of uint8, got float64 of shape .3, 4."):
        Recording(velocity, 400, 0.5, bmode=np.zeros((3, 4)))
    # In a file it is somebody else's and left alone.
    np.savez(tmp_path / "a.npz", velocity=velocity, bmode=np.ones((3, 4)), frame_rate_hz=400, pixel_mm=0.5)
    assert load_recording(tmp_path / "a.npz").bmode is None
