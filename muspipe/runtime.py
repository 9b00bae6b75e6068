"""The machine under a run: Keras loaded without the dozen lines that TensorFlow prints when it starts, limits of a
GPU's memory, peaks of memory, and a network compiled."""

from __future__ import annotations

import contextlib
import os


def load_keras(memory_gb: float | None = None) -> None:
    """Import Keras and its backend quietly. What goes wrong is raised all the same. memory_gb: at most this much of
    each GPU is taken.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if memory_gb is not None:
        _limit_jax(memory_gb)
    with _quiet():
        import keras
        from keras import ops

        if memory_gb is not None and keras.backend.backend() == "tensorflow":
            _limit_tensorflow(memory_gb)
        ops.zeros(1)  # the devices are looked for now


def compiled_for_any_size(call, batch: dict):
    """`call`, a function of a dictionary of arrays, compiled by TensorFlow for batches like this one, of any size."""
    import tensorflow as tf

    specs = {name: tf.TensorSpec((None, *array.shape[1:]), array.dtype) for name, array in batch.items()}
    return tf.function(call, input_signature=[specs])


def give_back_memory() -> None:
    """What this process has freed goes back to the system: the C library would keep much of it, in an arena for each
    thread, where it cannot be used by the others. Nothing happens where there is no glibc."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory_gb() -> dict[str, float]:
    """Peak of the process [GB], and of the first GPU if there is one."""
    import resource

    import keras

    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}
    if keras.backend.backend() == "jax":
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            peak["device"] = stats["peak_bytes_in_use"] / 1e9
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            peak["device"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9
    return peak


@contextlib.contextmanager
def _quiet():
    """Nothing reaches stderr, from C++ neither."""
    if os.environ.get("MUSPIPE_DEBUG") == "1":
        yield
        return
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _limit_tensorflow(memory_gb):
    import tensorflow as tf

    limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(memory_gb * 1024))
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.set_logical_device_configuration(gpu, [limit])


def _limit_jax(memory_gb):
    """JAX wants a share of the whole, and before it is imported."""
    import subprocess

    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError, ValueError, IndexError):
        total_mib = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{min(0.99, 1024 * memory_gb / total_mib):.4f}"
