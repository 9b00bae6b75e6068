"""The file of velocity estimated from echoes: a recording that `load_recording` takes, and where it comes from."""

from __future__ import annotations

import dataclasses
import json

import h5py
import numpy as np

from muspipe import __version__
from muspipe.echoes.velocity import UNIT, Findings, Plan, measure_into
from muspipe.recordings.recording import BMODE_DB
from muspipe.recordings.stored import CHUNK_FRAMES, HEADER_BYTES
from simulator.shared.files import atomic_path, plain_oserror, require_space

FORMAT = "muspipe velocity"
FORMAT_VERSION = 1
DATASETS = {
    # name: (axes, unit, description)
    "velocity": ("y, x, frame", UNIT, "tissue velocity along the beam (H, W, T)"),
    "quality": ("y, x", "1", "coherence, 0-1: the share of the echoes' power that is alike from frame to frame"),
    "bmode": (
        "row, column",
        "1",
        f"brightness of the first frames' echoes over the field of the images: 255 is the brightest, 0 what is "
        f"{BMODE_DB:g} dB or more below",
    ),
}
ATTRIBUTES = {
    "format": "always 'muspipe velocity'",
    "format_version": "integer, raised when older readers could misread the file",
    "frame_rate_hz": "velocity images a second [Hz]",
    "pixel_mm": "side of a pixel [mm]",
    "first_image_s": "instant of the first image, from the first frame of the echoes on [s]",
    "first_depth_mm": "depth of the first sample of the echoes [mm]; the middle of the images is that of the echoes",
    "options": "how the velocity was estimated, JSON",
    "scan": "how the echoes were taken, JSON",
    "near_limit_share": "of the velocities, those near the aliasing limit",
    "warnings": "what makes the velocity doubtful, JSON",
    "source_name": "name of the file of echoes",
    "source_sha256": "SHA-256 of that file's bytes, hexadecimal",
    "muspipe_version": "version that made the file",
}
"""Every attribute of the root of a velocity file."""


def write_velocity(path, plan: Plan, progress=lambda n_frames: None) -> Findings:
    """Estimate velocity into an .h5 file, image after image, so that memory does not grow with the recording; whole or
    not at all. Raises InputError for echoes that cannot be used, OSError where the file cannot be written."""
    height, width, n_images = plan.shape
    with atomic_path(path) as temporary, plain_oserror(path):
        require_space(temporary, 4 * height * width * (n_images + CHUNK_FRAMES) + HEADER_BYTES)
        with h5py.File(temporary, "w") as file:
            chunks = height, width, min(CHUNK_FRAMES, n_images)
            velocity = file.create_dataset("velocity", plan.shape, np.float32, chunks=chunks, track_times=False)
            findings = measure_into(velocity, plan, progress)
            for name in ("quality", "bmode"):
                file.create_dataset(name, data=getattr(findings, name), track_times=False)
            for name, (axes, unit, description) in DATASETS.items():
                file[name].attrs.update({"axes": axes, "unit": unit, "description": description})
            file.attrs.update(_attributes(plan, findings))
    return findings


def _attributes(plan, findings):
    """Values of ATTRIBUTES."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "frame_rate_hz": plan.frame_rate_hz,
        "pixel_mm": plan.options.image_pixel_mm,
        "first_image_s": plan.first_image_s,
        "first_depth_mm": plan.echoes.scan.first_depth_mm,
        "options": json.dumps(dataclasses.asdict(plan.options)),
        "scan": json.dumps(dataclasses.asdict(plan.echoes.scan)),
        "near_limit_share": findings.near_limit_share,
        "warnings": json.dumps(findings.warnings),
        "source_name": plan.echoes.source_name,
        "source_sha256": plan.echoes.source_sha256,
        "muspipe_version": __version__,
    }
