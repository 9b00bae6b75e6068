"""Recordings to files that `readers.load_recording` and any other program can read: HDF5, NumPy, MATLAB."""

from __future__ import annotations

import io

import h5py
import numpy as np

from muspipe.recordings.recording import Recording


def write_hdf5(path, recording: Recording, about: dict) -> None:
    """Dataset `velocity` and attributes that explain it. about: descriptions of the `recording` and its `velocity`."""
    image = io.BytesIO()  # a full disk then fails in one plain write, not somewhere inside HDF5
    with h5py.File(image, "w") as file:
        dataset = file.create_dataset("velocity", data=recording.velocity, track_times=False)
        dataset.attrs["axes"] = "y, x, frame"
        dataset.attrs["unit"] = recording.velocity_unit
        dataset.attrs["description"] = about["velocity"]
        file.attrs.update(_scalars(recording))
        file.attrs["description"] = about["recording"]
    path.write_bytes(image.getbuffer())


def write_npz(path, recording: Recording, about: dict) -> None:
    """Arrays `velocity`, `frame_rate_hz`, `pixel_mm`; there is no place for descriptions."""
    np.savez(path, velocity=recording.velocity, **_scalars(recording))


def write_mat(path, recording: Recording, about: dict) -> None:
    """MATLAB v5 variables `velocity`, `frame_rate_hz`, `pixel_mm`; there is no place for descriptions."""
    from scipy.io import savemat  # only here: it costs a tenth of a second

    savemat(path, {"velocity": recording.velocity, **_scalars(recording)}, appendmat=False)


def _scalars(recording):
    return {"frame_rate_hz": recording.frame_rate_hz, "pixel_mm": recording.pixel_mm}


WRITERS = {".h5": write_hdf5, ".npz": write_npz, ".mat": write_mat}
"""File ending -> writer(path, recording, about). The caller makes files appear whole or not at all
(`simulator.shared.files.atomic_path`)."""
