"""Write, check and read shards (see schema.py), and the data set folders made of them.

>>> dataset = open_dataset("data", "train")
>>> len(dataset), dataset[7].n_units
(10000, 12)
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from simulator.config import SimulationConfig
from simulator.schema import FORMAT, SCHEMA_VERSION, TISSUE_SEED, VELOCITY, Field, fields_of
from simulator.sequence import MuscleSequence
from simulator.shared.errors import InputError
from simulator.shared.files import atomic_path, plain_oserror, sha256_of_file
from simulator.shared.hdf5 import open_hdf5

PER_UNIT = (
    "centres_mm",
    "diameters_mm",
    "delay_angles_rad",
    "firing_rates_hz",
    "contraction_times_s",
    "half_relaxation_ratios",
    "peak_velocities",
)
"""Fields of a shard that are attributes of MuscleSequence, first axis motor units."""

MANIFEST = "manifest.json"
OF_SHARD = {"file": str, "split": str, "first_index": int, "n_sequences": int, "sha256": str | None}
"""What the manifest says of a shard. sha256: none before it is written."""


def write_shard(path, sequences, *, config, seed, split, first_index, dense=False, snr_db=None):
    """Write MuscleSequences as one shard: whole or not at all, its bytes depending on the arguments alone.

    config: of the data set (that of a sequence may differ in n_units only); seed, split, first_index: where the
    sequences come from. dense adds the velocity images, with noise of `snr_db` [dB] (None: clean).
    Raises OSError when the file cannot be written.
    """
    origin = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "split": split,
        "first_index": first_index,
        "n_sequences": len(sequences),
        "dense": dense,
        "snr_db": float("inf") if snr_db is None else float(snr_db),
        "config": json.dumps(config.to_dict(), sort_keys=True),
    }
    digest = _start_digest(origin)
    arrays = _concatenate(sequences, config)
    with atomic_path(path) as temporary, plain_oserror(path), h5py.File(temporary, "w") as file:
        file.attrs.update(origin)
        for field in fields_of(config.varied, dense=False):
            array = np.ascontiguousarray(arrays[field.name], np.dtype(field.dtype))
            _describe(file.create_dataset(field.name, data=array, track_times=False), field)
            _add_to_digest(digest, field, array)
        if dense:
            shape = (len(sequences), *config.image_shape, config.n_frames)
            velocity = file.create_dataset(VELOCITY.name, shape, VELOCITY.dtype, track_times=False)
            _describe(velocity, VELOCITY)
            _add_to_digest(digest, VELOCITY, np.empty((0, *shape[1:]), VELOCITY.dtype))
            for i, sequence in enumerate(sequences):
                images = sequence.render(snr_db)
                velocity[i] = images
                digest.update(images)
        file.attrs["content_sha256"] = digest.hexdigest()


def _concatenate(sequences, config) -> dict[str, np.ndarray]:
    arrays = {name: np.concatenate([getattr(s, name) for s in sequences]) for name in PER_UNIT}
    for name in ("twitch_trains", "firings_s", "unit_of_firing"):
        arrays[name] = np.concatenate([getattr(s, name) for s in sequences])
    arrays["territories_packed"] = np.concatenate(
        [np.packbits(s.territories.reshape(s.n_units, np.prod(config.image_shape)), axis=1) for s in sequences]
    )
    arrays["unit_offsets"] = np.cumsum([0] + [s.n_units for s in sequences])
    arrays["firing_offsets"] = np.cumsum([0] + [len(s.firings_s) for s in sequences])
    arrays["n_units_range"] = np.array([s.config.n_units_range for s in sequences])
    arrays["synchronisation"] = np.array([s.synchronisation for s in sequences])
    arrays["noise_seed"] = np.array([s.noise_seed for s in sequences])
    if config.varied:
        arrays[TISSUE_SEED.name] = np.array([s.tissue_seed for s in sequences])
    return arrays


def _describe(dataset, field: Field):
    dataset.attrs["axes"] = ", ".join(field.axes)
    dataset.attrs["unit"] = field.unit
    dataset.attrs["description"] = field.description


def _start_digest(origin):
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode())


def _add_to_digest(digest, field, array):
    """Name, dtype and shape after the first axis, then the bytes: no two contents give the same input."""
    digest.update(f"\n{field.name} {field.dtype} {list(array.shape[1:])}\n".encode())
    digest.update(array)


class Shard:
    """One shard, memory-mapped: opening it takes no memory, and `[i]` reads only what sequence i is made of.

    Raises InputError when the file is missing, is not a shard, or is of another schema version. Threads may share it.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{path}: no such shard; simulate the data set again, finished shards are kept")
        try:
            with open_hdf5(self.path) as file:
                self.origin = {name: _plain(value) for name, value in file.attrs.items()}
                if self.origin.get("format") != FORMAT:
                    raise InputError(f"{path}: expected a shard of simulated sequences, got another HDF5 file")
                if self.origin["schema_version"] != SCHEMA_VERSION:
                    raise InputError(
                        f"{path}: expected schema version {SCHEMA_VERSION}, got {self.origin['schema_version']}; "
                        "simulate the data set again"
                    )
                self.config = _config_of(json.loads(self.origin["config"]), path)
                self._fields = fields_of(self.config.varied, self.origin["dense"])
                places = {field.name: _place(file, field) for field in self._fields}
            self._arrays = {name: self._map(*place) for name, place in places.items()}
        except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: truncated or damaged shard ({error}); delete it and simulate again") from error

    def __len__(self) -> int:
        return self.origin["n_sequences"]

    @property
    def n_units(self) -> np.ndarray:
        """Motor units of each sequence, int64 (N,)."""
        return np.diff(self._arrays["unit_offsets"])

    def __getitem__(self, i: int) -> MuscleSequence:
        """Sequence i as it was simulated; its territories and twitch trains are read, not computed again."""
        arrays = self._arrays
        units = slice(*(int(row) for row in arrays["unit_offsets"][i : i + 2]))
        firings = slice(*(int(row) for row in arrays["firing_offsets"][i : i + 2]))
        bounds = tuple(int(n) for n in arrays["n_units_range"][i])
        config = self.config
        if bounds != config.n_units_range:
            config = config.with_units(bounds[0] if bounds[0] == bounds[1] else bounds)
        sequence = MuscleSequence(
            config=config,
            **{name: np.array(arrays[name][units]) for name in PER_UNIT},
            synchronisation=float(arrays["synchronisation"][i]),
            firings_s=np.array(arrays["firings_s"][firings]),
            unit_of_firing=np.array(arrays["unit_of_firing"][firings]),
            noise_seed=int(arrays["noise_seed"][i]),
            tissue_seed=int(arrays[TISSUE_SEED.name][i]) if config.varied else None,
        )
        height_px, width_px = config.image_shape
        bits = np.unpackbits(arrays["territories_packed"][units], axis=1, count=height_px * width_px)
        # cached properties live in the instance's __dict__; filled here, they are never computed
        sequence.__dict__["territories"] = bits.view(bool).reshape(-1, height_px, width_px)
        sequence.__dict__["twitch_trains"] = np.array(arrays["twitch_trains"][units])
        return sequence

    def velocity(self, i: int) -> np.ndarray:
        """Stored images of sequence i, float32 (H, W, T). Raises InputError when the shard is not dense."""
        if VELOCITY.name not in self._arrays:
            raise InputError(f"{self.path}: holds no images; simulate with --dense, or use sequence.render()")
        return np.array(self._arrays[VELOCITY.name][i])

    def validate(self):
        """Compare the whole content with the checksum inside. Raises InputError when they differ."""
        digest = _start_digest({name: value for name, value in self.origin.items() if name != "content_sha256"})
        for field in self._fields:
            array = self._arrays[field.name]
            _add_to_digest(digest, field, array[:0])
            rows = 1 + (1 << 22) // max(1, array[:1].nbytes)  # blocks of some MB, so that memory stays small
            for begin in range(0, len(array), rows):
                digest.update(np.ascontiguousarray(array[begin : begin + rows]))
        if digest.hexdigest() != self.origin.get("content_sha256"):
            raise InputError(f"{self.path}: damaged: content and checksum differ; delete it and simulate again")

    def _map(self, offset, dtype, shape):
        if offset is None:  # HDF5 gives an empty dataset no place
            return np.empty(shape, dtype)
        return np.memmap(self.path, dtype, mode="r", offset=offset, shape=shape)


