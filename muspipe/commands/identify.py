"""`muspipe identify`: from a recording's file to its motor units, as a result file, a table and a figure; or the same
for many."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from muspipe.commands.identifying import OUTPUTS
from muspipe.commands.methods import add_firings, add_method
from muspipe.commands.workers import WORK, add_workers
from muspipe.identification.method import METHODS

FORMATS = ("png", "pdf", "svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Writes into DIR: "
        + "; ".join(f"{name} ({what})" for name, what in OUTPUTS.items())
        + ". Of several recordings, a folder of them, or with --jobs: into DIR/NAME for each, and a table of all into "
        "DIR/summary.csv; what is there of the same file, settings and version stays."
    )
    parser.add_argument(
        "recording",
        nargs="+",
        metavar="RECORDING",
        help="velocity images, IQ or RF: .h5, .npy, .npz or .mat; or several, or a folder with them in it or below",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    add_method(parser, METHODS)
    add_firings(parser)
    parser.add_argument("--frame-rate", type=float, metavar="HZ", help="frame rate; overrides the file's")
    parser.add_argument("--pixel-mm", type=float, metavar="MM", help="side of a pixel; overrides the file's")
    parser.add_argument("--variable", metavar="NAME", help="name of the velocity array in the file (default: velocity)")
    parser.add_argument("--axes", metavar="HWT", help="order of the array's axes: height, width, time (default: HWT)")
    parser.add_argument("--overwrite", action="store_true", help="replace the results of an earlier run in DIR")
    parser.add_argument("--no-report", action="store_true", help="do not write report.html")
    parser.add_argument(
        "--figure-format", action="append", choices=FORMATS, help="of the figure (default: png); may be repeated"
    )
    parser.add_argument("--truth", metavar="FILE", help="result file with the true motor units, to compare with")
    add_workers(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0; with several recordings 1 if some failed."""
    several = len(args.recording) > 1 or any(getattr(args, name) is not None for name in WORK)
    if several or Path(args.recording[0]).is_dir():
        from muspipe.commands.many import run_many

        return run_many(args)
    (args.recording,) = args.recording
    return _run_one(args)


def _run_one(args):
    from muspipe.commands.identifying import identify_into, refuse_inputs_as_outputs
    from muspipe.commands.showing import shown_steps
    from muspipe.outputs import output_files

    refuse_inputs_as_outputs(args)
    with output_files(args.out, tuple(OUTPUTS), args.overwrite) as folder:
        with shown_steps("reading", 4 + (not args.no_report)) as step:
            result, metrics = identify_into(folder, args, step)
        written = [name for name in OUTPUTS if (folder / name).exists()]
    _print_summary(args, result)
    for warning in result.warnings:
        print(f"note: {warning}", file=sys.stderr)
    if metrics is not None:
        _print_metrics(args.truth, metrics)
    print("\nWritten:")
    for name in written:
        print(f"  {Path(args.out) / name}")
    return 0


def _print_summary(args, result):
    from muspipe.discharges import discharge_properties

    height, width = result.image_shape
    print(
        f"{result.n_units} motor unit{'' if result.n_units == 1 else 's'} found in {args.recording} "
        f"({height} x {width} px, {result.duration_s:.4g} s at {result.frame_rate_hz:g} Hz; method {result.method})"
    )
    if result.n_units:
        print("\nunit   x [mm]   y [mm]  diameter [mm]  firings  rate [Hz]  score")
    rates_hz = discharge_properties(result.firings)["rate_hz"]  # as in the report and the exports
    rows = zip(result.centres_mm, result.diameters_mm, result.firings, rates_hz, result.scores, strict=True)
    for number, ((y_mm, x_mm), diameter_mm, firings_s, rate_hz, score) in enumerate(rows, start=1):
        rate = "-" if math.isnan(rate_hz) else f"{rate_hz:.1f}"
        print(f"{number:4}  {x_mm:7.1f}  {y_mm:7.1f}  {diameter_mm:13.1f}  {len(firings_s):7}  {rate:>9}  {score:5.2f}")
    _print_activity(result)


def _print_activity(result):
    """Of units that are active for a part of the recording."""
    if result.recruited_s is None:
        return
    print()
    for number, times_s in enumerate(zip(result.recruited_s, result.derecruited_s, strict=True), start=1):
        words = [f"{what} {t:.2f} s" for what, t in zip(("from", "to"), times_s, strict=True) if math.isfinite(t)]
        if words:
            print(f"unit {number} is active {' '.join(words)} only")


def _print_metrics(path, metrics):
    def shown(key):
        return "  -  " if math.isnan(metrics[key]) else f"{metrics[key]:.3f}"

    n_false = metrics["n_found"] - metrics["n_matched"]
    print(
        f"\nAgainst the truth in {path}:\n"
        f"  motor units  {metrics['n_matched']} of {metrics['n_true']} found, {n_false} false: "
        f"recall {shown('recall')}, precision {shown('precision')}\n"
        f"  territories  pixel recall {shown('segmentation_recall')}, "
        f"pixel precision {shown('segmentation_precision')}\n"
        f"  firings      rate of agreement {shown('roa')} with those of the true twitch trains, "
        f"{shown('roa_discharges')} with the true discharges"
    )
