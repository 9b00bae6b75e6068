"""Small inputs of every kind, and damage to them: for odd_cases.py.

Everything is drawn from a `random.Random`, or what hypothesis gives in its place.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from muspipe import Result
from muspipe.echoes.iq_file import write_iq
from muspipe.export.openhdemg import save_openhdemg
from simulator import SimulationConfig
from simulator.generate import generate_dataset

SHAPE, RATE_HZ, PIXEL_MM = (12, 14, 160), 400.0, 2.0
ODD = (
    math.nan,
    math.inf,
    -math.inf,
    -1,
    0,
    1e300,
    10**25,
    2.5,
    "abc",
    "",
    None,
    True,
    [],
    [1, 2],
    [5, 1],
    {},
    {"a": 1},
)
"""In place of any value."""


def make_sound(folder: Path, data: bool = True) -> dict[str, Path]:
    """{name: path} of small inputs without damage. data: a data set, too, which takes as long as all others."""
    rng = np.random.default_rng(0)
    t = np.arange(SHAPE[2]) / RATE_HZ
    waves = np.sin(2 * np.pi * 11 * t) * (np.sin(2 * np.pi * 1.7 * t) > -0.5)
    velocity = 0.1 * rng.standard_normal(SHAPE)
    velocity[3:8, 4:9] += waves
    velocity = velocity.astype(np.float32)
    paths = {kind: folder / f"sound.{kind}" for kind in ("h5", "npz", "npy")}
    for kind in (*paths, "mat", "packed.mat"):
        path = folder / f"sound.{kind}"
        write_recording(path, {"velocity": velocity, "frame_rate_hz": RATE_HZ, "pixel_mm": PIXEL_MM})
        paths[kind] = path
    iq = np.exp(1j * (np.cumsum(np.r_[0, waves]) + rng.uniform(0, 6, (30, 10, 1))))
    taken = {"centre_frequency_hz": 7.8e6, "prf_hz": 400.0, "pixel_mm": (0.25, 0.625)}
    write_iq(folder / "iq.h5", iq, **taken)
    np.savez(folder / "iq.npz", iq=iq, **taken)
    result = Result(
        territories=velocity[None, :, :, 0] < 9,
        twitch_trains=waves[None],
        scores=[0.5],
        frame_rate_hz=RATE_HZ,
        pixel_mm=PIXEL_MM,
        firings=[np.arange(0.03, 0.38, 0.09)],
    )
    result.save(folder / "result.h5")
    save_openhdemg(result, folder / "emg.json")
    with open(folder / "emg.csv", "w", newline="") as file:
        csv.writer(file).writerows([("unit", "firing_s"), *(("a", f"{s:.3f}") for s in result.firings[0])])
    if data:
        small = SimulationConfig(n_units=1, height_px=16, width_px=16, n_frames=100)
        generate_dataset(folder / "data", small, 1, 2, 2, 6, workers=1)
    others = ("iq.h5", "iq.npz", "result.h5", "emg.json", "emg.csv", "data")
    return paths | {name: folder / name for name in others}


def write_recording(path: Path, values: dict) -> None:
    """Named values to a file of the kind that its ending says; of .npy the first alone. Anything that the format can
    hold."""
    if path.suffix == ".npy":
        np.save(path, next(iter(values.values())), allow_pickle=True)
    elif path.suffix == ".npz":
        np.savez(path, **values)
    elif path.suffix == ".mat":
        scipy.io.savemat(path, values, do_compression=path.name.endswith("packed.mat"))
    else:
        with h5py.File(path, "w") as file:
            for name, value in values.items():
                array = np.asarray(value)
                if array.dtype.kind in "OU":  # as HDF5 has them: text
                    array = np.asarray(str(value), h5py.string_dtype())
                if array.size > 8:
                    file[name] = array
                else:
                    file.attrs[name] = array


# Damage of bytes


def flip_bits(random, data: bytearray) -> None:
    for _ in range(random.randint(1, 6)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def flip_in_head(random, data: bytearray) -> None:
    """Where formats keep their structure."""
    for _ in range(random.randint(1, 6)):
        data[random.randrange(min(len(data), 600))] = random.randrange(256)


def cut(random, data: bytearray) -> None:
    del data[random.randrange(len(data)) :]


def blank(random, data: bytearray) -> None:
    """As a disk that lost a block."""
    start = random.randrange(len(data))
    length = min(random.randint(1, 512), len(data) - start)
    data[start : start + length] = bytes(length)


def insert(random, data: bytearray) -> None:
    at = random.randrange(len(data))
    data[at:at] = bytes(random.randrange(256) for _ in range(random.randint(1, 16)))


BYTES = (flip_bits, flip_in_head, cut, blank, insert)


def damage_bytes(random, path: Path) -> None:
    """One of BYTES."""
    data = bytearray(path.read_bytes())
    random.choice(BYTES)(random, data)
    path.write_bytes(data)


# Damage of content


def odd_array(random, velocity: np.ndarray):
    """A velocity that is none, or another one."""
    holes = velocity.copy()
    holes[random.randrange(len(holes)), :, random.randrange(holes.shape[2])] = random.choice((np.nan, np.inf))
    masked = velocity.copy()
    masked[: random.randint(1, 11)] = np.nan
    dtype = random.choice(("i1", "u2", "i8", "f2", "f8", "c8", "?", "S3"))
    return random.choice(
        (
            holes,
            masked,
            velocity.astype(dtype),
            np.zeros_like(velocity),
            velocity * random.choice((1e-30, 1e30)),
            velocity.transpose(random.choice(((2, 0, 1), (0, 2, 1), (1, 0, 2)))),
            velocity[random.choice((slice(0, 0), slice(1, 2), slice(5)))],
            velocity[..., : random.choice((0, 1, 2, 99, 120))],
            velocity[..., None],
            velocity[0],
            velocity[:, :1],
            np.ones(velocity.shape, bool),
            3.0,
            "text",
        )
    )


def damage_recording(random, path: Path) -> None:
    """Other velocity or scalars, or more, or less of them."""
    velocity = np.load(path.parent / "sound.npy")
    values = {"velocity": velocity, "frame_rate_hz": RATE_HZ, "pixel_mm": PIXEL_MM}
    name = random.choice([*values, "velocity"])
    fate = random.randrange(4)
    if name == "velocity" or path.suffix == ".npy":
        values["velocity"] = odd_array(random, velocity)
    elif fate == 0:
        del values[name]
    else:
        odd = [value for value in ODD if value is not None and not isinstance(value, dict) and value != 10**25]
        values[name] = random.choice(odd)
    if fate == 1:
        values["another"] = random.choice((velocity, "note", np.arange(5)))
    write_recording(path, values)


def damage_json(random, path: Path, packed: bool = False) -> None:
    """Another value somewhere in a file of JSON, or a key less."""
    opened = gzip.open if packed else open
    with opened(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    at = content
    while True:
        keys = list(at) if isinstance(at, dict) else range(len(at))
        key = random.choice(list(keys))
        if isinstance(at[key], dict | list) and at[key] and random.random() < 0.8:
            at = at[key]
            continue
        break
    if random.random() < 0.2:
        del at[key]
    else:
        at[key] = random.choice(ODD)
    with opened(path, "wt", encoding="utf-8") as file:
        json.dump(content, file)
