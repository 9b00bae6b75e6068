"""`muspipe identify`: from a recording's file to its motor units, as a result file, a table and a figure."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import os
import sys
import warnings
from pathlib import Path

from muspipe.commands.methods import add_firings, add_method, given_settings
from muspipe.identification.method import METHODS

FORMATS = ("png", "pdf", "svg")
OUTPUTS = {
    "result.h5": "territories, twitch trains, firings, scores, settings",
    "firings.csv": "firing times, one row a firing",
    "figure.png": "territories over the velocity map, twitch trains with firings",
    "report.html": "the same and more, to look at in a browser (not with --no-report)",
    "figure.pdf": "with --figure-format pdf",
    "figure.svg": "with --figure-format svg",
    "metrics.json": "agreement with the truth (with --truth)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Writes into DIR: " + "; ".join(f"{name} ({what})" for name, what in OUTPUTS.items()) + "."
    parser.add_argument("recording", metavar="RECORDING", help="velocity images, IQ or RF: .h5, .npy, .npz or .mat")
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


def run(args: argparse.Namespace) -> int:
    from muspipe.outputs import output_files

    _refuse_inputs_as_outputs(args)
    with output_files(args.out, tuple(OUTPUTS), args.overwrite) as folder:
        result, metrics = _identify_into(folder, args)
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


def _identify_into(folder, args):
    """Write all files into `folder`. Returns (result, metrics or None)."""
    from tqdm import tqdm

    with tqdm(
        total=4 + (not args.no_report),
        desc="reading",
        bar_format="{desc:<26} {bar:24} {elapsed}",
        leave=False,
        disable=None,
    ) as bar:

        def step(name):
            bar.n = int(bar.n) + 1
            bar.set_description_str(name)

        def looking(done, what):
            bar.n = int(bar.n) + min(done, 0.99)
            bar.set_description_str(what)

        # Within the bar, as these imports take the first second.
        from muspipe.evaluation.metrics import compare
        from muspipe.export.csv import save_firings
        from muspipe.identification.identify import identify

        recording, doubts = _load(args)
        truth = _load_truth(args.truth, recording) if args.truth else None
        step("identifying")
        result = identify(recording, method=args.method, firings=args.firings, progress=looking, **given_settings(args))
        result = dataclasses.replace(result, warnings=(*doubts, *result.warnings))
        metrics = compare(result, truth, args.firings) if truth else None
        step("drawing")
        from muspipe.figures.identification import draw_identification

        figure = draw_identification(result, truth)
        for ending in args.figure_format or ["png"]:
            figure.savefig(folder / f"figure.{ending}", dpi=200)
        step("writing")
        result.save(folder / "result.h5")
        save_firings(result, folder / "firings.csv")
        if metrics is not None:
            plain = {key: None if math.isnan(value) else value for key, value in metrics.items()}  # JSON has no NaN
            (folder / "metrics.json").write_text(json.dumps(plain, indent=2) + "\n")
        if not args.no_report:
            step("reporting")
            from muspipe.report.page import write_report

            write_report([result], folder / "report.html")
    return result, metrics


def _load(args):
    """(recording, warnings about it: the velocity of echoes may be doubtful)."""
    from muspipe.recordings.readers import load_recording

    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", UserWarning)
        recording = load_recording(
            args.recording,
            frame_rate_hz=args.frame_rate,
            pixel_mm=args.pixel_mm,
            variable=args.variable,
            axes=args.axes,
            whole=False,
        )
    return recording, [str(warning.message) for warning in noticed]


def _refuse_inputs_as_outputs(args):
    from muspipe.errors import InputError

    for given in filter(None, (args.recording, args.truth)):
        for name in OUTPUTS:
            with contextlib.suppress(OSError):  # one of the two is not there: then they are not the same
                if os.path.samefile(given, Path(args.out) / name):
                    raise InputError(f"{given}: would be replaced by the results: choose another output folder")


def _load_truth(path, recording):
    from muspipe.errors import InputError
    from muspipe.recordings.result import Result

    truth = Result.load(path)
    expected = (*recording.image_shape, recording.n_frames, recording.frame_rate_hz)
    got = (*truth.image_shape, truth.n_frames, truth.frame_rate_hz)
    if expected != got:
        form = "{} x {} px, {} frames at {:g} Hz".format
        raise InputError(f"{path}: expected the truth of this recording, {form(*expected)}, got {form(*got)}")
    if truth.source["sha256"] not in ("", recording.source_sha256):
        other = truth.source["name"]
        print(f"note: {path} was made with another file ({other}), which may hold other units", file=sys.stderr)
    return truth


def _print_summary(args, result):
    height, width = result.image_shape
    print(
        f"{result.n_units} motor unit{'' if result.n_units == 1 else 's'} found in {args.recording} "
        f"({height} x {width} px, {result.duration_s:.4g} s at {result.frame_rate_hz:g} Hz; method {result.method})"
    )
    if result.n_units:
        print("\nunit   x [mm]   y [mm]  diameter [mm]  firings  rate [Hz]  score")
    rows = zip(result.centres_mm, result.diameters_mm, result.firings, result.scores, strict=True)
    for number, ((y_mm, x_mm), diameter_mm, firings_s, score) in enumerate(rows, start=1):
        rate = f"{(len(firings_s) - 1) / (firings_s[-1] - firings_s[0]):.1f}" if len(firings_s) > 1 else "-"
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
        f"  territories  recall {shown('segmentation_recall')}, precision {shown('segmentation_precision')} (pixels)\n"
        f"  firings      rate of agreement {shown('roa')} with those of the true twitch trains, "
        f"{shown('roa_discharges')} with the true discharges"
    )
