"""The same function over many items: in this process, in worker processes, or on a dask cluster.

Whoever does the work, an item gives the same result, and one that takes its worker down with it costs nothing but
itself.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from simulator.shared.errors import InputError
from simulator.shared.processes import cores, died, worker_pool
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class Workers:
    """Who does the work."""

    jobs: int | None = setting(None, "worker processes; default one for each CPU core", least=1, metavar="N")
    scheduler: str | None = setting(
        None, "address of a dask scheduler, whose workers do the work instead: tcp://HOST:8786", metavar="ADDRESS"
    )
    cluster: str | None = setting(
        None, "YAML file of a cluster that dask-jobqueue starts for the work, see muspipe/README.md", metavar="FILE"
    )

    def __post_init__(self):
        check(self)
        if (self.jobs, self.scheduler, self.cluster).count(None) < 2:
            raise InputError(
                "expected one of jobs, scheduler and cluster (--jobs, --scheduler, --cluster), got several"
            )


def workers_of(given: int | Workers | None) -> Workers:
    """Workers, of the number of jobs."""
    return given if isinstance(given, Workers) else Workers(jobs=given)


def mapped(
    function: Callable, items: Iterable, workers: int | Workers | None = None, *, apart: bool = False
) -> Iterator[tuple[object, Future]]:
    """(item, finished future) of each item, as they come: `future.result()` is `function(item)`, or raises what it
    raised, or WorkerDied.

    function, items and results are sent to other processes: a function of a module, plain values. A single job is done
    in this process, unless it is to be kept `apart`, as one that may end the process. Where the loop is left early,
    all that is not finished is stopped.
    """
    items, workers = list(items), workers_of(workers)
    if workers.scheduler or workers.cluster:
        from simulator.shared.clusters import over_cluster

        return over_cluster(function, items, workers)
    jobs = min(workers.jobs or cores(), len(items))
    if jobs == 1 and not apart:
        return _here(function, items)
    return _over_processes(function, items, jobs)


def _here(function, items):
    for item in items:
        future = Future()
        try:
            with one_blas_thread():
                future.set_result(function(item))
        except Exception as error:
            future.set_exception(error)
        yield item, future


def _over_processes(function, items, jobs):
    waiting = collections.deque(items)
    while waiting:
        for item in (yield from _until_a_death(function, waiting, jobs)):
            yield item, _alone(function, item)


def _until_a_death(function, waiting, jobs):
    """Take items off `waiting`, until all are done or a worker has died. Returns those that may have ended it: each
    worker holds one item at a time, so they are few. Each is then tried again in a process of its own."""
    running, suspects = {}, []

    def fill():
        with contextlib.suppress(BrokenProcessPool):  # what runs will tell
            while waiting and len(running) < jobs:
                future = pool.submit(function, waiting[0])
                running[future] = waiting.popleft()

    with worker_pool(jobs) as pool:
        fill()
        while running:
            finished = [(running.pop(future), future) for future in wait(running, return_when=FIRST_COMPLETED).done]
            fill()  # before the consumer takes its time
            for item, future in finished:
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(item)
                else:
                    yield item, future
    return suspects or [waiting.popleft() for _ in range(min(1, len(waiting)))]


def _alone(function, item):
    """The finished future of an item that may end its process."""
    with worker_pool(1) as pool:
        future = pool.submit(function, item)
        wait([future])
    return died(item) if isinstance(future.exception(), BrokenProcessPool) else future
