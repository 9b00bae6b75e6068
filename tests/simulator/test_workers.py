"""Work that is shared out: nothing lost or done twice over, whoever does it and whatever becomes of them."""

import math
import os
import signal
import time
from pathlib import Path

import pytest

from simulator.shared.errors import InputError
from simulator.shared.processes import THREADS, WorkerDied, cores
from simulator.shared.workers import Workers, mapped


def square(number):
    if number == 3:
        raise InputError("no threes")
    return number**2, os.getpid()


def fatal(item):
    """Ends the process at number 2: once, if there is a file for it, else whenever it comes."""
    number, once = item
    if number == 2 and (once is None or not once.exists()):
        if once is not None:
            once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 10 * number


def slow(file):
    """Says that it has begun, and tidies up."""
    file.touch()
    try:
        time.sleep(60)
    finally:
        file.unlink()


def threads(_):
    return [os.environ.get(name) for name in THREADS]


def outcomes(found):
    """{item: result or error}"""
    return {item: future.exception() or future.result() for item, future in found}


def test_one_job_is_done_here_and_more_are_not():
    here = outcomes(mapped(square, range(5), 1))
    assert {process for _, process in (here[i] for i in (0, 1, 2, 4))} == {os.getpid()}
    apart = outcomes(mapped(square, range(5), 2))
    assert os.getpid() not in {process for _, process in (apart[i] for i in (0, 1, 2, 4))}
    assert [found[i][0] for found in (here, apart) for i in (0, 1, 2, 4)] == [0, 1, 4, 16] * 2
    assert str(here[3]) == str(apart[3]) == "no threes"
    ((_, alone),) = mapped(square, [2], 1, apart=True)
    assert alone.result()[1] != os.getpid()
    assert outcomes(mapped(square, [], 2)) == {}


def test_a_worker_that_dies_costs_nothing(tmp_path):
    items = [(number, tmp_path / "killed") for number in range(6)]
    assert outcomes(mapped(fatal, items, 2)) == {item: 10 * item[0] for item in items}
    assert (tmp_path / "killed").exists()


def test_an_item_that_always_kills_is_the_only_one_lost():
    found = outcomes(mapped(fatal, [(number, None) for number in range(4)], 2))
    assert isinstance(found.pop((2, None)), WorkerDied) and sorted(found.values()) == [0, 10, 30]


def test_a_loop_that_is_left_stops_the_workers(tmp_path):
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in mapped(_first_quick, [None, tmp_path / "begun"], 2):
            deadline = time.monotonic() + 30
            while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert (tmp_path / "begun").exists()
            raise KeyboardInterrupt
    assert not (tmp_path / "begun").exists() and time.monotonic() - start < 55


def _first_quick(file):
    return file if file is None else slow(file)


def test_threads_are_divided():
    found = outcomes(mapped(threads, range(2), 2))
    assert found[0] == found[1] == [str(max(1, cores() // 2))] * 2


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"jobs": 0}, "jobs: expected an integer from 1 or none, got 0"),
        ({"jobs": 2, "scheduler": "tcp://a:1"}, "one of jobs, scheduler and cluster"),
        ({"scheduler": 8786}, "scheduler: expected text or none"),
    ],
)
def test_workers_that_cannot_be(given, named):
    with pytest.raises(InputError, match=named):
        Workers(**given)


# On a cluster


def cluster_file(folder, text):
    path = Path(folder) / "cluster.yaml"
    path.write_text(text)
    return Workers(cluster=str(path))


LOCAL = "local: {threads_per_worker: 2, dashboard_address: ':0', local_directory: %s}\njobs: 2\n"


def test_a_cluster_loses_nothing_with_a_worker(tmp_path):
    pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install '.[cluster]'")
    items = [(number, tmp_path / "killed") for number in range(8)]
    workers = cluster_file(tmp_path, LOCAL % tmp_path)
    assert outcomes(mapped(fatal, items, workers)) == {item: 10 * item[0] for item in items}
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "expected one of slurm, .* got nothing"),
        ("slurm: [", "expected YAML"),
        ("slurm: {cores: 1}", "jobs: expected a number from 1, got None"),
        ("slurm: {cores: 1}\njobs: true", "jobs: expected a number from 1, got True"),
        ("slorm: {cores: 1}\njobs: 2", "expected one of slurm, .* got slorm"),
        ("slurm: 4\njobs: 2", "expected one of slurm"),
    ],
)
def test_a_clusters_file_that_is_wrong(tmp_path, text, named):
    pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install '.[cluster]'")
    with pytest.raises(InputError, match=named):
        list(mapped(square, [1], cluster_file(tmp_path, text)))


def test_a_scheduler_that_is_not_there(monkeypatch):
    pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install '.[cluster]'")
    monkeypatch.setattr("simulator.shared.clusters.PATIENCE", "1s")
    for address in ("tcp://127.0.0.1:9", "nowhere"):
        with pytest.raises(InputError, match=f"{address}: no dask scheduler answers there"):
            list(mapped(square, [1], Workers(scheduler=address)))


SLURM = "slurm: {cores: 1, memory: 1GB, walltime: '00:10:00', interface: lo}\njobs: 2\n"
STAND_INS = {
    "sbatch": '#!/bin/bash\ncopy="$(dirname "$0")/script.$$"\ncp "$1" "$copy"\n'
    'setsid bash "$copy" >/dev/null 2>&1 &\necho "Submitted batch job $!"\n',
    "scancel": '#!/bin/bash\nkill -- -"$1"\n',
}
"""What Slurm's own commands do, on this machine alone."""


def test_jobs_without_a_batch_system(tmp_path, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install '.[cluster]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="slurm: there is no sbatch here: call this where jobs can be submitted"):
        list(mapped(square, [1], cluster_file(tmp_path, SLURM)))


@pytest.mark.slow
def test_jobs_of_a_batch_system(tmp_path, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install '.[cluster]'")
    for name, text in STAND_INS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    found = outcomes(mapped(math.factorial, [1, 2, 4], cluster_file(tmp_path, SLURM)))
    assert found == {1: 1, 2: 2, 4: 24}
    script, *_ = tmp_path.glob("script.*")
    assert "#SBATCH -t 00:10:00" in script.read_text()
    with pytest.raises(InputError, match="slurm: .*coars"):
        list(mapped(square, [1], cluster_file(tmp_path, SLURM.replace("cores", "coars"))))
