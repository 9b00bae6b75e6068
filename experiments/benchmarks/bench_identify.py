"""How long identification takes with each method (loading, first call, later calls), and how the time of a twitch
network grows with the number of motor units.

    python experiments/benchmarks/bench_identify.py

About 2 minutes. One second of 64 x 64 px with 25 units, scenario physiological, 10 dB. Targets on 2 cores: load 3 s
(twitch network 2 s), deep 2 s, hybrid 3 s, the twitch trains of 25 units 1 s.
"""

import argparse
import resource
import statistics
import time

N_SEQUENCES, N_UNITS, SNR_DB = 8, 25, 10.0
METHODS = {
    "ica": ("ica", {}),
    "deep": ("deep", {}),
    "deep, seg-compact": ("deep", {"segmentation": "seg-compact"}),
    "deep, least squares": ("deep", {"signals": "least-squares"}),
    "hybrid": ("hybrid", {}),
}


def timed(function):
    """(result, seconds)."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    from muspipe.runtime import load_keras

    _, import_s = timed(load_keras)
    print(f"{'TensorFlow and Keras':24}{import_s:8.2f} s to import")
    from muspipe.identification.method import get_method
    from muspipe.identification.signals import network_signals
    from muspipe.models import pretrained
    from muspipe.recordings.simulated import recording_of
    from simulator import SimulationConfig, simulate

    for name in pretrained.names():
        _, load_s = timed(lambda name=name: pretrained.load(name))
        print(f"{name:24}{load_s:8.2f} s to load")
    config = SimulationConfig.scenario("physiological", n_units=N_UNITS)
    sequences = [simulate(config, 3_000_000 + k) for k in range(N_SEQUENCES)]
    recordings = [recording_of(sequence, SNR_DB) for sequence in sequences]
    print(f"\n{'method':24}{'first [s]':>12}{'later [s]':>12}{'to ica':>10}")
    ica_s = None
    for label, (name, settings) in METHODS.items():
        method = get_method(name, settings)
        times_s = [timed(lambda m=method, r=recording: m.find(r))[1] for recording in recordings]
        later_s = statistics.median(times_s[1:])
        ica_s = ica_s or later_s
        print(f"{label:24}{times_s[0]:12.2f}{later_s:12.2f}{later_s / ica_s:10.2f}")
    print(f"\n{'twitch trains of':24}{'later [s]':>12}{'ms a unit':>12}")
    network, recording = pretrained.load("twitch-refit"), recordings[0]
    for n in (1, 8, 25, 64, 128):
        territories = sequences[0].territories[[i % N_UNITS for i in range(n)]]
        network_signals(network, recording, territories)  # a new batch size is compiled
        times_s = [timed(lambda t=territories: network_signals(network, recording, t))[1] for _ in range(3)]
        print(f"{n:>4} units{'':14}{min(times_s):12.3f}{1000 * min(times_s) / n:12.1f}")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
