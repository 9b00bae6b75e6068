"""The shared room: whole files, BLAS threads, worker processes, and what importing it costs."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  (loads SciPy's BLAS, which has threads of its own)
from threadpoolctl import threadpool_info, threadpool_limits

from simulator.shared.files import atomic_path, sha256_of_file
from simulator.shared.processes import worker_pool
from simulator.shared.threads import beside, one_blas_thread, workers

ROOT = Path(__file__).parents[2]


def blas_threads():
    """Threads of each BLAS library of the process."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("module", ["simulator", "simulator.shared.errors", "simulator.shared.settings"])
def test_import_does_not_load_numpy(module):
    code = f"import sys, {module}; print('numpy' in sys.modules, 'simulator.config' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_one_blas_thread_inside_and_the_former_number_after():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert before and set(before) == {2}
        with one_blas_thread():
            assert set(blas_threads()) == {1}
            with one_blas_thread():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before
        with pytest.raises(KeyError):
            with one_blas_thread():
                raise KeyError
        assert blas_threads() == before


def test_one_blas_thread_reaches_libraries_that_were_not_loaded_before():
    code = (
        "from simulator.shared.threads import beside, one_blas_thread, workers\n"
        "with one_blas_thread():\n"
        "    import numpy, scipy.linalg, threadpoolctl\n"
        "    print({i['num_threads'] for i in threadpoolctl.threadpool_info() if i['user_api'] == 'blas'})"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "{1}\n"


def test_workers_have_one_blas_thread_each():
    with threadpool_limits(2, user_api="blas"), worker_pool(1) as pool:
        assert set(pool.submit(blas_threads).result()) == {1}
        assert set(blas_threads()) == {2}  # the parent keeps its own


PARENT = """
import os, signal
from simulator.shared.processes import worker_pool
if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_a_killed_parent(tmp_path):
    script, said = tmp_path / "parent.py", tmp_path / "said"
    script.write_text(PARENT)
    with said.open("w") as file:  # a pipe would stay open for as long as the worker lives
        ended = subprocess.run([sys.executable, script], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=file)
    assert ended.returncode == -signal.SIGKILL
    worker, deadline = int(said.read_text()), time.monotonic() + 10
    while _runs(worker):
        if time.monotonic() > deadline:
            os.kill(worker, signal.SIGKILL)
            pytest.fail("the worker outlives its parent")
        time.sleep(0.02)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")  # one that ended and was not yet reaped does not run
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".txt" and path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(OSError) as caught:
        with atomic_path(tmp_path / "a.txt") as temporary:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))
    assert caught.value.filename == str(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError) as caught:
        with atomic_path(tmp_path / "none" / "a.txt") as temporary:
            temporary.write_text("")
    assert caught.value.filename == str(tmp_path / "none" / "a.txt")


def test_checksum_of_a_file(tmp_path):
    content = np.random.default_rng(0).bytes(1_000_000)
    (tmp_path / "a").write_bytes(content)
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_work_beside_is_another_threads_unless_this_is_one_of_several():
    """In one of several it is done by this thread, and only when it is asked for."""

    def place():
        done = []
        with beside(lambda: done.append("beside") or threading.get_ident()) as result:
            done.append("asked")
            other = result()
        return other == threading.get_ident(), done

    assert not place()[0]
    with workers(1) as pool:
        assert not pool.submit(place).result()[0]
    with workers(2) as pool:
        assert pool.submit(place).result() == (True, ["asked", "beside"])


def test_what_goes_wrong_beside_is_raised():
    def fails():
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"), beside(fails) as result:
        result()
