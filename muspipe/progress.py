"""Where a long computation is, told from deep within it to whoever listens: what lies between passes nothing on.

>>> with listening(print):
...     method.find(recording)
0.25 component 11 of 40
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextvars import ContextVar

_listener: ContextVar[Callable[[float, str], None] | None] = ContextVar("listener", default=None)
"""Of this thread: a new one has none."""


@contextlib.contextmanager
def listening(listener: Callable[[float, str], None]):
    """Within the block, and in its thread, `tell` calls the listener with the share that is done, 0-1, and what is
    being done. The share never falls, also where another step begins to count from one."""
    highest = 0.0

    def rising(done, what):
        nonlocal highest
        highest = max(highest, done)
        listener(highest, what)

    token = _listener.set(rising)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(n_done: int, of: int, what: str, most: bool = False) -> None:
    """n_done of so many (or, of rounds that end when nothing changes any more, of at most so many) are done:
    "component 3 of 40"."""
    listener = _listener.get()
    if listener is not None:
        listener(n_done / of, f"{what} {n_done + 1} of {'at most ' if most else ''}{of}")
