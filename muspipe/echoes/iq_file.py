"""The file in which muspipe keeps IQ: HDF5, frame after frame, so that it can be read a block at a time.

| where | what |
|---|---|
| dataset `iq` | complex64 (T, H, W): frame, depth, width; its attribute `axes` is "THW" |
| attributes of the root | those of `ATTRIBUTES` |
"""

from __future__ import annotations

import math

import numpy as np

from muspipe import __version__
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.options import SPEED_OF_SOUND_M_S, Scan
from simulator.shared.files import atomic_path, plain_oserror, require_space

FORMAT = "muspipe iq"
FORMAT_VERSION = 1
ATTRIBUTES = {
    "format": "always 'muspipe iq'",
    "format_version": "integer, raised when older readers could misread the file",
    "description": "what this is, for whoever opens it",
    "centre_frequency_hz": "centre frequency of the pulse [Hz]",
    "prf_hz": "frames a second [Hz]",
    "speed_of_sound_m_s": "speed of sound [m/s]",
    "pixel_mm": "distance between samples in depth and in width [mm]",
    "first_depth_mm": "depth of the first sample [mm]",
    "carrier": "'removed', as the phase along the depth has been brought to 0 Hz",
    "muspipe_version": "version that made the file",
}
"""Every attribute of the root of an IQ file."""
BLOCK_FRAMES = 32
HEADER_BYTES = 1 << 20
"""More than all but the samples takes."""


def write_iq(
    path,
    iq: np.ndarray,
    *,
    centre_frequency_hz: float,
    prf_hz: float,
    pixel_mm: tuple[float, float],
    speed_of_sound_m_s: float = SPEED_OF_SOUND_M_S,
    first_depth_mm: float = 0.0,
    description: str = "beamformed IQ of a muscle",
) -> None:
    """Write complex IQ (H, W, T) - depth, width, frames - as an .h5 file, whole or not at all.

    The phase of an echo grows where the tissue comes towards the transducer: exp(-4j pi fc u / c) at displacement u
    away from it. pixel_mm: distance between samples in depth and in width; first_depth_mm: depth of the first row.
    Velocity image t is the mean velocity between frames t and t + 1, so T + 1 frames make T images.
    Raises InputError for echoes that `muspipe velocity` would refuse, OSError where the file cannot be written.
    """
    scan = Scan(
        centre_frequency_hz=centre_frequency_hz,
        prf_hz=prf_hz,
        pixel_mm=pixel_mm,
        speed_of_sound_m_s=speed_of_sound_m_s,
        first_depth_mm=first_depth_mm,
    )
    write_echoes(path, Echoes.of(iq, scan), description)


def write_echoes(path, echoes: Echoes, description: str) -> None:
    """The same of echoes whose frames are read a block at a time, in order."""
    import h5py

    scan = echoes.scan
    with atomic_path(path) as temporary, plain_oserror(path):
        require_space(temporary, 8 * math.prod(echoes.samples.shape) + HEADER_BYTES)
        with h5py.File(temporary, "w") as file:
            dataset = file.create_dataset("iq", echoes.samples.shape, np.complex64, track_times=False)
            for start in range(0, echoes.n_frames, BLOCK_FRAMES):
                stop = min(start + BLOCK_FRAMES, echoes.n_frames)
                dataset[start:stop] = echoes.read(start, stop)
            dataset.attrs.update({"axes": "THW", "unit": "a.u.", "description": "complex echo (frame, depth, width)"})
            values = {name: getattr(scan, name) for name in ATTRIBUTES if hasattr(scan, name)}
            file.attrs.update(
                {"format": FORMAT, "format_version": FORMAT_VERSION, "description": description, **values}
            )
            file.attrs["muspipe_version"] = __version__
