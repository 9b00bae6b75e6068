"""Arguments of the commands that run a method: which one, and its settings."""

from __future__ import annotations

import argparse

from muspipe.firings import DEFAULT_RULE, RULES
from muspipe.identification.method import DEFAULT_METHOD, Entry, methods_help


def add_method(parser: argparse.ArgumentParser, table: dict[str, Entry]) -> None:
    """`--method`, a name in the table; `--set`, which may be repeated; `--signals`, the setting that people change
    most."""
    parser.add_argument("--method", default=DEFAULT_METHOD, metavar="NAME", help=methods_help(table))
    parser.add_argument(
        "--signals",
        metavar="KIND",
        help="how twitch trains are computed, of methods with this setting: network, least-squares, mean; by hybrid "
        "also separation, its own, or clearest, the one that twitches explain best; default: what measured best",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="a setting of the method, e.g. min_score=0.5, or ica.min_score=0.5 inside another, or of what is done "
        "before it, e.g. prepare.motion=false; `muspipe settings NAME` lists them; may be repeated",
    )


def add_firings(parser: argparse.ArgumentParser) -> None:
    """`--firings`, a rule."""
    rules = "; ".join(f"{name}{' (default)' if name == DEFAULT_RULE else ''}: {what}" for name, what in RULES.items())
    parser.add_argument(
        "--firings", default=DEFAULT_RULE, metavar="RULE", help=f"how firings are found in twitch trains: {rules}"
    )


ARGUMENTS = {"recording", "method", "firings", "progress", "jobs"}
"""Of `identify` itself, which takes settings beside them."""


def given_settings(args: argparse.Namespace) -> dict:
    """{name: value} of --signals and --set. InputError for a --set without "=", and of what is no setting."""
    from muspipe.errors import InputError
    from simulator.shared.settings import parse_assignments

    signals = {} if args.signals is None else {"signals": args.signals}
    settings = signals | parse_assignments(args.settings)
    for name in ARGUMENTS & settings.keys():
        raise InputError(
            f"--set {name}: expected a setting of the method, of prepare. or of cut., {name} is none (they are listed "
            f"by `muspipe settings {args.method}`)"
        )
    return settings
