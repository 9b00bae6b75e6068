"""`muspipe figure`: the figure of a result again, of chosen units and a chosen time, for print or screen."""

from __future__ import annotations

import argparse
import re

ENDINGS = (".png", ".pdf", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("result", metavar="RESULT", help="result file, or folder of `muspipe identify`")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to draw: .png, .pdf or .svg")
    parser.add_argument("--units", metavar="NUMBERS", help="of the units to show, such as 1-10,14 (default: all)")
    parser.add_argument(
        "--window",
        nargs=2,
        type=float,
        metavar=("FROM", "TO"),
        help="part of the twitch trains [s] (default: all of it, of longer recordings the first 12 s)",
    )
    parser.add_argument("--truth", metavar="FILE", help="result file with the true motor units, drawn dashed")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from muspipe.outputs import checked_file

    path = checked_file(args.out, ENDINGS, args.overwrite)
    units = None if args.units is None else unit_numbers(args.units)
    from muspipe.commands.report import result_file
    from muspipe.figures.identification import draw_identification
    from muspipe.recordings.result import Result
    from simulator.shared.files import atomic_path

    result = Result.load(result_file(args.result))
    truth = Result.load(result_file(args.truth)) if args.truth else None
    figure = draw_identification(result, truth, units=units, window_s=args.window)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=200)
    print(path)
    return 0


def unit_numbers(text: str) -> list[int]:
    """[1, 2, 3, 7] of "1-3,7". InputError for anything else."""
    from muspipe.errors import InputError

    numbers = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part, re.ASCII)
        first, last = (0, 0) if found is None else (int(found[1]), int(found[2] or found[1]))
        if not 1 <= first <= last:
            raise InputError(f"--units: expected numbers and ranges such as 1-10,14, got {text!r}")
        numbers += range(first, last + 1)
    return numbers
