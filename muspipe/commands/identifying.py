"""From a recording's file to the files of its results: the work of `muspipe identify`, for one recording or many."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from pathlib import Path

from muspipe.commands.methods import given_settings

OUTPUTS = {
    "result.h5": "territories, twitch trains, firings, scores, settings",
    "firings.csv": "firing times, one row a firing",
    "figure.png": "territories over the velocity map, twitch trains with firings",
    "report.html": "the same and more, to look at in a browser (not with --no-report)",
    "figure.pdf": "with --figure-format pdf",
    "figure.svg": "with --figure-format svg",
    "metrics.json": "agreement with the truth (with --truth)",
}


def identify_into(folder, args, step):
    """Write all files into `folder`. step: told what is being done, see `muspipe.commands.showing`. Returns (result,
    metrics or None)."""
    from muspipe.evaluation.metrics import compare
    from muspipe.export.csv import save_firings
    from muspipe.identification.identify import identify
    from muspipe.identification.many import load_noticing, with_doubts
    from muspipe.progress import listening

    with listening(step.within):  # the velocity of echoes is estimated now
        recording, doubts = load_noticing(args.recording, **reading_of(args), whole=False)
    truth = _load_truth(args.truth, recording) if args.truth else None
    step("identifying")
    found = identify(recording, args.method, firings=args.firings, progress=step.within, **given_settings(args))
    result = with_doubts(found, doubts)
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


def reading_of(args) -> dict:
    """Arguments of `load_recording` that a command was given."""
    return {
        "frame_rate_hz": args.frame_rate,
        "pixel_mm": args.pixel_mm,
        "variable": args.variable,
        "axes": args.axes,
    }


def refuse_inputs_as_outputs(args) -> None:
    """InputError where the results would replace what is read."""
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
