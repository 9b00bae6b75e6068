"""Worker processes, for work whose result does not depend on who does it."""

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
"""Contexts that a worker stays in for life."""


@contextlib.contextmanager
def worker_pool(workers: int):
    """A pool of spawned processes with one BLAS thread each, which end when their parent is killed.

    They are spawned, so a script that gets here needs `if __name__ == "__main__":`.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        yield pool


def _start_worker():
    """In a worker: end when the parent is killed (the pool alone would leave it waiting for ever), and leave interrupts
    from the keyboard to the parent, which lets the work in hand finish."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sentinel = multiprocessing.parent_process().sentinel

    def watch():
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _of_this_process.enter_context(one_blas_thread())
