"""IQ and RF in every kind of file, and every way in which they can be wrong."""

import dataclasses
import errno
import re
import tracemalloc
import warnings

import h5py
import numpy as np
import pytest
import scipy.io

from muspipe import InputError, identify, load_recording
from muspipe.echoes import samples, velocity
from muspipe.echoes.iq_file import write_iq
from muspipe.echoes.options import Scan
from muspipe.echoes.readers import open_echoes
from muspipe.echoes.velocity import measure
from muspipe.progress import listening
from muspipe.recordings import survey
from tests.echoes.phantom import SCAN, noise, phase, positions_mm, shifted_rf, speckle

TAKEN = {"centre_frequency_hz": 7.8e6, "prf_hz": 400.0, "pixel_mm": [0.2, 0.4]}
SINE_MM_S = 3 * np.sin(2 * np.pi * 10 * (np.arange(129) + 0.5) / 400)


@pytest.fixture(scope="module")
def iq():
    """complex64 (40, 20, 130); no two axes are alike."""
    rng = np.random.default_rng(1)
    scan = dataclasses.replace(SCAN, pixel_mm=(0.2, 0.4))
    echo = speckle(rng, (40, 20), scan)[..., None] * phase(positions_mm(SINE_MM_S, 400.0))
    return (echo + noise(rng, echo.shape, 30)).astype(np.complex64)


