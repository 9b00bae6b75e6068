"""Worker processes for work that is the same whoever does it."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextlib.contextmanager
def worker_pool(workers: int):
    """A pool of spawned processes, one BLAS thread each, that end when their parent is killed.

    Spawned, so a script that gets here needs `if __name__ == "__main__":`.
    """
    context = multiprocessing.get_context("spawn")
    with _one_thread_a_process(), ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        yield pool


def _start_worker():
    """Worker: end when the parent is killed (the pool alone would leave it waiting for ever), and leave an interrupt
    from the keyboard to the parent, which lets the work in hand be finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sentinel = multiprocessing.parent_process().sentinel

    def watch():
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _one_thread_a_process():
    """Workers share the cores already; read by their BLAS when it is loaded."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
