"""How much memory a training step takes, by XLA's own analysis of the compiled step: does it fit an 8 GB card?

    python experiments/benchmarks/bench_memory.py [--only "seg centre" "twitch refit"]

Needs JAX (`pip install ".[jax]"`); without it, nothing is measured. Takes 5-10 minutes, most of them the compilation of
ResNet-101; no step is run.
Numbers to expect in float32: the table of experiments/README.md.

The step is compiled for the device of this machine. On a CPU that only estimates the need of a GPU, which fuses other
operations and convolves in other ways; the workspaces of cuDNN come on top.
"""

import argparse
import importlib.util
import os
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

STEPS = {
    "seg paper": 8,
    "seg compact": 8,
    "seg centre": 8,
    "twitch paper": 32,
    "twitch compact": 32,
    "twitch refit": 32,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(STEPS), choices=STEPS, metavar="NAME")
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    args = parser.parse_args()
    if importlib.util.find_spec("jax") is None:
        print('not measured, JAX is not installed: pip install ".[jax]"')
        return

    from muspipe.runtime import load_keras

    load_keras()
    print(f"{'step of':16}{'batch':>6}{'arguments':>12}{'temporary':>12}{'together':>12}   [GB], {args.precision}")
    for name in args.only:
        start = time.perf_counter()
        arguments, temporary, together = analysed(*name.split(), STEPS[name], args.precision)
        spent = time.perf_counter() - start
        print(f"{name:16}{STEPS[name]:6}{arguments:12.2f}{temporary:12.2f}{together:12.2f}   {spent:.0f} s", flush=True)


def analysed(task, preset, batch_size, precision):
    """(arguments, temporary buffers, everything that lives at once) of the step of a preset [GB]."""
    import jax
    import keras
    import numpy as np

    from muspipe.data import BatchOptions
    from muspipe.data.sources import OnlineSource
    from muspipe.models import get_preset
    from muspipe.training.schedules import get_schedule, make_optimizer
    from muspipe.training.tasks import TASKS
    from simulator import SimulationConfig

    keras.backend.clear_session()
    keras.config.set_dtype_policy(precision)
    chosen = get_preset(task, preset)
    model = chosen.build()
    model.compile(optimizer=make_optimizer(get_schedule(task, "paper" if preset == "paper" else "short").phases[-1]))
    source = OnlineSource(SimulationConfig.scenario("paper"), 1, 8)
    options = BatchOptions(batch_size=2, snr_db=20.0, **chosen.batch_options())
    batch = next(TASKS[task].batches(source, options))
    inputs = model.batch_inputs(batch | {"rng": np.random.default_rng(0)})
    shapes = {k: jax.ShapeDtypeStruct((batch_size, *v.shape[1:]), v.dtype) for k, v in inputs.items()}
    # the state that Keras itself passes to its jitted step, which may overwrite it
    state = model._get_jax_state(
        trainable_variables=True, non_trainable_variables=True, optimizer_variables=True, metrics_variables=True
    )
    step = jax.jit(model.train_step, donate_argnums=0)
    found = step.lower(state, (shapes,)).compile().memory_analysis()
    own, temporary = found.argument_size_in_bytes / 1e9, found.temp_size_in_bytes / 1e9
    result = (found.output_size_in_bytes - found.alias_size_in_bytes) / 1e9
    return own, temporary, own + temporary + result


if __name__ == "__main__":
    main()
