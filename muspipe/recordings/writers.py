"""Recordings to files that `readers.load_recording` and any other program can read: HDF5, NumPy, MATLAB."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np

from muspipe.errors import InputError
from muspipe.recordings.recording import Recording

ENDINGS = (".h5", ".npz", ".mat")
"""Of the files that `write_recording` writes."""


def write_recording(path: Path, recording: Recording, about: dict | None = None) -> None:
    """Write `velocity` (H, W, T), `frame_rate_hz` and `pixel_mm` to a file of the kind that its ending says.

    about: descriptions of the `recording` and its `velocity`, kept in HDF5, where there is room for them. The caller
    makes the file appear whole or not at all (`simulator.shared.files.atomic_path`). InputError for another ending.
    """
    ending = path.suffix.lower()
    scalars = {"frame_rate_hz": recording.frame_rate_hz, "pixel_mm": recording.pixel_mm}
    if ending == ".h5":
        _write_hdf5(path, recording, scalars, about or {})
    elif ending == ".npz":
        np.savez(path, velocity=recording.velocity, **scalars)
    elif ending == ".mat":
        from scipy.io import savemat  # only here: it costs a tenth of a second

        savemat(path, {"velocity": recording.velocity, **scalars}, appendmat=False)
    else:
        raise InputError(f"{path}: expected a file ending in {', '.join(ENDINGS)}, got {ending or 'no ending'}")


def _write_hdf5(path, recording, scalars, about):
    image = io.BytesIO()  # a full disk then fails in one plain write, not somewhere inside HDF5
    with h5py.File(image, "w") as file:
        dataset = file.create_dataset("velocity", data=recording.velocity, track_times=False)
        dataset.attrs["axes"] = "y, x, frame"
        dataset.attrs["unit"] = recording.velocity_unit
        dataset.attrs["description"] = about.get("velocity", "tissue velocity (H, W, T)")
        file.attrs.update(scalars)
        file.attrs["description"] = about.get("recording", "ultrafast-ultrasound recording of a muscle")
    path.write_bytes(image.getbuffer())
