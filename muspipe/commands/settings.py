"""`--set NAME=VALUE`, for the settings of a method."""

from __future__ import annotations

import argparse


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The argument itself, may be repeated; and --signals, the setting that people change most."""
    parser.add_argument(
        "--signals",
        metavar="KIND",
        help="whence the twitch trains: network, least-squares, mean (deep, hybrid, twitch-true) or ica (hybrid); "
        "default: what measured best",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="a setting of the method, e.g. --set signals=network; may be repeated",
    )


def given_settings(args: argparse.Namespace) -> dict:
    """{name: value} of --signals and --set; numbers, lists and true/false as in JSON, anything else is text. InputError
    for a --set without "="."""
    import json

    from muspipe.errors import InputError

    settings = {} if args.signals is None else {"signals": args.signals}
    for pair in args.settings:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set: expected NAME=VALUE, got {pair!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings[name] = tuple(value) if isinstance(value, list) else value
    return settings
