"""Work on a dask cluster: one that runs, or one that a batch system starts for the work.

A cluster's file is YAML: the batch system with the options of its class in dask-jobqueue, and how many such jobs.

>>> slurm:
...   cores: 1
...   memory: 4GB
...   walltime: "02:00:00"
... jobs: 20

`local` in place of the batch system is a cluster of processes of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import shutil
import threading
from concurrent.futures import Future
from pathlib import Path

from simulator.shared.errors import InputError
from simulator.shared.processes import died, settle

SYSTEMS = {
    "slurm": "dask_jobqueue:SLURMCluster",
    "pbs": "dask_jobqueue:PBSCluster",
    "sge": "dask_jobqueue:SGECluster",
    "lsf": "dask_jobqueue:LSFCluster",
    "oar": "dask_jobqueue:OARCluster",
    "moab": "dask_jobqueue:MoabCluster",
    "htcondor": "dask_jobqueue:HTCondorCluster",
    "local": "distributed:LocalCluster",
}
"""{name in a cluster's file: module and class}."""
PATIENCE = "30s"
"""How long a scheduler may take to answer."""

_lock, _settled = threading.Lock(), []
"""A worker of several threads works on one item at a time: the number of BLAS threads belongs to the whole process."""


def over_cluster(function, items, workers):
    """As `simulator.shared.workers.mapped`."""
    distributed = _imported("distributed")
    with _silent(), _client(distributed, workers) as client:
        tasks = {client.submit(_called, function, item, pure=False): item for item in items}
        try:
            for task in distributed.as_completed(list(tasks), loop=client.loop):
                item = tasks.pop(task)
                yield item, _future(distributed, task, item)
                task.release()
        finally:
            client.cancel(list(tasks))


def _called(function, item):
    """On a worker."""
    with _lock:
        if not _settled:
            from distributed import get_worker

            settle(get_worker().state.nthreads)
            _settled.append(True)
        return function(item)


def _future(distributed, task, item) -> Future:
    """What a dask future says, as an ordinary one."""
    future = Future()
    error = task.exception()
    if error is None:
        future.set_result(task.result())
    elif isinstance(error, distributed.KilledWorker):
        return died(item)
    elif isinstance(error, ModuleNotFoundError):
        future.set_exception(
            InputError(f"the workers of the cluster lack {error.name}: install there what is installed here")
        )
    elif isinstance(error, asyncio.CancelledError):
        future.set_exception(InputError("the cluster's scheduler went away: the same call goes on"))
    else:
        future.set_exception(error)
    return future


@contextlib.contextmanager
def _silent():
    """dask tells of every connection that closes, with a traceback."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def _client(distributed, workers):
    if workers.scheduler:
        with contextlib.closing(_connected(distributed, workers.scheduler)) as client:
            yield client
        return
    with _started(Path(workers.cluster)) as cluster, contextlib.closing(_connected(distributed, cluster)) as client:
        yield client


def _connected(distributed, place):
    try:
        return distributed.Client(place, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{place}: no dask scheduler answers there ({error}): start one with dask scheduler"
        ) from error


def _started(path):
    """The cluster of a file, its jobs asked for."""
    system, options, jobs = _read(path)
    module, name = SYSTEMS[system].split(":")
    cls = getattr(_imported(module), name)
    submit = "" if system == "local" else cls.job_cls.submit_command.split()[0]
    if submit and not shutil.which(submit):  # dask would wait for ever
        raise InputError(f"{path}: {system}: there is no {submit} here: call this where jobs can be submitted")
    try:
        cluster = cls(**options, **({} if submit else {"n_workers": jobs}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: {system}: {error.__cause__ or error}") from error
    if submit:
        cluster.scale(jobs=jobs)
    return cluster


def _read(path):
    """(batch system, its options, number of jobs) of a cluster's file."""
    yaml = _imported("yaml")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file: expected the YAML file of a cluster")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected YAML: {error}") from error
    content = dict(content) if isinstance(content, dict) else {}
    jobs = content.pop("jobs", None)
    known = len(content) == 1 and set(content) <= set(SYSTEMS)
    if not known or not isinstance(next(iter(content.values())) or {}, dict):
        raise InputError(
            f"{path}: expected one of {', '.join(SYSTEMS)} with its options below it, and jobs; got "
            f"{', '.join(map(str, content)) or 'nothing'}"
        )
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise InputError(f"{path}: jobs: expected a number from 1, got {jobs!r}")
    ((system, options),) = content.items()
    return system, options or {}, jobs


def _imported(module):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(f"a cluster needs {error.name}: pip install 'muspipe[cluster]'") from error
