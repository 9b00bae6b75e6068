"""Where a long command is: a bar in a terminal, lines now and then in a log."""

from __future__ import annotations

import contextlib
import sys
import time

from tqdm import tqdm

LOG_EVERY_S = 30.0
BAR = "{desc:<12} {bar:24} {elapsed}{postfix}"


@contextlib.contextmanager
def shown_steps(first: str, n: int):
    """Yield `step`, to be called with the name of each further step of n as it begins; `step.within(done, what)` tells
    the share of the present one, 0-1, and what is being done."""
    with tqdm(total=n, desc=first, bar_format=BAR, leave=False, disable=None) as bar:
        yield _Steps(bar)


class Unseen:
    """In place of the steps, where nobody looks."""

    def __call__(self, name: str):
        pass

    def within(self, done: float, what: str):
        pass


class _Steps:
    def __init__(self, bar):
        self._bar, self._n, self._name = bar, 0, ""
        self._begun = self._said = time.monotonic()

    def __call__(self, name: str):
        self._n, self._name, self._begun = self._n + 1, name, time.monotonic()
        self._bar.n = self._n
        self._bar.set_description_str(name)
        self._log(name)

    def within(self, done: float, what: str):
        took_s = time.monotonic() - self._begun
        left = f", {_duration(took_s * (1 - done) / done)} left" if done > 0.02 and took_s > 1 else ""
        self._bar.n = self._n + min(max(done, 0.0), 1.0)
        self._bar.set_postfix_str(f"{what}{left}")
        self._log(f"{self._name}: {what}, {done:.0%}{left}")

    def _log(self, line):
        """Into a log at most every so often: a short command says nothing."""
        now = time.monotonic()
        if self._bar.disable and now - self._said >= LOG_EVERY_S:
            self._said = now
            print(line, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    """ "45 s" or "3 min" """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