def matlab_73(path, **variables):
    """As MATLAB writes v7.3: axes reversed, complex numbers as pairs of fields."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            value = np.atleast_2d(value).T
            if value.dtype.kind == "c":
                pairs = np.zeros(value.shape, [("real", "f4"), ("imag", "f4")])
                pairs["real"], pairs["imag"], value = value.real, value.imag, pairs
            file.create_dataset(name, data=value, chunks=True, compression="gzip" if value.size > 9 else None)
            file[name].attrs["MATLAB_class"] = np.bytes_("single")
    with open(path, "rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write(kind, folder, iq):
    """The same echoes in a file of some kind; returns (path, options that it needs)."""
    both = np.stack([iq.real, iq.imag], axis=-1)
    form, _, shape = kind.partition(" ")
    arrays = {"": {"iq": iq}, "last": {"iq": both}, "two": {"I": iq.real, "Q": iq.imag}, "odd": {"data": iq}}.get(shape)
    path = folder / f"a.{form.removesuffix('73')}"
    if kind == "h5 ours":
        write_iq(path, iq, **TAKEN)
    elif form == "h5":
        with h5py.File(path, "w") as file:
            file.update(arrays)
            file.attrs.update(TAKEN)
    elif form == "npz":
        np.savez(path, **arrays, **TAKEN)
    elif form == "mat":
        scipy.io.savemat(path, arrays | TAKEN)
    elif form == "mat73":
        matlab_73(path, **arrays, **TAKEN)
    else:
        np.save(path, iq if shape == "" else both)
        return path, TAKEN
    return path, {}


KINDS = (
    "h5 ours",
    *(f"{form}{shape}" for form in ("h5", "npz", "mat", "mat73") for shape in ("", " last", " two", " odd")),
)


@pytest.mark.parametrize("kind", [*KINDS, "npy", "npy last"])
def test_every_kind_of_file_gives_the_same_echoes(tmp_path, iq, kind):
    path, options = write(kind, tmp_path, iq)
    with open_echoes(path, **options) as echoes:
        assert (echoes.n_frames, echoes.frame_shape) == (130, (40, 20))
        for start, stop in ((0, 8), (3, 130), (100, 110)):
            np.testing.assert_array_equal(echoes.read(start, stop), np.moveaxis(iq, 2, 0)[start:stop])
        assert echoes.scan == Scan(**TAKEN) and echoes.scan.pixel_mm == (0.2, 0.4)
        assert echoes.source_name == path.name and len(echoes.source_sha256) == 64


@pytest.mark.parametrize("kind", ["h5", "mat73", "h5 ours"])
def test_files_are_read_in_pieces_that_need_not_fit_the_blocks(tmp_path, iq, kind, monkeypatch):
    monkeypatch.setattr(samples, "AHEAD_BYTES", 1)
    monkeypatch.setattr(samples, "ACROSS_BYTES", 7 * 8 * 800)
    path, _ = write(kind, tmp_path, iq)
    with open_echoes(path) as echoes:
        np.testing.assert_array_equal(echoes.read(5, 128), np.moveaxis(iq, 2, 0)[5:128])
        np.testing.assert_array_equal(echoes.read(2, 4), np.moveaxis(iq, 2, 0)[2:4])


@pytest.mark.parametrize("axes", ["THW", "TWH", "wht"])
def test_axes_of_the_option_and_of_the_attribute(tmp_path, iq, axes):
    turned = iq.transpose(["HWT".index(letter) for letter in axes.upper()])
    np.savez(tmp_path / "a.npz", iq=turned, **TAKEN)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["iq"] = turned
        file["iq"].attrs["axes"] = axes
        file["iq"].attrs.update(TAKEN)
    for name, given in (("a.npz", axes), ("a.h5", None)):
        with open_echoes(tmp_path / name, axes=given) as echoes:
            np.testing.assert_array_equal(echoes.read(0, 130), np.moveaxis(iq, 2, 0))


def test_options_override_the_file(tmp_path, iq):
    path, _ = write("h5 ours", tmp_path, iq)
    with open_echoes(path, prf_hz=500.0, pixel_mm=0.3) as echoes:
        assert echoes.scan == Scan(centre_frequency_hz=7.8e6, prf_hz=500.0, pixel_mm=(0.3, 0.3))


@pytest.mark.parametrize("kind", ["h5 ours", "npz", "mat two", "mat73 last"])
def test_options_that_take_the_place_of_what_the_file_says_are_told(tmp_path, iq, kind):
    path, _ = write(kind, tmp_path, iq)
    said = re.escape(
        f"{path}: taken as given: prf_hz 500 instead of the file's 400, pixel_mm 0.3 instead of the file's 0.2 x 0.4"
    )
    with pytest.warns(UserWarning, match=f"^{said}$") as noticed:
        assert load_recording(path, frame_rate_hz=500.0, pixel_mm=0.3).frame_rate_hz == 500
    assert len(noticed) == 1


def test_integers_are_taken_and_a_kept_sampling_rate_does_not_make_rf_of_iq(tmp_path, iq):
    scaled = np.round(1000 * np.stack([iq.real, iq.imag], axis=-1)).astype(np.int16)
    np.savez(tmp_path / "a.npz", iq=scaled, sampling_rate_hz=31.2e6, **TAKEN)
    with open_echoes(tmp_path / "a.npz") as echoes:
        np.testing.assert_allclose(echoes.read(0, 130) / 1000, np.moveaxis(iq, 2, 0), atol=1e-3)
        assert echoes.scan.pixel_mm == (0.2, 0.4)


@pytest.mark.parametrize("kind", ["h5 ours", "npz", "mat two", "mat73 last"])
def test_a_file_of_echoes_is_a_recording(tmp_path, iq, kind, fake_method):
    path, _ = write(kind, tmp_path, iq)
    recording = load_recording(path)
    assert recording.velocity.shape == (13, 13, 129)
    assert (recording.frame_rate_hz, recording.pixel_mm, recording.velocity_unit) == (400.0, 0.625, "mm/s")
    np.testing.assert_allclose(recording.velocity.mean(axis=(0, 1)), SINE_MM_S, atol=0.1)
    with open_echoes(path) as echoes:
        np.testing.assert_array_equal(recording.velocity, measure(echoes).recording.velocity)
        assert recording.source_sha256 == echoes.source_sha256
    assert identify(recording, method="fake").n_units == 1


def test_rf_is_a_recording(tmp_path):
    rng = np.random.default_rng(2)
    scan = Scan(centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=0.4, sampling_rate_hz=31.2e6)
    rf = shifted_rf(rng, (300, 20), positions_mm(SINE_MM_S, 400.0), scan, 7.8e6)
    taken = TAKEN | {"pixel_mm": 0.4, "sampling_rate_hz": 31.2e6}
    np.savez(tmp_path / "a.npz", rf=rf, **taken)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["RF"] = rf
        file.attrs.update(taken)
    for name in ("a.npz", "a.h5"):
        recording = load_recording(tmp_path / name)
        assert recording.velocity.shape == (12, 13, 129)
        np.testing.assert_allclose(recording.velocity[1:-1].mean(axis=(0, 1)), SINE_MM_S, atol=0.15)


# What cannot be used


def refused(path, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        with open_echoes(path, **options) as echoes:
            measure(echoes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lacking", ["prf_hz", "centre_frequency_hz", "pixel_mm"])
def test_what_is_not_said_is_asked_for(tmp_path, iq, lacking):
    np.savez(tmp_path / "a.npz", iq=iq, **{name: value for name, value in TAKEN.items() if name != lacking})
    option = "--" + lacking.replace("_", "-")
    refused(tmp_path / "a.npz", rf"a\.npz: {lacking} is missing.*{option}")
    with pytest.raises(InputError, match=rf"a\.npz: {lacking} is missing.*{option}"):
        load_recording(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prf_hz": "fast"}, r"prf_hz: expected a number from 100 to 100000 \[Hz\], got 'fast'"),
        ({"centre_frequency_hz": 7.8}, "centre_frequency_hz: expected a number from 500000"),
        ({"pixel_mm": [0.1, 0.2, 0.3]}, "pixel_mm: expected 2 values, each a number.* or a number"),
        ({"prf_hz": [400, 401]}, "prf_hz: expected a number"),
    ],
)
def test_what_is_said_wrongly(tmp_path, iq, changes, message):
    np.savez(tmp_path / "a.npz", iq=iq, **TAKEN | changes)
    refused(tmp_path / "a.npz", message)


def test_shapes_and_kinds_that_are_no_echoes(tmp_path, iq):
    for array, message in (
        (iq.real, r"a\.npz: iq: expected complex numbers.*got real ones.*sampling_rate_hz"),
        (iq[..., :2], "expected at least 0.25 s, got 0.0025 s at 400 Hz: 40 samples in depth, 20 in width, 2 frames"),
        (iq[0], "iq: expected complex depth x width x frames.*got complex numbers of shape .20, 130"),
        (np.abs(iq) + 0j, "imaginary part is 0 everywhere.*RF as real numbers"),
        (0 * iq, "the first 64 frames are 0 everywhere"),
        (np.repeat(iq[..., :1], 130, 2), "the first 64 frames are all alike"),
        (iq[:20, :10], "expected images of at least 8 x 8 px, got 6 x 6 px of 0.625 mm from 4 x 4 mm"),
        (iq[:5], "expected at least 8 samples in depth and in width, got 5 samples in depth"),
    ):
        np.savez(tmp_path / "a.npz", iq=array, **TAKEN)
        refused(tmp_path / "a.npz", message)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, iq, value):
    odd = iq.copy()
    odd[3, 4, 77] = value
    np.savez(tmp_path / "a.npz", iq=odd, **TAKEN)
    refused(tmp_path / "a.npz", r"a?\.?.*NaN or infinite values, the first at depth 3, width 4, frame 77")


@pytest.mark.parametrize("axes", ["THW", "TWH", "WTH", "HTW"])
def test_axes_in_another_order_are_noticed_unless_they_are_given(tmp_path, axes):
    rng = np.random.default_rng(5)
    echo = speckle(rng, (110, 105))[..., None] * phase(positions_mm(SINE_MM_S[:119], 400.0))
    iq = (echo + noise(rng, echo.shape, 10)).transpose(["HWT".index(letter) for letter in axes])
    np.savez(tmp_path / "a.npz", iq=iq.astype(np.complex64), **TAKEN)
    refused(tmp_path / "a.npz", r"axes seem to be in another order.*--axes THW")
    for given in (axes, "HWT"):
        with open_echoes(tmp_path / "a.npz", axes=given) as echoes:
            measure(echoes)


def test_aliased_motion_is_said(iq):
    scan = Scan(**TAKEN)
    fast = speckle(np.random.default_rng(6), (40, 20), scan)[..., None] * phase(positions_mm(6.5 * SINE_MM_S, 400.0))
    from muspipe.echoes.echoes import Echoes

    for echo, share in ((iq, 0.0), (fast, 0.3)):
        findings = measure(Echoes.of(echo, scan)).findings
        assert findings.near_limit_share == pytest.approx(share, abs=0.1)
        assert [("aliasing limit of 19.7 mm/s" in line) for line in findings.warnings] == [True] * (share > 0)


def test_quality_tells_echo_from_noise_and_from_nothing(iq):
    from muspipe.echoes.echoes import Echoes

    mixed = iq.copy()
    mixed[:20] = noise(np.random.default_rng(7), mixed[:20].shape, 0)
    mixed[-5:] = 0
    findings = measure(Echoes.of(mixed, Scan(**TAKEN))).findings
    assert findings.quality.shape == (13, 13) and findings.quality.dtype == np.float32
    assert findings.quality[8:10].min() > 0.98 and findings.quality[1:5].max() < 0.4 and findings.quality[-1].max() == 0
    assert any("no echo" in line for line in findings.warnings)
    assert any("hardly alike" in line for line in findings.warnings)


def test_pixels_without_echo_are_outside_and_doubts_are_warned_of(tmp_path, iq):
    sector = iq.copy()
    sector[:, :4] = 0
    write_iq(tmp_path / "a.h5", sector, **TAKEN)
    with pytest.warns(UserWarning, match=r"a\.h5: 15 % of the pixels have no echo"):
        recording = load_recording(tmp_path / "a.h5")
    np.testing.assert_array_equal(recording.inside, np.tile(np.arange(13) > 1, (13, 1)))


def kept(monkeypatch, n_frames):
    """Pieces of so many frames of the echoes of `iq` and of their velocity are in memory at a time."""
    monkeypatch.setattr(samples, "AHEAD_BYTES", 8 * 40 * 20 * n_frames)
    monkeypatch.setattr(velocity, "BLOCK_BYTES", 8 * 40 * 20 * n_frames)
    monkeypatch.setattr(survey, "BLOCK_BYTES", 4 * 13 * 13 * n_frames)


def test_velocity_that_waits_in_a_temporary_file_is_the_same(tmp_path, iq, monkeypatch):
    kept(monkeypatch, 16)
    sector = iq.copy()
    sector[:, :4] = 0
    write_iq(tmp_path / "a.h5", sector, **TAKEN)
    told = []
    with pytest.warns(UserWarning, match="no echo"), listening(lambda _, what: told.append(what)):
        whole, stored = (load_recording(tmp_path / "a.h5", whole=whole) for whole in (True, False))
    assert stored.is_stored and not whole.is_stored
    assert told[:2] == ["velocity of frame 1 of 130", "velocity of frame 17 of 130"]
    np.testing.assert_array_equal(stored.inside, whole.inside)
    np.testing.assert_array_equal(stored.bmode, whole.bmode)
    np.testing.assert_array_equal(stored.velocity_rms, whole.velocity_rms)
    np.testing.assert_array_equal(stored.part(slice(None)).velocity, whole.velocity)
    np.testing.assert_array_equal(stored.part(slice(33, 71), slice(1, 9)).velocity, whole.velocity[1:9, :, 33:71])
    assert (stored.source_sha256, str(stored)) == (whole.source_sha256, str(whole))


def test_memory_does_not_grow_with_the_length_of_echoes(tmp_path, iq, monkeypatch):
    kept(monkeypatch, 16)
    peaks = []
    for times in (1, 1, 8):  # at first what is imported is counted, too
        write_iq(tmp_path / f"{len(peaks)}.h5", np.tile(iq, times), **TAKEN)
        tracemalloc.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where copies meet, tissue jumps
            recording = load_recording(tmp_path / f"{len(peaks)}.h5", whole=False)
        assert recording.velocity_rms.shape == (13, 13)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert recording.n_frames == 8 * 130 - 1
    assert peaks[2] < 1.1 * peaks[1] < 0.5 * np.tile(iq, 8).nbytes


def test_no_room_for_a_temporary_file(tmp_path, iq, monkeypatch):
    write_iq(tmp_path / "a.h5", iq, **TAKEN)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 0\.0 GB of velocity \(No space.*TMPDIR"):
        load_recording(tmp_path / "a.h5", whole=False)


def test_several_arrays_that_may_be_meant(tmp_path, iq, velocity):
    np.savez(tmp_path / "a.npz", left=iq, right=iq, **TAKEN)
    refused(tmp_path / "a.npz", "several arrays may be IQ, left, right: .*--variable")
    with open_echoes(tmp_path / "a.npz", variable="right") as echoes:
        assert echoes.n_frames == 130
    np.savez(tmp_path / "a.npz", one=iq.real, two=iq.imag, **TAKEN)
    with open_echoes(tmp_path / "a.npz", variable="one, two") as echoes:
        np.testing.assert_array_equal(echoes.read(0, 130), np.moveaxis(iq, 2, 0))
    np.savez(tmp_path / "a.npz", I=iq.real, Q=iq.imag[1:], **TAKEN)
    refused(tmp_path / "a.npz", r"same shape for I and Q, got I \(40, 20, 130\) and Q \(39, 20, 130\)")
    np.savez(tmp_path / "a.npz", velocity=velocity, frame_rate_hz=400, pixel_mm=1)
    refused(tmp_path / "a.npz", "the file holds velocity: velocity already, which muspipe identify takes")


def test_rf_whose_numbers_contradict_each_other(tmp_path):
    rf = np.random.default_rng(3).standard_normal((300, 20, 130)).astype(np.float32)
    for changes, message in (
        ({"sampling_rate_hz": 31.2e6}, "pixel_mm: the sampling rate says 0.02468 mm in depth, got 0.2 mm"),
        ({"sampling_rate_hz": 16e6, "pixel_mm": 0.4}, "sampling_rate_hz: expected at least 2.2 times"),
    ):
        np.savez(tmp_path / "a.npz", rf=rf, **TAKEN | changes)
        refused(tmp_path / "a.npz", message)


@pytest.mark.parametrize("kind", ["h5 ours", "npz", "npy", "mat", "mat73"])
def test_truncated_files(tmp_path, iq, kind):
    path, options = write(kind, tmp_path, iq)
    whole = path.read_bytes()
    for length in (0, 7, 130, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            with open_echoes(path, **options) as echoes:
                measure(echoes)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_errors_of_the_caller_are_not_the_files(tmp_path, iq):
    path, _ = write("h5 ours", tmp_path, iq)
    with pytest.raises(RuntimeError, match="mine"), open_echoes(path):
        raise RuntimeError("mine")
