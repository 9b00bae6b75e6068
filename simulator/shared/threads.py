"""One BLAS thread, for work that must give the same bytes with any number of cores, and for work made of many small
products, which several threads slow down."""

from __future__ import annotations

import contextlib
import functools


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
