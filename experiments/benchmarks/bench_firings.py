"""Speed of finding firings: by what a twitch looks like, beside the paper's rule, one BLAS thread.

    python experiments/benchmarks/bench_firings.py

About 20 s. Expected on one core of a 2 GHz server: 25 units of one second at 10 firings a second in less than 0.1 s,
at 30 in twice that, and 60 s in about 100 x the time. One train at a time takes longer.
"""

import argparse
import time

import numpy as np

from muspipe.firings.find import find_firings
from simulator import SimulationConfig, simulate
from simulator.shared.threads import one_blas_thread

N_UNITS, REPEATS = 25, 5


def seconds(trains, rule):
    """Least time of some calls, after one that warms up."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        find_firings(trains, 400.0, rule)
        times.append(time.process_time() - start)
    return min(times[1:])


def main():
    for rate_hz in (10, 30):
        config = SimulationConfig.scenario("paper", n_units=N_UNITS, firing_rate_hz=(rate_hz, rate_hz))
        trains = simulate(config, 1).twitch_trains
        noisy = trains + 0.1 * trains.std() * np.random.default_rng(1).standard_normal(trains.shape)
        ours, paper = (seconds(noisy, rule) for rule in ("discharges", "paper"))
        print(f"{N_UNITS} units, {rate_hz} firings a second, 1 s: {ours:.3f} s; {ours / paper:.0f} x the paper's rule")
        single = sum(seconds(2 * noisy[i : i + 1], "discharges") for i in range(N_UNITS))
        print(f"    one train at a time: {single:.3f} s, {single / ours:.2f} x")
    config = SimulationConfig.scenario("paper", n_units=N_UNITS, n_frames=24000)
    trains = simulate(config, 1).twitch_trains
    start = time.process_time()
    find_firings(trains, 400.0)
    long = time.process_time() - start
    one = seconds(np.ascontiguousarray(trains[:, :400]), "discharges")
    print(f"{N_UNITS} units, 60 s: {long:.1f} s, {long / one:.0f} x its first second")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with one_blas_thread():
        main()
