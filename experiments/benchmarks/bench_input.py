"""The input of a training step through tf.data: alone, beside the step, and both at once.

    python experiments/benchmarks/bench_input.py [NETWORK ...] [--online]

Networks: seg-compact and twitch-compact (the default, about 3 minutes on 2 cores), seg-centre, twitch-refit,
twitch-paper and seg-paper (give these --blocks 1 --steps 2). A step waits for its input where both at once take longer
than the slower of the two; the target is at most 1.05 times as long. Batches are the paper's (8 sequences or 32 crops,
SNR 10-30 dB) of a data set of 200 sequences, or of sequences simulated as they are needed (--online). The step alone
trains on one batch again and again. It takes turns with both at once in blocks of a few steps, so that what else the
machine does falls on both; the ratio of CPU seconds is steadier than that of seconds. Without an accelerator input and
step share the cores, and the former is about 1 + input / step. Pixels are made in tf.data's threads on a CPU, by the
accelerator if there is one; --device says otherwise ("CPU:0": TensorFlow's, before each step).
"""

import argparse
import os
import sys
import tempfile
import time


def measure(network, args, folder):
    """{"input", "step", "both": (seconds, CPU seconds) a step}."""
    import numpy as np

    from muspipe.data import BatchOptions, open_dataset
    from muspipe.models import get_preset
    from muspipe.training.devices import OneDevice
    from muspipe.training.examples import FixedEpochs, OnlineEpochs, TensorFlowExamples, input_rng
    from muspipe.training.schedules import get_schedule, make_optimizer
    from muspipe.training.tasks import TASKS
    from simulator import SimulationConfig

    name, preset_name = network.split("-")
    task, preset, schedule = TASKS[name], get_preset(name, preset_name), get_schedule(name, "paper")
    model, devices = preset.build(seed=0), OneDevice()
    model.compile(optimizer=make_optimizer(schedule.phases[0]))
    options = BatchOptions(batch_size=schedule.batch_size, snr_db=(10.0, 30.0), **preset.batch_options())
    if args.online:
        epochs = OnlineEpochs([SimulationConfig.scenario("paper")], 0, task.online_sequences, "train")
    else:
        epochs = FixedEpochs(open_dataset(folder))
    examples = TensorFlowExamples(task, epochs, options, args.device)

    def truth_inputs(truth, step):
        return model.truth_inputs(truth | {"rng": input_rng(0, step)})

    def stream():
        return examples.stream(0, sys.maxsize, model.pixels, truth_inputs)

    batches = stream()
    inputs = next(batches)
    alone = each(lambda: next(batches), 40)
    batches.close()
    each(lambda: devices.train(model, inputs), 2)  # compiled in the first
    blocks = {"step": [], "both": []}
    for _ in range(args.blocks):
        blocks["step"].append(each(lambda: devices.train(model, inputs), args.steps))
        blocks["both"].append(both_at_once(lambda batch: devices.train(model, batch), stream(), args.steps))
    return {"input": alone} | {what: np.median(values, axis=0) for what, values in blocks.items()}


def both_at_once(train, batches, n):
    """As `each`, of a step on n fresh batches; during the one before them the pipeline fills its buffers."""
    train(next(batches))
    times = each(lambda: train(next(batches)), n)
    batches.close()
    return times


def each(call, n):
    """(seconds, CPU seconds) of a call, mean of n."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) / n, (time.process_time() - cpu) / n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["seg-compact", "twitch-compact"], metavar="NETWORK")
    parser.add_argument("--online", action="store_true")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5, help="of a block")
    parser.add_argument("--device", help="that makes the pixels")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from simulator import SimulationConfig
    from simulator.generate import generate_dataset
    from simulator.shared.threads import one_blas_thread

    print(f"{os.cpu_count()} cores, {'online' if args.online else 'data set'}, pixels on {args.device or 'default'}")
    print(f"{'ms a step, and CPU ms:':20s}{'input':>18s}{'step':>20s}{'both':>19s}  both / slower  CPU: both / step")
    with tempfile.TemporaryDirectory() as folder, one_blas_thread():
        if not args.online:
            generate_dataset(folder, SimulationConfig.scenario("paper"), 2020, 200, 0, 0)
        for network in args.networks:
            r = measure(network, args, folder)
            (input_s, _), (step_s, step_cpu), (both_s, both_cpu) = r.values()
            cells = "".join(f"{1000 * s:11,.0f} {1000 * cpu:7,.0f}" for s, cpu in r.values())
            print(f"{network:20s}{cells} {both_s / max(input_s, step_s):14.3f} {both_cpu / step_cpu:17.3f}", flush=True)


if __name__ == "__main__":
    main()
