"""Many sequences, in parallel and resumable: config + seed -> a folder of shards with a manifest.

The three sets of Ali et al. 2020: `train` and `val` with the config's number of motor units (5-30), `test` in equal
shares of 1, 5, 10, 15, 20 and 25. Sequence i of a split is drawn from SeedSequence(seed, spawn_key=(split, i)) alone
and the division into shards is fixed, so the bytes depend neither on the number of workers nor on interruptions.
"""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from simulator.config import SimulationConfig
from simulator.schema import SCHEMA_VERSION, field_bytes
from simulator.sequence import MODEL_VERSION, MuscleSequence, simulate
from simulator.shards import MANIFEST, Shard, read_manifest, write_shard
from simulator.shared.errors import InputError
from simulator.shared.files import atomic_path, held, sha256_of_file
from simulator.shared.processes import WorkerDied
from simulator.shared.workers import Workers, mapped, workers_of

SPLITS = ("train", "val", "test")
TEST_UNIT_COUNTS = (1, 5, 10, 15, 20, 25)
"""Numbers of motor units in the test set, in this order and in equal shares (paper IV.B)."""
SHARD_SIZE = 250
"""Sequences per shard: 10 MB; small enough to make again, large enough that a data set is some tens of files."""
DENSE_SHARD_SIZE = 25
"""The same for dense shards: 165 MB."""


def sequence_config(config: SimulationConfig, split: str, index: int, n_sequences: int) -> SimulationConfig:
    """The config that sequence `index` of `n_sequences` of a split is drawn with."""
    if split != "test":
        return config
    return config.with_units(TEST_UNIT_COUNTS[index * len(TEST_UNIT_COUNTS) // n_sequences])


def draw_sequence(config: SimulationConfig, seed: int, split: str, index: int, n_sequences: int) -> MuscleSequence:
    """Sequence `index` of a split of the data set with this config and seed, as `generate_dataset` writes it."""
    stream = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))
    return simulate(sequence_config(config, split, index, n_sequences), stream)


@dataclass(frozen=True)
class _Job:
    """One shard to be made, small enough to send to a worker."""

    folder: str
    file: str
    split: str
    first_index: int
    n_sequences: int
    n_in_split: int
    config: SimulationConfig
    seed: int
    dense: bool
    snr_db: float | None

    def __str__(self):
        return str(self.path)

    @property
    def path(self) -> Path:
        return Path(self.folder) / self.file

    def entry(self, sha256: str | None) -> dict:
        """Entry of this shard in the manifest; sha256 None: not written yet."""
        names = ("file", "split", "first_index", "n_sequences")
        return {name: getattr(self, name) for name in names} | {"sha256": sha256}

    def expected_bytes(self) -> float:
        """Approximate size of the shard."""
        indices = range(self.first_index, self.first_index + self.n_sequences)
        configs = [sequence_config(self.config, self.split, i, self.n_in_split) for i in indices]
        n_units = sum(sum(config.n_units_range) / 2 for config in configs)
        config = self.config
        firings_a_unit = sum(config.firing_rate_hz) / 2 * (config.lead_in_s + config.duration_s)
        shape, n_frames = config.image_shape, config.n_frames
        data = field_bytes(self.n_sequences, n_units, n_units * firings_a_unit, shape, n_frames, self.dense)
        return 1.05 * data + 20_000  # for the spread of the counts, and for HDF5 itself


def generate_dataset(
    out,
    config: SimulationConfig,
    seed: int,
    n_train: int,
    n_val: int,
    n_test: int,
    *,
    workers: int | Workers | None = None,
    dense: bool = False,
    snr_db: float | None = None,
    progress=None,
) -> dict:
    """Write the data set into folder `out`, or finish the one begun there. Returns its manifest.

    workers: number of processes, or a cluster; default: one for each CPU core. They are spawned, so a script that
    calls this needs `if __name__ == "__main__":`. dense also stores the images, with noise of `snr_db` [dB] (None:
    clean). progress: called with the number of sequences finished since the last call.
    Raises InputError for impossible sizes and for a folder that holds anything else; OSError when the disk is too small
    or full, saying what was not written.
    """
    sizes = dict(zip(SPLITS, (n_train, n_val, n_test), strict=True))
    _check(seed, sizes, dense, snr_db)
    workers = workers_of(workers)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder for the data set, got a file")
    manifest, jobs = _plan(folder, config, seed, sizes, dense, snr_db)
    if not folder.exists():
        _check_space(folder, jobs)  # before anything is made
        folder.mkdir(parents=True)
    with held(folder, "this data set"):
        _refuse_other_content(folder, manifest)
        for leftover in folder.glob(".*.part.*"):  # of a killed run
            leftover.unlink()
        todo = _keep_finished(folder, manifest, jobs, progress or (lambda n: None))
        _check_space(folder, todo)
        _write_manifest(folder, manifest)
        if todo:
            _make_shards(folder, manifest, todo, workers, progress or (lambda n: None))
        manifest["complete"] = True
        _write_manifest(folder, manifest)
    return manifest


