"""The IQ file: what stands in it, and what is refused."""

import h5py
import numpy as np
import pytest

from muspipe import InputError
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.iq_file import ATTRIBUTES, write_iq
from muspipe.echoes.options import Scan

TAKEN = {"centre_frequency_hz": 7.8e6, "prf_hz": 400.0, "pixel_mm": (0.1, 0.3), "first_depth_mm": 5.0}


@pytest.fixture
def iq():
    rng = np.random.default_rng(1)
    return (rng.standard_normal((20, 12, 120)) + 1j * rng.standard_normal((20, 12, 120))).astype(np.complex64)


def test_file_holds_frames_and_how_they_were_taken(tmp_path, iq):
    write_iq(tmp_path / "a.h5", iq, **TAKEN)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["iq"][()].transpose(1, 2, 0), iq)
        assert file["iq"].dtype == np.complex64 and file["iq"].attrs["axes"] == "THW"
        assert set(file.attrs) == set(ATTRIBUTES)
        assert {name: tuple(np.atleast_1d(file.attrs[name])) for name in TAKEN} == {
            name: tuple(np.atleast_1d(value)) for name, value in TAKEN.items()
        }
        assert file.attrs["speed_of_sound_m_s"] == 1540


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prf_hz": None}, "prf_hz is missing.*--prf-hz"),
        ({"centre_frequency_hz": None}, "centre_frequency_hz is missing"),
        ({"centre_frequency_hz": 7.8}, r"centre_frequency_hz: expected a number from 500000 to 5e\+07 \[Hz\], got 7.8"),
        ({"prf_hz": 50}, "prf_hz: expected a number from 100"),
        ({"prf_hz": 4000}, "expected at least 0.25 s, got 0.0297 s at 4000 Hz"),
        ({"pixel_mm": (0.1, 0)}, "pixel_mm: expected"),
        ({"speed_of_sound_m_s": 1.54}, "speed_of_sound_m_s: expected"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(tmp_path, iq, changes, message):
    with pytest.raises(InputError, match=message):
        write_iq(tmp_path / "a.h5", iq, **TAKEN | changes)
    assert list(tmp_path.iterdir()) == []


def test_samples_that_are_none(tmp_path, iq):
    for odd, message in (
        (iq.real, "expected complex numbers, .*got float32"),
        (iq[..., :2], "expected at least 0.25 s"),
        (iq[..., :100], "expected at least 0.25 s"),
        (iq[:4], "expected at least 8 samples in depth"),
        (iq[0], "depth x width x frames"),
    ):
        with pytest.raises(InputError, match=message):
            write_iq(tmp_path / "a.h5", odd, **TAKEN)
    iq[3, 4, 50] = np.nan
    with pytest.raises(InputError, match="first at depth 3, width 4, frame 50"):
        write_iq(tmp_path / "a.h5", iq, **TAKEN)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path, iq, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left on device.*a\.h5"):
        write_iq(tmp_path / "a.h5", iq, **TAKEN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("largest", [1e25, 1e300])
def test_values_that_are_too_large_are_one_line(largest):
    iq = np.ones((16, 8, 120), complex)
    iq[3, 4, 5] = largest
    with pytest.raises(InputError, match="expected values below 1e18|NaN or infinite values"):
        Echoes(np.moveaxis(iq, 2, 0), Scan(**TAKEN)).read(0, 120)
