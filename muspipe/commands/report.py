"""`muspipe report`: results as one page, to look at in any browser without a network."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "results", nargs="+", metavar="RESULT", help="result file, or folder of `muspipe identify`; several in one page"
    )
    parser.add_argument(
        "--out", default="report.html", metavar="FILE.html", help="where to write (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from muspipe.outputs import checked_file

    path = checked_file(args.out, (".html", ".htm"), args.overwrite, args.results)
    from muspipe.recordings.result import Result
    from muspipe.report.page import write_report

    files = [result_file(given) for given in args.results]
    results = [Result.load(file) for file in files]
    write_report(results, path, _names(results, args.results))
    n_units = sum(result.n_units for result in results)
    recordings = "1 recording" if len(results) == 1 else f"{len(results)} recordings"
    print(f"{path}: {n_units} motor units of {recordings}, {path.stat().st_size / 1e6:.1f} MB: open it in a browser")
    return 0


def result_file(given) -> Path:
    """The result file: what is given, or result.h5 in it."""
    return Path(given) / "result.h5" if Path(given).is_dir() else Path(given)


def _names(results, given):
    """Of the recordings: the name of the file; with what was given where that does not tell them apart."""
    names = [result.source.get("name") or "" for result in results]
    plain = [bool(name) and names.count(name) == 1 for name in names]
    return [
        name if alone else f"{name} ({word})".strip() for name, word, alone in zip(names, given, plain, strict=True)
    ]
