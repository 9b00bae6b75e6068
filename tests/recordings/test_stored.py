"""Velocity that stays in its file is the same as that which is read as a whole."""

import h5py
import numpy as np
import pytest

from muspipe import InputError, identify, load_recording
from muspipe.recordings import survey
from muspipe.recordings.stored import StoredVelocity


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(survey, "BLOCK_BYTES", 4 * 120 * 7)  # seven frames of the fixture `velocity`


def files(folder, velocity):
    """(path, axes) of files with this velocity, each in its own way."""
    attributes = {"frame_rate_hz": 400, "pixel_mm": 0.5}
    with h5py.File(folder / "plain.h5", "w") as file:
        file["velocity"] = velocity
        file.attrs.update(attributes)
    with h5py.File(folder / "time_first.h5", "w") as file:
        file.create_dataset("velocity", data=velocity.transpose(2, 0, 1).astype(">f8"), chunks=(9, 10, 12))
        file.attrs.update(attributes)
    with h5py.File(folder / "matlab.mat", "w") as file:
        file["velocity"] = velocity.T
        file["frame_rate_hz"], file["pixel_mm"] = [[400.0]], [[0.5]]
    np.save(folder / "plain.npy", velocity)
    return {"plain.h5": "HWT", "time_first.h5": "THW", "matlab.mat": "HWT", "plain.npy": "HWT"}


def test_parts_are_those_of_the_whole(tmp_path, velocity, small_blocks):
    velocity[2, 3] = np.nan
    for name, axes in files(tmp_path, velocity).items():
        given = {"frame_rate_hz": 400, "pixel_mm": 0.5} if name.endswith("npy") else {}
        whole = load_recording(tmp_path / name, axes=axes, **given)
        stored = load_recording(tmp_path / name, axes=axes, whole=False, **given)
        assert isinstance(stored.velocity, StoredVelocity) and isinstance(whole.velocity, np.ndarray)
        assert (stored.image_shape, stored.n_frames) == (whole.image_shape, whole.n_frames) == ((10, 12), 100)
        assert stored.source_sha256 == whole.source_sha256 and not stored.inside[2, 3]
        np.testing.assert_array_equal(stored.inside, whole.inside)
        np.testing.assert_array_equal(stored.velocity_rms, whole.velocity_rms)
        for part in (slice(0, 100), slice(33, 71)):
            read = stored.part(part, slice(1, 9), slice(2, 7))
            assert read.velocity.dtype == np.float32 and read.velocity.flags.c_contiguous
            np.testing.assert_array_equal(read.velocity, whole.velocity[1:9, 2:7, part])
            np.testing.assert_array_equal(read.inside, whole.inside[1:9, 2:7])


def test_what_is_in_memory_anyway_is_whole(tmp_path, velocity):
    np.savez(tmp_path / "a.npz", velocity=velocity, frame_rate_hz=400, pixel_mm=0.5)
    assert isinstance(load_recording(tmp_path / "a.npz", whole=False).velocity, np.ndarray)


def odd(velocity):
    velocity[3, 4, 57] = np.inf
    velocity[6, 1, 3:5] = np.nan


def still(velocity):
    velocity[:] = velocity[..., :1]


def absurd(velocity):
    velocity[1, 1, 80] = -1e20


@pytest.mark.parametrize("damage", [odd, still, absurd])
def test_errors_are_those_of_the_whole(tmp_path, velocity, small_blocks, damage):
    damage(velocity)
    files(tmp_path, velocity)
    messages = []
    for whole in (True, False):
        with pytest.raises(InputError) as caught:
            load_recording(tmp_path / "plain.h5", whole=whole)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    if damage is odd:
        assert "3 of 12000 values" in messages[0] and "row 3, column 4, frame 57" in messages[0]


def test_a_short_recording_gives_the_same_bytes(tmp_path, velocity, fake_method):
    files(tmp_path, velocity)
    for whole in (True, False):
        result = identify(load_recording(tmp_path / "plain.h5", whole=whole), "fake")
        result.save(tmp_path / f"{whole}.h5")
    assert (tmp_path / "True.h5").read_bytes() == (tmp_path / "False.h5").read_bytes()
