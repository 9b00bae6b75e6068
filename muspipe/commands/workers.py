"""Arguments of the commands that share their work out: who does it."""

from __future__ import annotations

import argparse

from simulator.shared.settings import add_arguments, described, given
from simulator.shared.workers import Workers

WORK = tuple(described(Workers))
"""Their names."""


def add_workers(parser) -> None:
    """`--jobs`, `--scheduler`, `--cluster`, in a group of their own; `--workers` is the older name of the first."""
    group = parser.add_argument_group("work")
    add_arguments(group, Workers)
    group.add_argument("--workers", dest="jobs", help=argparse.SUPPRESS)


def given_workers(args: argparse.Namespace) -> Workers:
    """InputError for what does not fit."""
    return Workers(**given(args, Workers))
