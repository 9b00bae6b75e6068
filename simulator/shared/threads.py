"""Threads: one of BLAS, for work that must give the same bytes with any number of cores, and for work made of many
small products, which several threads slow down; and work beside other work, where cores are free for it."""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

_this = threading.local()


@contextlib.contextmanager
def one_blas_thread():
    """Limit the BLAS libraries of NumPy and SciPy to one thread within the block.

    The number of threads decides how sums are split, and hence their last digits.
    """
    with _blas_libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _blas_libraries():
    """Those of NumPy and SciPy, sought once a process: it takes some ms, and a sequence is made in less."""
    import numpy  # noqa: F401  (only libraries that are loaded can be found)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def workers(n: int) -> ThreadPoolExecutor:
    """A pool of n threads, which keep all cores busy if they are several."""
    return ThreadPoolExecutor(n, initializer=_one_of, initargs=(n,))


def _one_of(n):
    _this.is_one_of_several = n > 1


@contextlib.contextmanager
def beside(call, *args):
    """What `call(*args)` returns, as a function that is to be called once: computed by another thread meanwhile, or, in
    one of several `workers`, only when it is asked for, so that no more is in memory at a time than cores compute."""
    if getattr(_this, "is_one_of_several", False):
        yield functools.partial(call, *args)
    else:
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(call, *args).result
