"""A step of the twitch network with our layers (models/recurrence.py, models/convolution.py) and with Keras' own.

    python experiments/benchmarks/bench_layers.py [PRESET ...] [--batch-size 8]

Presets: compact (the default, half a minute), paper (about 2 minutes on an idle core). One thread; the networks take
turns; CPU seconds of a step, the least of three, and the ratio to Keras'. Seen, batch 8: compact 0.215 -> 0.145 (GRU)
-> 0.143; paper 2.69 -> 2.32 (GRU) -> 1.80 (and the gradient of long kernels), losses equal to six digits.
"""

import argparse
import os
import time


def measure(preset_name, batch_size):
    """{name: CPU seconds of a step} of the same network with other layers."""
    import keras
    import numpy as np

    from muspipe.models import convolution, get_preset, twitch
    from muspipe.training.devices import OneDevice

    preset, rng = get_preset("twitch", preset_name), np.random.default_rng(0)
    inputs = {
        "crops": rng.standard_normal((batch_size, *preset.input_shape)).astype(np.float32),
        "masks": np.ones((batch_size, *preset.input_shape[:2]), np.float32),
        "trains": rng.standard_normal((batch_size, preset.input_shape[2])).astype(np.float32),
        "amplitudes": np.ones(batch_size, np.float32),
    }
    kinds = {
        "Keras": (keras.layers.Bidirectional, float("inf")),
        "GRU": (twitch.BothWays, float("inf")),
        "GRU and convolutions": (twitch.BothWays, convolution.PAYS_FROM),
    }
    devices, networks, seconds = OneDevice(), {}, {name: [] for name in kinds}
    for name, (twitch.BothWays, convolution.PAYS_FROM) in kinds.items():
        networks[name] = preset.build(seed=0)
        networks[name].compile(optimizer=keras.optimizers.SGD(1e-3))
        devices.train(networks[name], inputs)  # compiled here, with these layers
    for _ in range(3):
        for name, network in networks.items():
            start = time.process_time()
            devices.train(network, inputs)
            seconds[name].append(time.process_time() - start)
    return {name: min(values) for name, values in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=["compact"], metavar="PRESET")
    parser.add_argument("--batch-size", type=int, default=8)
    args = parser.parse_args()
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    for preset in args.presets:
        seconds = measure(preset, args.batch_size)
        for name, value in seconds.items():
            print(f"{preset:8s} {name:22s} {value:7.3f} CPU s, {seconds['Keras'] / value:5.2f} x as fast", flush=True)


if __name__ == "__main__":
    main()
