"""Speed of the simulator on one core, beside the plain way in the same run, and of a data set on all cores.

    python experiments/benchmarks/bench_simulator.py [--quick]

Takes about 30 s (--quick: 10 s, a tenth of the data set). Numbers to expect on two cores of 2023:
| what | target | seen |
|---|---|---|
| sampling (parameters and trains), one core | 1,000 sequences/s | 1,300-2,000, 7-10 x a loop over firings |
| rendering into a reused buffer, one core | 1,000 cubes/s | 1,200, 57 x a loop over units |
| the paper's 11,600 sequences, all cores, on disk | 60 s, 600 MB | 5-11 s, 480 MB |
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from simulator import SimulationConfig, simulate
from simulator.activity import twitch_velocity
from simulator.generate import generate_dataset
from simulator.shared.threads import one_blas_thread


def seconds_each(function, arguments) -> float:
    """Median time [s] of function(argument) over the arguments."""
    times = []
    for argument in arguments:
        start = time.perf_counter()
        function(argument)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak_mb(who=resource.RUSAGE_SELF) -> float:
    """Largest resident memory so far [MB] of this process, or of the largest child that has ended."""
    return resource.getrusage(who).ru_maxrss / 1e3


def plain_trains(sequence):
    """Twitch trains the plain way: firing by firing, each over all frames of the sequence."""
    config = sequence.config
    time_s = np.arange(config.n_frames) / config.frame_rate_hz
    trains = np.zeros((sequence.n_units, config.n_frames))
    for firing_s, unit in zip(sequence.firings_s, sequence.unit_of_firing, strict=True):
        shape = sequence.contraction_times_s[unit], sequence.half_relaxation_ratios[unit]
        trains[unit] += sequence.peak_velocities[unit] * twitch_velocity(time_s - firing_s, *shape)
    return trains


def plain_render(sequence):
    """Images the plain way: unit by unit, onto a fresh float64 cube."""
    config = sequence.config
    cube = np.zeros((*config.image_shape, config.n_frames))
    for territory, train in zip(sequence.territories, sequence.twitch_trains, strict=True):
        cube += territory[:, :, None] * train
    return cube


def report(what, each_s, plain_s, target):
    ratio = plain_s / each_s
    print(f"{what}: {1 / each_s:,.0f}/s (target {target:,}); the plain way {1 / plain_s:,.0f}/s, ratio {ratio:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the paper's data set")
    quick = parser.parse_args().quick
    bench_dataset(quick)  # first, as the peak memory of a child counts from that of its parent
    for scenario in ("paper", "physiological"):
        with one_blas_thread():
            bench_scenario(scenario)
    print(f"peak memory {peak_mb():.0f} MB")


def bench_scenario(scenario):
    config = SimulationConfig.scenario(scenario)
    simulate(config, 0).render()  # the first call is slow
    sampling_s = seconds_each(lambda seed: simulate(config, seed).twitch_trains, range(300))
    plain_s = seconds_each(lambda seed: plain_trains(simulate(config, seed)), range(20))
    report(f"{scenario}: sampling, sequences", sampling_s, plain_s, 1000)
    sequences = [simulate(config, seed) for seed in range(40)]
    cube = np.empty((*config.image_shape, config.n_frames), np.float32)
    for sequence in sequences:
        sequence.render(out=cube)  # computes what a sequence is made of, so that only rendering is timed
    rendering_s = seconds_each(lambda sequence: sequence.render(out=cube), sequences)
    if scenario == "paper":  # the plain way has no onset delays
        plain = np.abs(plain_render(sequences[0]) - sequences[0].render()).max()
        report("paper: rendering, cubes", rendering_s, seconds_each(plain_render, sequences[:5]), 1000)
        print(f"  largest difference between the two {plain:.1e}")
    else:
        print(f"{scenario}: rendering, cubes: {1 / rendering_s:,.0f}/s (five components a motor unit)")


def bench_dataset(quick):
    sizes = [n // 10 for n in (10_000, 1_000, 600)] if quick else (10_000, 1_000, 600)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate_dataset(Path(folder) / "set", SimulationConfig.scenario("paper"), 2020, *sizes)
        took_s = time.perf_counter() - start
        size_mb = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    print(
        f"{sum(sizes):,} sequences on {os.cpu_count()} cores: {took_s:.1f} s, {size_mb:.0f} MB on disk "
        f"(target for 11,600: 60 s, 600 MB), peak memory of a worker {peak_mb(resource.RUSAGE_CHILDREN):.0f} MB"
    )


if __name__ == "__main__":
    main()
