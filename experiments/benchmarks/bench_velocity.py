"""How long velocity takes from IQ of 2,000 frames of 400 x 128 samples (820 MB), and how much memory.

    python experiments/benchmarks/bench_velocity.py [--folder DIR]

About a minute; DIR, for the file, needs 1 GB. The command runs as a user would run it, in a process of its own. Target
on 2 cores: 10 s and 2 GB. The ratio to reading the file once, with its SHA-256, tells the estimator from the disk.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from simulator.shared.files import sha256_of_file

N_FRAMES, SHAPE, PRF_HZ = 2000, (400, 128), 2000.0
RUNS = {
    "kasai": [],
    "loupas": ["--estimator", "loupas"],
    "kasai, 8 frames": ["--ensemble-frames", "8"],
    "kasai, drift and band": ["--drift-hz", "2", "--band-hz", "5", "30"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="where the file is made; default a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "iq.h5"
        write(path)
        start = time.perf_counter()
        sha256_of_file(path)
        once_s = time.perf_counter() - start
        print(f"{path.stat().st_size / 1e6:.0f} MB, read once with its SHA-256 in {once_s:.1f} s")
        print(f"\n{'':24}{'[s]':>8}{'CPU [s]':>10}{'to reading':>12}{'memory [GB]':>14}")
        for name, options in RUNS.items():
            wall_s, cpu_s, gb = run(path, Path(folder) / "velocity.h5", options)
            print(f"{name:24}{wall_s:8.1f}{cpu_s:10.1f}{wall_s / once_s:12.1f}{gb:14.2f}", flush=True)


def write(path):
    """IQ of speckle whose phase swings at 10 Hz, with noise."""
    rng = np.random.default_rng(1)
    still, noise = (rng.standard_normal((*SHAPE, 2), np.float32).view(np.complex64)[..., 0] for _ in range(2))
    with h5py.File(path, "w") as file:
        frames = file.create_dataset("iq", (N_FRAMES, *SHAPE), np.complex64)
        for t in range(N_FRAMES):
            turn = np.complex64(np.exp(1j * np.sin(2 * np.pi * 10 * t / PRF_HZ)))
            frames[t] = turn * still + 0.1 * np.roll(noise, 7 * t)
        frames.attrs["axes"] = "THW"
        file.attrs.update({"prf_hz": PRF_HZ, "centre_frequency_hz": 7.8e6, "pixel_mm": (0.1, 0.3)})


def run(path, out, options):
    """(seconds, seconds of processor, peak memory [GB]) of the command, the start of Python included."""
    words = [sys.executable, "-m", "muspipe", "velocity", path, "--out", out, "--overwrite", *options]
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"muspipe velocity failed: {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
