"""The commands `muspipe` and `muspipe-train`: one table of sub-commands, and what their errors look like.

Each sub-command is a module with `add_arguments(parser)` and `run(args) -> int | None`. Only the chosen one is
imported, and it imports what is heavy in `run`, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys

from muspipe import __version__
from muspipe.errors import InputError, one_line

PROGRAMS = {
    "muspipe": "Identify motor units in ultrafast ultrasound of contracting muscle.",
    "muspipe-train": "Make training data and train the networks of muspipe.",
}

COMMANDS = {
    "muspipe": {
        "simulate": "make a simulated recording or data set, with its truth",
        "velocity": "estimate tissue velocity from a scanner's echoes, IQ or RF",
        "identify": "find the motor units of a recording",
        "view": "show the motor units of a recording in a browser, without writing anything",
        "report": "write a page of results, to look at in a browser",
        "figure": "draw a result, or some of its units and a part of its time",
        "export": "write a result for MATLAB, openhdemg, pandas and others",
        "compare": "compare a result with decomposed EMG",
        "evaluate": "measure a method on a simulated data set",
        "settings": "list what --set takes: the settings of a method or a scenario, with unit, range and meaning",
    },
    "muspipe-train": {
        "preview": "draw a training batch as the networks see it",
        "seg": "train the segmentation network, which finds territories",
        "twitch": "train the network that gives a territory its twitch train",
        "export": "write a run's best weights as one of the package's networks",
    },
}
"""{program: {sub-command: help}}. Sub-command `name` is the module muspipe.commands.name, if MODULES says no other."""

MODULES = {("muspipe-train", "export"): "export_network"}

USAGE_ERROR, INTERRUPTED = 2, 130


def main(argv=None) -> int:
    """The command `muspipe`. argv: arguments without the program's name. Returns the exit code."""
    return _main("muspipe", argv)


def main_train(argv=None) -> int:
    """The command `muspipe-train`."""
    return _main("muspipe-train", argv)


def _main(program, argv):
    argv = sys.argv[1:] if argv is None else list(argv)
    if hasattr(sys.stdout, "reconfigure"):  # a file's name may hold bytes that are no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _terminable():
            code = _run(program, argv)
        sys.stdout.flush()  # so that a closed pipe shows here, not when Python ends
        return code
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        line = one_line(error)
        if line is None or os.environ.get("MUSPIPE_DEBUG") == "1":
            raise
        print(f"{program}: error: {line}", file=sys.stderr)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else USAGE_ERROR


@contextlib.contextmanager
def _terminable():
    """Let SIGTERM (the time limit of a batch system) end the work as an error would, so that temporary files go."""

    def stop(*_):
        sys.exit(128 + signal.SIGTERM)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # outside the main thread, signals are not ours to handle
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(program, argv):
    chosen = next((word for word in argv if not word.startswith("-")), None)
    args = _parser(program, chosen).parse_args(argv)
    for name, value in vars(args).items():
        if value == "":
            raise InputError(f"{name}: expected a value, got an empty text")
    return _module(program, args.command).run(args) or 0


def _module(program, name):
    return importlib.import_module(f"muspipe.commands.{MODULES.get((program, name), name)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, as for every other error; argparse would print the usage first."""
        self.exit(USAGE_ERROR, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _parser(program, chosen):
    parser = _Parser(prog=program, description=PROGRAMS[program])
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS[program].items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen:
            _module(program, name).add_arguments(subparser)
    return parser