def _check(seed, sizes, dense, snr_db):
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed: expected an integer from 0, got {seed!r}")
    for split, size in sizes.items():
        if not isinstance(size, int) or size < 0:
            raise InputError(f"{split}: expected a number of sequences from 0, got {size!r}")
    if sum(sizes.values()) == 0:
        raise InputError("expected at least one sequence in train, val or test, got none")
    if sizes["test"] % len(TEST_UNIT_COUNTS):
        counts = ", ".join(map(str, TEST_UNIT_COUNTS))
        raise InputError(
            f"test: expected a multiple of {len(TEST_UNIT_COUNTS)} (equal shares of {counts} motor units), "
            f"got {sizes['test']}"
        )
    if snr_db is not None and not dense:
        raise InputError("snr_db: only dense data sets hold noise; add --dense, or give the SNR when training")
    if snr_db is not None and not snr_db > -np.inf:
        raise InputError(f"snr_db: expected decibels, got {snr_db!r}")


def _plan(folder, config, seed, sizes, dense, snr_db):
    """(manifest of the data set before any shard is made, all its jobs)."""
    shard_size = DENSE_SHARD_SIZE if dense else SHARD_SIZE
    jobs = [
        _Job(
            folder=str(folder.absolute()),  # a worker on another machine has another working directory
            file=f"{split}-{first // shard_size:05d}.h5",
            split=split,
            first_index=first,
            n_sequences=min(shard_size, size - first),
            n_in_split=size,
            config=config,
            seed=seed,
            dense=dense,
            snr_db=snr_db,
        )
        for split, size in sizes.items()
        for first in range(0, size, shard_size)
    ]
    manifest = {
        "format": "muspipe data set",
        "schema_version": SCHEMA_VERSION,
        "complete": False,
        "seed": seed,
        "n_sequences": sizes,
        "dense": dense,
        "snr_db": None if snr_db is None or np.isinf(snr_db) else float(snr_db),
        "shard_size": shard_size,
        "config": config.to_dict(),
        "versions": {"model": MODEL_VERSION, "numpy": np.__version__, "h5py": h5py.__version__},
        "shards": [job.entry(None) for job in jobs],
    }
    return manifest, jobs


def _refuse_other_content(folder, manifest):
    """Raise InputError unless the folder is empty or holds a part of this very data set."""
    if not (folder / MANIFEST).exists():
        others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if others:
            raise InputError(f"{folder}: expected an empty folder or a data set, found {others[0]}; choose another")
        return
    found = read_manifest(folder)
    for key in ("seed", "n_sequences", "dense", "snr_db", "shard_size", "config", "versions"):
        wanted, got = json.loads(json.dumps(manifest[key])), found.get(key)
        if wanted != got:
            if isinstance(wanted, dict) and isinstance(got, dict):
                key = next(name for name in sorted({*wanted, *got}) if wanted.get(name) != got.get(name))
                wanted, got = wanted.get(key), got.get(key)
            raise InputError(
                f"{folder}: holds a data set with {key} = {got!r}, not {wanted!r}; "
                "choose another folder, or the same settings to continue"
            )


def _keep_finished(folder, manifest, jobs, progress):
    """Enter the shards that are there and whole into the manifest. Returns the jobs left."""
    known = {}
    if (folder / MANIFEST).exists():
        known = {entry["file"]: entry["sha256"] for entry in read_manifest(folder)["shards"]}
    todo = []
    for number, job in enumerate(jobs):
        if _is_finished(job, known.get(job.file)):
            manifest["shards"][number] = job.entry(sha256_of_file(job.path))
            progress(job.n_sequences)
        else:
            todo.append(job)
    return todo


def _is_finished(job, known_sha256) -> bool:
    if not job.path.is_file():
        return False
    if known_sha256 is not None:
        return sha256_of_file(job.path) == known_sha256
    try:  # written, but the run was killed before the manifest was
        shard = Shard(job.path)
        shard.validate()
    except InputError:
        return False
    origin = (shard.origin["seed"], shard.origin["split"], shard.origin["first_index"], len(shard), shard.config)
    snr_db = np.inf if job.snr_db is None else job.snr_db
    return (*origin, shard.origin["dense"], shard.origin["snr_db"]) == (
        job.seed,
        job.split,
        job.first_index,
        job.n_sequences,
        job.config,
        job.dense,
        snr_db,
    )


def _check_space(folder, todo):
    disk = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    needed, free = sum(job.expected_bytes() for job in todo), shutil.disk_usage(disk).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"nothing written: {len(todo)} shards need about {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; "
            "make room or choose another disk",
            str(folder),
        )


def _make_shards(folder, manifest, todo, workers, progress):
    number_of = {entry["file"]: number for number, entry in enumerate(manifest["shards"])}
    left = len(todo)
    try:
        for job, finished in mapped(_make_shard, todo, workers):
            manifest["shards"][number_of[job.file]] = job.entry(finished.result())
            left -= 1
            _write_manifest(folder, manifest)
            progress(job.n_sequences)
    except WorkerDied as error:
        raise InputError(f"{error}; {left} shards not written; the same call continues") from error
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            f"{left} of {len(manifest['shards'])} shards not written ({error.strerror or error}); "
            "mend this and run the same command again: finished shards are kept",
            str(folder),
        ) from error


def _make_shard(job: _Job) -> str:
    """Worker: draw, write, return the file's SHA-256."""
    indices = range(job.first_index, job.first_index + job.n_sequences)
    sequences = [draw_sequence(job.config, job.seed, job.split, i, job.n_in_split) for i in indices]
    write_shard(
        job.path,
        sequences,
        config=job.config,
        seed=job.seed,
        split=job.split,
        first_index=job.first_index,
        dense=job.dense,
        snr_db=job.snr_db,
    )
    return sha256_of_file(job.path)


def _write_manifest(folder, manifest):
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
