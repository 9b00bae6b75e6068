"""Training step of each network: seconds, shares of forward, backward and input, peak memory.

    python experiments/benchmarks/bench_train.py [NETWORK ...] [--steps 5] [--one-step [--batch-share P]]
    python experiments/benchmarks/bench_train.py seg-paper twitch-paper --variants [--batch-size 2]

Networks: seg-compact, twitch-compact and twitch-refit (the default, about 2 minutes on 2 cores), twitch-paper and
seg-paper (12 minutes for all). Expect on an idle machine at most 250 ms an image of seg-compact, at most 60 ms a crop
of twitch-compact, and an input pipeline at least 5 times as fast as the step. Each network runs in a process of its
own, so that its peak memory is its own. Batches are the paper's, 8 sequences or 32 crops.

--variants: the same step in several ways, each beside the first: float32 or mixed_bfloat16, XLA off or on, and of a
segmentation network the mask head on all RoIs that can be positive or on those that are. CPU seconds say more than
seconds on a busy machine.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

NETWORKS = ("seg-compact", "twitch-compact", "twitch-refit", "twitch-paper", "seg-paper")
TWO_STEPS = ("seg-paper",)  # which take up to a minute each
MASKS = ("mask_rcnn.MASK_ROIS", "possible"), ("mask_rcnn.MASK_ROIS", "positive")
SEG_VARIANTS = {
    "possible RoIs, float32": {"changes": [MASKS[0]]},
    "positive RoIs, float32": {"changes": [MASKS[1]]},
    "possible RoIs, mixed_bfloat16": {"changes": [MASKS[0]], "precision": "mixed_bfloat16"},
    "positive RoIs, mixed_bfloat16": {"changes": [MASKS[1]], "precision": "mixed_bfloat16"},
    "possible RoIs, float32, XLA": {"changes": [MASKS[0]], "xla": True},
}
"""XLA cannot have shapes that depend on values, so not with the positives alone."""
TWITCH_VARIANTS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "float32, XLA": {"xla": True},
    "mixed_bfloat16, XLA": {"precision": "mixed_bfloat16", "xla": True},
}
VARIANTS = {"seg": SEG_VARIANTS, "twitch": TWITCH_VARIANTS}


def measure(network, n_steps, batch_size, changes=(), precision="float32", xla=None):
    """{name: figure} of one network, measured in this process. changes: of its preset; xla: None: as it comes."""
    from muspipe.runtime import load_keras, peak_memory_gb

    load_keras()
    import keras
    import numpy as np

    keras.config.set_dtype_policy(precision)

    from muspipe.data import BatchOptions
    from muspipe.models import get_preset
    from muspipe.training.devices import OneDevice
    from muspipe.training.examples import Examples, OnlineEpochs, input_rng, stream
    from muspipe.training.schedules import get_schedule, make_optimizer
    from muspipe.training.tasks import TASKS
    from simulator import SimulationConfig

    name, preset_name = network.split("-")
    task, preset, schedule = TASKS[name], get_preset(name, preset_name), get_schedule(name, "paper")
    model = preset.changed(dict(changes)).build(seed=0)
    model.compile(optimizer=make_optimizer(schedule.phases[0]), **({} if xla is None else {"jit_compile": xla}))
    size = batch_size or schedule.batch_size
    options = BatchOptions(batch_size=size, snr_db=20.0, **preset.batch_options())
    epochs = OnlineEpochs([SimulationConfig.scenario("paper")], 0, task.online_sequences, "train")
    examples = Examples(task, epochs, options)

    def inputs(step):
        return model.batch_inputs(examples.batch(step) | {"rng": input_rng(0, step)})

    batches = [inputs(0)]
    device = OneDevice()
    for _ in range(2):  # compiled in the first, warm in the second
        losses = [device.train(model, batches[0])["loss"]]
    device.validate(model, batches[0])
    step_s, forward_s, cpu_s = [], [], []
    for _ in range(n_steps):
        began = time.process_time()
        step_s.append(_seconds(lambda: losses.append(device.train(model, batches[0])["loss"])))
        cpu_s.append(time.process_time() - began)
        forward_s.append(_seconds(lambda: device.validate(model, batches[0])))
    n_input = max(4, 256 // size)
    input_s = _seconds(lambda: [None for _ in stream(inputs, 1, 1 + n_input)]) / n_input
    step, forward = float(np.median(step_s)), float(np.median(forward_s))
    return {
        "weights": model.count_params(),
        "batch": size,
        "step_s": step,
        "cpu_s": float(np.median(cpu_s)),
        "forward_s": forward,
        "input_s": input_s,
        "finite": bool(np.isfinite(losses).all()),
        "memory_gb": peak_memory_gb()["process"],
    }


def measure_step(network, batch_share):
    """Seconds of one step of a share of the paper's batch, measured in this process as quickly as can be: that after
    the one in which it is compiled."""
    from muspipe.runtime import load_keras

    load_keras()
    from muspipe.training.devices import OneDevice
    from muspipe.training.run_folder import Plan
    from muspipe.training.run_settings import TrainSettings
    from muspipe.training.schedules import get_schedule
    from muspipe.training.session import Session

    task, preset = network.split("-")
    size = round(get_schedule(task, "paper").batch_size * batch_share)
    settings = TrainSettings(task, preset, val_batches=1, online_sequences=8, batch_size=size)
    session = Session(Plan(settings, settings.full_preset(), settings.full_schedule(), {}), OneDevice())
    with contextlib.closing(session.begin(0).losses(0)) as steps:
        next(steps)
        return _seconds(lambda: next(steps))


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def variants(network):
    """{name: arguments of `measure`} of its task."""
    return VARIANTS[network.partition("-")[0]]


def in_own_process(network, n_steps, batch_size, variant=None):
    """What `measure` gives, in a process of its own. variant: one of VARIANTS of its task."""
    command = [sys.executable, __file__, network, "--in-process", "--steps", str(n_steps)]
    command += ["--batch-size", str(batch_size)] if batch_size else []
    command += ["--variant", variant] if variant else []
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    if done.returncode:
        sys.exit(f"{network}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare_variants(network, n_steps, batch_size):
    """A line each, with the ratio to the first."""
    first = None
    for variant in variants(network):
        r = in_own_process(network, n_steps, batch_size, variant)
        first = first or r
        print(
            f"{network}, batch {r['batch']}, {variant:30s} step {r['step_s']:7.2f} s, {r['cpu_s']:7.2f} CPU s, "
            f"{first['cpu_s'] / r['cpu_s']:5.2f} x as fast by CPU time, {r['memory_gb']:.2f} GB",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS[:3], metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch-size", type=int, help="default: the paper's")
    parser.add_argument("--variants", action="store_true", help="the same step in several ways")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    parser.add_argument("--one-step", action="store_true", help="seconds of one step each, as a line of JSON")
    parser.add_argument("--batch-share", type=float, default=1.0, metavar="P", help="of it: part of the paper's batch")
    args = parser.parse_args()
    if args.one_step:
        print(json.dumps({network: measure_step(network, args.batch_share) for network in args.networks}))
        return
    if args.in_process:
        own = variants(args.networks[0])[args.variant] if args.variant else {}
        print(json.dumps(measure(args.networks[0], args.steps, args.batch_size, **own)))
        return
    print(f"{os.cpu_count()} cores")
    if args.variants:
        for network in args.networks:
            compare_variants(network, min(args.steps, 2), args.batch_size)
        return
    print(
        "network         weights  batch  step s  ms/example  forward  backward  input/step  input is x faster  peak GB"
    )
    for network in args.networks:
        r = in_own_process(network, min(args.steps, 2) if network in TWO_STEPS else args.steps, args.batch_size)
        share = r["forward_s"] / r["step_s"]
        example_ms = 1000 * r["step_s"] / r["batch"]
        print(
            f"{network:15s} {r['weights']:8,d} {r['batch']:5d} {r['step_s']:8.2f} {example_ms:10.1f}"
            f" {share:9.0%} {1 - share:9.0%} {r['input_s'] / r['step_s']:10.0%} {r['step_s'] / r['input_s']:16.1f}"
            f" {r['memory_gb']:12.2f}" + ("" if r["finite"] else "   losses not finite")
        )


if __name__ == "__main__":
    main()
