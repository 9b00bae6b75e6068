"""Speed of blind source separation, tuned beside published: one second with 25 motor units, one BLAS thread.

    python experiments/benchmarks/bench_ica.py

About 30 s. Expected on one core of a 2 GHz server, after import: tuned <= 0.5 s a sequence in both scenarios.
"""

import argparse
import cProfile
import pstats
import resource
import statistics
import time

from muspipe.identification.method import get_method
from muspipe.recordings.simulated import recording_of
from simulator import SCENARIOS, SimulationConfig, simulate
from simulator.shared.threads import one_blas_thread

N_SEQUENCES, N_UNITS, SNR_DB = 10, 25, 20
STEPS = ("signal_subspace", "skewed_maps", "_sparsest", "mend_nested", "lagged_similarity", "alternate", "units")


def seconds(method, recordings):
    """Seconds for each recording but the first, which warms up."""
    times = []
    for recording in recordings:
        start = time.perf_counter()
        method.find(recording)
        times.append(time.perf_counter() - start)
    return times[1:]


def main():
    for scenario in SCENARIOS:
        config = SimulationConfig.scenario(scenario, n_units=N_UNITS)
        recordings = [recording_of(simulate(config, seed), SNR_DB) for seed in range(N_SEQUENCES + 1)]
        tuned, published = (seconds(get_method(name), recordings) for name in ("ica", "stica"))
        print(
            f"{scenario}: tuned {statistics.median(tuned):.3f} s (slowest {max(tuned):.3f}), published "
            f"{statistics.median(published):.3f} s; published / tuned = "
            f"{statistics.median(published) / statistics.median(tuned):.2f}"
        )
        profile = cProfile.Profile()
        profile.runcall(seconds, get_method("ica"), recordings)
        stats = pstats.Stats(profile).stats
        total = sum(row[2] for row in stats.values())
        for step in STEPS:
            spent = sum(row[3] for (_, _, name), row in stats.items() if name == step)
            print(f"    {step:18s} {100 * spent / total:5.1f} %")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with one_blas_thread():
        main()
