"""One BLAS thread, for work that must give the same bytes with any number of cores, and for work made of many small
products, which several threads slow down."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def one_blas_thread():
    """Limit every BLAS library of the process to one thread within the block.

    The number of threads decides how sums are split, and hence their last digits.
    """
    import numpy  # noqa: F401  (only libraries that are loaded can be limited)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
