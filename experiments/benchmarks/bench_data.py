"""Speed of the input in NumPy on one core, beside the plain way in the same run.

    python experiments/benchmarks/bench_data.py

Takes about 40 s. Numbers to expect on one core of 2023, scenario paper:
| what | target | seen |
|---|---|---|
| noise from the bank | 400 cubes/s | 4,100, 70 x numpy's generator |
| detection batches in NumPy | - | 290 sequences/s |
| twitch crops in NumPy | - | 4,400 crops/s, 15 x a crop cut from a whole rendered sequence |
tf.data is measured beside the step that it feeds, by bench_input.py.
"""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from muspipe.data import BatchOptions, open_dataset
from muspipe.data.geometry import crop, crop_corner
from muspipe.data.loader import detection_batches, twitch_batches
from muspipe.data.pixels import NoiseBank
from simulator import SimulationConfig
from simulator.generate import generate_dataset
from simulator.shared.threads import one_blas_thread

MEASURED_S = 4.0


def per_second(step, at_most_s=MEASURED_S) -> float:
    """Calls per second of step(i), i = 0, 1, ...; the first call is left out."""
    step(0)
    start, n = time.perf_counter(), 0
    while time.perf_counter() - start < at_most_s:
        n += 1
        step(n)
    return n / (time.perf_counter() - start)


def examples_per_second(batches) -> float:
    """Examples per second of an iterator of batches; the first batch is left out."""
    next(batches)
    start, n = time.perf_counter(), 0
    for batch in batches:
        n += len(next(iter(batch.values())))
        if time.perf_counter() - start > MEASURED_S:
            break
    return n / (time.perf_counter() - start)


def endless(make, source, options):
    return itertools.chain.from_iterable(make(source, options, epoch) for epoch in itertools.count())


def bench_noise():
    cube = np.zeros((64, 64, 400), np.float32)
    bank, rng = NoiseBank(BatchOptions().noise_bank_values, 0), np.random.default_rng(0)

    def plain(i):
        cube[...] += np.float32(0.1) * rng.standard_normal(cube.shape, dtype=np.float32)

    rate = per_second(lambda i: bank.add(cube, bank.draw_offset(rng, cube.size), 0.1))
    plain_rate = per_second(plain)
    ratio = rate / plain_rate
    print(f"noise: {rate:,.0f} cubes/s (target 400); standard_normal {plain_rate:,.0f}/s, ratio {ratio:.0f}")


def bench_loaders(source, scenario):
    options = BatchOptions(snr_db=(10.0, 30.0))
    rate = examples_per_second(endless(detection_batches, source, options))
    print(f"{scenario}: detection, NumPy, one core: {rate:,.0f} sequences/s in batches of {options.batch_size}")
    options = BatchOptions(batch_size=32, snr_db=(10.0, 30.0))
    rate = examples_per_second(endless(twitch_batches, source, options))
    bank, rng = NoiseBank(options.noise_bank_values, 0), np.random.default_rng(0)

    def plain(i):
        sequence = source[i % len(source)]
        images = sequence.render()
        bank.add(images, bank.draw_offset(rng, images.size), 0.1)
        images = (images - images.mean()) / images.std()
        return crop(images, crop_corner(sequence.territories[0], 16), 16, axes=(0, 1))

    plain_rate = per_second(plain)
    print(
        f"{scenario}: twitch, NumPy, one core: {rate:,.0f} crops/s in batches of 32; "
        f"cut from whole sequences {plain_rate:,.0f}/s, ratio {rate / plain_rate:.0f}"
    )


def main():
    with one_blas_thread():
        bench_noise()
        with tempfile.TemporaryDirectory() as folder:
            for scenario in ("paper", "physiological"):
                generate_dataset(Path(folder) / scenario, SimulationConfig.scenario(scenario), 2020, 1000, 0, 0)
                bench_loaders(open_dataset(Path(folder) / scenario), scenario)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
