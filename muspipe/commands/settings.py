"""`muspipe settings`: what `--set NAME=VALUE` takes, read from the settings themselves."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator

from muspipe.evaluation import EVALUATED
from muspipe.identification.method import DEFAULT_METHOD
from simulator.config import SCENARIOS
from simulator.shared.settings import Line, lines_of

WIDTH, GAP = 120, "  "
WIDEST = {"default": 20, "value": 24}
"""Of these columns; longer texts go on below."""
BEFORE = {
    "prepare": "what is done before any method (identify, view, evaluate)",
    "cut": "how a long or large recording is cut, whatever the method (identify, view)",
}
SIMULATED = {
    "paper": "flat, separable territories, as Ali et al. 2020 print it",
    "physiological": "soft, blurred territories with onset delays and skewed amplitudes",
    "echo": "what a scanner sees: velocity from echoes, dragged tissue, motion, any outline",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "topic",
        nargs="?",
        metavar="TOPIC",
        help="a method of `muspipe identify` or `muspipe evaluate`; prepare or cut, what is done before a method; a "
        "scenario of `muspipe simulate`; or a word, such as motion: all settings with it in their name or meaning; "
        "without it: all topics",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0; InputError for a word that no setting has."""
    if args.topic is None:
        print(_contents())
    elif args.topic in EVALUATED:
        print(f"{_of_method(args.topic)}\n\n{_table(_method(args.topic))}\n\nBefore it, as before any method:\n")
        print(_table([line for part in BEFORE for line in _part(part)]))
    elif args.topic in BEFORE:
        print(f"{BEFORE[args.topic]}\n\n{_table(_part(args.topic))}")
    elif args.topic in SCENARIOS:
        print(f"muspipe simulate --scenario {args.topic}: {SIMULATED[args.topic]}\n\n{_table(_scenario(args.topic))}")
    else:
        print(_with_word(args.topic))
    return 0


def _contents():
    topics = {
        "--method NAME of muspipe identify, view and evaluate": {name: e.help for name, e in EVALUATED.items()},
        "whatever the method": BEFORE,
        "--scenario NAME of muspipe simulate": SIMULATED,
    }
    width = max(len(name) for group in topics.values() for name in group) + len(" (default)")
    lines = ["muspipe settings TOPIC lists what --set NAME=VALUE takes; TOPIC is one of these, or a word to look for:"]
    for title, group in topics.items():
        lines += ["", title]
        for name, text in group.items():
            shown = f"{name} (default)" if name == DEFAULT_METHOD else name
            lines.append(f"  {shown:{width}}{GAP}{text}")
    return "\n".join(lines)


def _of_method(name):
    return f"--method {name}: {EVALUATED[name].help}"


def _method(name) -> list[Line]:
    return list(lines_of(EVALUATED[name].load()()))


def _part(name) -> list[Line]:
    from muspipe.identification.blocks import Cutting
    from muspipe.preparation.prepare import Preparation

    return list(lines_of({"prepare": Preparation, "cut": Cutting}[name](), f"{name}."))


def _scenario(name) -> list[Line]:
    return list(lines_of(SCENARIOS[name]))


def _with_word(word):
    """Tables of all settings with a word in their name or meaning; those that several topics share stand once."""
    from muspipe.errors import InputError

    topics = {name: _method(name) for name in EVALUATED} | {name: _part(name) for name in BEFORE}
    topics |= {f"scenario {name}": _scenario(name) for name in SCENARIOS}
    places: dict[Line, list[str]] = {}
    for topic, lines in topics.items():
        for line in lines:
            if word.lower() in f"{line.name} {line.help}".lower():
                places.setdefault(line, []).append(topic)
    if not places:
        names = ", ".join((*EVALUATED, *BEFORE, *SCENARIOS))
        raise InputError(f"expected one of {names}, or a word in a setting's name or meaning; none has {word!r}")
    shared: dict[tuple[str, ...], list[Line]] = {}
    for line, where in places.items():
        shared.setdefault(tuple(where), []).append(line)
    return "\n\n".join(f"{', '.join(where)}\n\n{_table(lines)}" for where, lines in shared.items())


def _table(lines: list[Line]) -> str:
    """At most WIDTH columns wide."""
    rows = [("setting", "default", "unit", "value", "meaning")]
    rows += [(line.name, line.value, line.unit, line.expected, line.help) for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [min(width, WIDEST.get(title, WIDTH)) for width, title in zip(widths, rows[0], strict=True)]
    widths[-1] = WIDTH - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    return "\n".join(line for row in rows for line in _wrapped(row, widths))


def _wrapped(row, widths) -> Iterator[str]:
    """The lines of a row of a table."""
    cells = [textwrap.wrap(text, width, break_on_hyphens=False) for text, width in zip(row, widths, strict=True)]
    for i in range(max(map(len, cells))):
        parts = [cell[i] if i < len(cell) else "" for cell in cells]
        yield GAP.join(f"{part:{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()