def _config_of(values, path) -> SimulationConfig:
    """Of the values in a file. InputError that names the file."""
    try:
        return SimulationConfig.from_dict(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _place(file, field: Field):
    """(offset in the file, dtype, shape) of an unfiltered, contiguous dataset."""
    dataset = file[field.name]
    if dataset.chunks is not None or dataset.dtype != np.dtype(field.dtype) or dataset.ndim != len(field.axes):
        raise ValueError(f"field {field.name} is not as schema version {SCHEMA_VERSION} has it")
    return dataset.id.get_offset(), dataset.dtype, dataset.shape


class Dataset:
    """One split of a data set folder, as a sequence of MuscleSequences: `len(d)`, `d[i]`, `d.n_units`."""

    def __init__(self, folder, split: str):
        self.folder = Path(folder)
        self.split = split
        self.manifest = read_manifest(self.folder)
        listed = [entry for entry in self.manifest["shards"] if entry["split"] == split]
        if not listed:
            splits = ", ".join(sorted({entry["split"] for entry in self.manifest["shards"]}))
            raise InputError(f"{folder}: no split {split!r}: expected one of {splits}")
        if any(entry["sha256"] is None for entry in listed):
            raise InputError(f"{folder}: split {split!r} is not finished; run the same `muspipe simulate` again")
        self.shards = [Shard(self.folder / entry["file"]) for entry in listed]
        self.config = _config_of(self.manifest["config"], self.folder / MANIFEST)
        for shard, entry in zip(self.shards, listed, strict=True):
            if (len(shard), shard.origin["first_index"], shard.origin["seed"], shard.config) != (
                entry["n_sequences"],
                entry["first_index"],
                self.manifest["seed"],
                self.config,
            ):
                raise InputError(f"{shard.path}: belongs to another data set; delete it and simulate again")
        self._listed = listed
        self._starts = np.cumsum([0] + [len(shard) for shard in self.shards])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _locate(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        index = int(index) % len(self)
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.shards[number], index - int(self._starts[number])

    def __getitem__(self, index: int) -> MuscleSequence:
        shard, i = self._locate(index)
        return shard[i]

    def velocity(self, index: int) -> np.ndarray:
        """Stored images of a sequence, float32 (H, W, T). Raises InputError when the data set is not dense."""
        shard, i = self._locate(index)
        return shard.velocity(i)

    @cached_property
    def n_units(self) -> np.ndarray:
        """Motor units of each sequence, int64 (N,)."""
        return np.concatenate([shard.n_units for shard in self.shards])

    def validate(self):
        """Compare every shard with its own checksum and the manifest's. Raises InputError at the first damage."""
        for shard, entry in zip(self.shards, self._listed, strict=True):
            shard.validate()
            if sha256_of_file(shard.path) != entry["sha256"]:
                raise InputError(f"{shard.path}: is not the file that {MANIFEST} lists; delete it and simulate again")


def open_dataset(folder, split: str = "train") -> Dataset:
    """Split `train`, `val` or `test` of a folder made by `generate_dataset`. Raises InputError unless it is whole."""
    return Dataset(folder, split)


def _fits(values, types: dict) -> bool:
    """Whether a dictionary has values of these types."""
    return isinstance(values, dict) and all(
        name in values and isinstance(values[name], kind) for name, kind in types.items()
    )


def read_manifest(folder) -> dict:
    """The folder's manifest.json. Raises InputError when it is missing, damaged, or of another version."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no {MANIFEST} here; `muspipe simulate {folder}` makes a data set") from None
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); delete it and run the same `muspipe simulate` again") from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise InputError(f"{path}: expected schema version {SCHEMA_VERSION}; simulate the data set again")
    shards = manifest.get("shards")
    whole = isinstance(shards, list) and all(_fits(entry, OF_SHARD) for entry in shards)
    if not whole or not _fits(manifest, {"seed": int, "config": dict}):
        again = "delete it and run the same `muspipe simulate` again"
        raise InputError(f"{path}: damaged (entries are missing or of another type); {again}")
    return manifest
