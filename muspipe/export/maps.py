"""Spike-triggered velocity as an HDF5 file that explains itself."""

from __future__ import annotations

import h5py
import numpy as np

from muspipe.evaluation.triggered import TriggeredMaps
from muspipe.recordings.recording import Recording
from simulator.shared.files import atomic_path


def save_maps(path, maps: TriggeredMaps, recording: Recording, labels: list[str], partners: dict[int, int]) -> None:
    """Write the maps of m units of a reference. labels: their names; partners: {index in the reference: index in the
    result}. Whole or not at all."""
    units = np.array([partners.get(i, -1) + 1 for i in range(len(labels))], np.int64)
    velocity = recording.velocity_unit
    table = {
        # name: (array, axes, unit, description)
        "averages": (maps.averages, "reference unit, lag, height, width", velocity, "mean images after a firing"),
        "maps": (maps.maps, "reference unit, height, width", velocity, "the mean image at map_lags"),
        "map_lags": (maps.lags_s[maps.best], "reference unit", "s", "lag at which some tissue contracts most clearly"),
        "deviations": (maps.deviations, "height, width", velocity, "SD of each pixel's velocity over the recording"),
        "lags": (maps.lags_s, "lag", "s", "time after the firing"),
        "n_averaged": (maps.n_averaged, "reference unit", "1", "firings that were averaged"),
        "units": (units, "reference unit", "1", "number of the paired unit in the result, from 1; 0: none"),
    }
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, (array, axes, unit, description) in table.items():
            packed = {"compression": "gzip", "shuffle": True} if array.ndim > 1 and array.size else {}
            dataset = file.create_dataset(name, data=array, **packed)
            dataset.attrs.update({"unit": unit, "axes": axes, "description": description})
        names = file.create_dataset("labels", data=labels, dtype=h5py.string_dtype())
        names.attrs.update({"axes": "reference unit", "description": "what the reference calls its units"})
        file.attrs.update({"format": "muspipe maps", "pixel_mm": recording.pixel_mm})
        file.attrs["frame_rate_hz"] = recording.frame_rate_hz
        file.attrs["source_sha256"] = recording.source_sha256
