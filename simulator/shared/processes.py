"""Worker processes, for work whose result does not depend on who does it."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor

from simulator.shared.errors import InputError
from simulator.shared.threads import one_blas_thread

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Variables that TensorFlow reads when it starts: workers share the cores, and each would take all of them."""
GRACE_S = 10.0
"""Workers that are told to stop, and are deep in a library, have this long to tidy up."""

TOLD_TO_STOP = 128 + signal.SIGTERM

_at_work = []
"""The function that this process is in, as a worker."""
_of_this_process = contextlib.ExitStack()
"""Contexts that a worker stays in for life."""


class WorkerDied(InputError):
    """An item ended the process that worked on it, and another one when it was tried again."""


def died(item) -> Future:
    """The finished future of such an item."""
    future = Future()
    reason = "killed, or short of memory, or called by a script outside `if __name__ == '__main__':`"
    future.set_exception(WorkerDied(f"{item}: the worker process ended, and so did another one: {reason}"))
    return future


def cores() -> int:
    """CPU cores that this process may use: a batch system or a container may have lent it some of the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def worker_pool(workers: int):
    """A pool of spawned processes with one BLAS thread each, which end when their parent is killed. Where the block is
    left by an error or an interrupt, they stop what they are doing, and tidy up.

    They are spawned, so a script that gets here needs `if __name__ == "__main__":`.
    """
    context = multiprocessing.get_context("spawn")
    threads = max(1, cores() // workers)
    with _Pool(workers, context, initializer=_start_worker, initargs=(threads,)) as pool:
        try:
            yield pool
        except BaseException:
            _stop(pool)
            raise


class _Pool(ProcessPoolExecutor):
    def submit(self, function, /, *args, **options):
        return super().submit(_work, function, *args, **options)


def settle(threads: int) -> None:
    """Make this process a worker for life: one BLAS thread, and so many of TensorFlow, if it is not loaded yet."""
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    _of_this_process.enter_context(one_blas_thread())


def _start_worker(threads):
    """In a worker: end when the parent is killed (the pool alone would leave it waiting for ever), and leave interrupts
    from the keyboard to the parent, which passes them on as SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    sentinel = multiprocessing.parent_process().sentinel

    def watch():
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    settle(threads)


def _work(function, *args, **options):
    """In a worker: the function, which is told by SystemExit to stop. Then nobody waits for an answer any more."""
    _at_work.append(function)
    try:
        return function(*args, **options)
    except SystemExit:
        os._exit(TOLD_TO_STOP)
    finally:
        _at_work.clear()


def _leave(*_):
    """End the worker; what is at work first tidies up, and hears it once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _at_work:
        os._exit(TOLD_TO_STOP)
    sys.exit(TOLD_TO_STOP)


def _stop(pool):
    """End a pool's workers, by force after a while: a pool by itself waits for the work in hand."""
    running = list((pool._processes or {}).values())  # Python 3.14 has `terminate_workers`, without the grace
    pool.shutdown(wait=False, cancel_futures=True)
    for process in running:
        process.terminate()
    left, deadline = {process.sentinel: process for process in running}, time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        for sentinel in multiprocessing.connection.wait(left, max(0.0, deadline - time.monotonic())):
            del left[sentinel]
    for process in left.values():
        process.kill()
