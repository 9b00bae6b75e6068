"""`muspipe export`: a result in the format of another program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from muspipe.errors import InputError
from muspipe.export.formats import FORMATS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("result", metavar="RESULT", help="result file, or folder of `muspipe identify`")
    formats = "; ".join(f"{name}: {format.what}" for name, format in FORMATS.items())
    parser.add_argument("--to", required=True, choices=FORMATS, help=formats)
    parser.add_argument("--out", metavar="PATH", help="where to write (default: beside RESULT, under its name)")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument(
        "--session-start", metavar="TIME", help="for nwb: when the recording began, as 2026-05-01T10:00:00+02:00"
    )
    parser.add_argument(
        "--force",
        metavar="FILE.csv",
        help="for openhdemg: force during the recording, columns time_s and force [%% of the maximal one]",
    )
    parser.add_argument(
        "--force-start-s",
        type=float,
        metavar="S",
        help="when the ultrasound's first frame was, on the clock of the force [s] (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from muspipe.commands.report import result_file
    from muspipe.outputs import check_target
    from muspipe.recordings.result import Result

    format, given = FORMATS[args.to], result_file(args.result)
    path = Path(args.out) if args.out else given.with_name(given.stem + format.ending)
    options = _options(args)
    result = Result.load(given)
    if format.folder:
        _save_folder(format, result, path, args.overwrite)
    else:
        check_target(path, args.overwrite, [given])
        format.save(result, path, **options)
    n_firings = sum(map(len, result.firings))
    print(f"{path}: {result.n_units} motor units, {n_firings} firings ({format.what})")
    if args.to == "nwb" and not options:
        text = "note: the file says that the recording began in 1900, as nobody said when: --session-start TIME"
        print(text, file=sys.stderr)
    return 0


def _options(args) -> dict:
    """Of the format's function."""
    options = {}
    for name, to, read in (
        ("session_start", "nwb", _date),
        ("force", "openhdemg", _force),
        ("force_start_s", "openhdemg", float),
    ):
        given = getattr(args, name)
        if given is not None:
            if args.to != to:
                raise InputError(f"--{name.replace('_', '-')}: only {to} keeps it, not {args.to}")
            options[name] = read(given)
    if "force_start_s" in options and "force" not in options:
        raise InputError("--force-start-s: expected with --force FILE.csv, got without")
    return options


def _date(text):
    from datetime import datetime

    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        expected = "a date and time with its zone, as 2026-05-01T10:00:00+02:00"
        raise InputError(f"--session-start: expected {expected}, got {text!r}")
    return start


def _force(path):
    from muspipe.recordings.force import load_force

    return load_force(path)


def _save_folder(format, result, path, overwrite):
    from muspipe.export.csv import TABLES
    from muspipe.outputs import output_files

    with output_files(path, tuple(TABLES), overwrite) as folder:
        format.save(result, folder)
