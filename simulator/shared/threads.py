"""One BLAS thread for what must give the same bytes on every machine, and for what many small products make slower
when several threads share them."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def one_blas_thread():
    """Limit every BLAS library of the process to one thread within the block.

    The number of threads decides how sums are split, and so about their last digits.
    """
    import numpy  # noqa: F401  (the libraries to limit are those that are loaded)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
