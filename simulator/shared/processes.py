"""Worker processes for work that is the same whoever does it."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

from simulator.shared.threads import one_blas_thread

_of_this_process = contextlib.ExitStack()
"""What holds for as long as a worker lives."""


@contextlib.contextmanager
def worker_pool(workers: int):
    """A pool of spawned processes, one BLAS thread each, that end when their parent is killed.

    Spawned, so a script that gets here needs `if __name__ == "__main__":`.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
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
    _of_this_process.enter_context(one_blas_thread())
