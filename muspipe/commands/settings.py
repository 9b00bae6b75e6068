"""`--set NAME=VALUE`, for the settings of a method."""

from __future__ import annotations

import argparse


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The argument itself, may be repeated."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the method, e.g. --set signals=network; may be repeated",
    )  # fmt: skip


def parse_settings(pairs: list[str]) -> dict:
    """{name: value} of NAME=VALUE; numbers, lists and true/false as in JSON, anything else is text. InputError for what
    has no "="."""
    import json

    from simulator.errors import InputError

    settings = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set: expected NAME=VALUE, got {pair!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings[name] = tuple(value) if isinstance(value, list) else value
    return settings
