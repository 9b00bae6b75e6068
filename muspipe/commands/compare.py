"""`muspipe compare`: a result against decomposed EMG of the same contraction."""

from __future__ import annotations

import argparse
import math

from muspipe.evaluation.reference_options import PairingOptions
from simulator.shared import settings

OUTPUTS = {
    "pairs.csv": "pairs of units with their delay and agreement",
    "maps.h5": "spike-triggered velocity of each unit of the reference (with --recording)",
    "maps.png": "its maps, with the territories of their partners (with --recording)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("result", metavar="RESULT", help="result file, or folder of `muspipe identify`")
    add(
        "reference",
        metavar="REFERENCE",
        help="decomposed EMG: .json of openhdemg, or .csv with columns unit and firing_s [s]; or another result",
    )
    add("--recording", metavar="FILE", help="the velocity that RESULT was found in, for spike-triggered maps")
    add("--variable", metavar="NAME", help="name of the array in that file, as for `muspipe identify`")
    add("--axes", metavar="HWT", help="order of its axes, as for `muspipe identify`")
    add("--out", metavar="DIR", help="folder to write to: " + "; ".join(f"{k} ({v})" for k, v in OUTPUTS.items()))
    add("--overwrite", action="store_true", help="replace what an earlier run wrote there")
    settings.add_arguments(parser.add_argument_group("pairing"), PairingOptions)


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from muspipe.commands.report import result_file
    from muspipe.errors import InputError
    from muspipe.evaluation.reference import pair_units
    from muspipe.recordings.decomposed import load_decomposition
    from muspipe.recordings.result import Result

    options = PairingOptions(**settings.given(args, PairingOptions))
    if args.recording and not args.out:
        raise InputError("--recording: the maps need a folder to go to: give --out DIR")
    result, reference = Result.load(result_file(args.result)), load_decomposition(result_file(args.reference))
    _require_common_time(args, result, reference, options)
    recording = _recording(args, result) if args.recording else None
    pairs = pair_units(result, reference, options)
    _print_pairs(args, result, reference, pairs)
    if args.out:
        _write(args, result, reference, pairs, recording, options)
    return 0


def _require_common_time(args, result, reference, options):
    from muspipe.errors import InputError
    from muspipe.evaluation.reference import on_our_clock

    times_s = [t for train in on_our_clock(reference, options) for t in train.tolist()]
    if not times_s:
        raise InputError(f"{args.reference}: expected firings, its {reference.n_units} units have none")
    if max(times_s) < -1e-3 * options.delay_range_ms[1] or min(times_s) > result.duration_s:
        raise InputError(
            f"{args.reference}: no firing within the {result.duration_s:.4g} s of ultrasound, they are at "
            f"{min(times_s):.3f} to {max(times_s):.3f} s from its first frame: say by --start-s when the ultrasound "
            "began on the reference's clock"
        )


def _recording(args, result):
    from muspipe.echoes.readers import holds_echoes
    from muspipe.errors import InputError
    from muspipe.identification.many import load_noticing
    from muspipe.recordings.stores import open_store

    path = args.recording
    given = {"variable": args.variable, "axes": args.axes}
    with open_store(path) as store:
        echoes = not store.has("velocity") and holds_echoes(store, args.variable)
    if not echoes:  # of which these would be other numbers: frames of the scanner, samples
        given |= {"frame_rate_hz": result.frame_rate_hz, "pixel_mm": result.pixel_mm}
    recording, _ = load_noticing(path, **given)  # what is doubtful about it stands in the result
    expected, got = (*result.image_shape, result.n_frames), recording.velocity.shape
    if expected != got:
        form = "{} x {} px, {} frames".format
        raise InputError(f"{path}: expected the recording of the result, {form(*expected)}, got {form(*got)}")
    return recording


def _print_pairs(args, result, reference, pairs):
    print(f"{len(pairs)} pairs of {result.n_units} units in {args.result} and {reference.n_units} in {args.reference}")
    if pairs:
        print("\nunit  reference  delay [ms]  jitter [ms]    RoA  by chance  common  only unit  only reference")
    for pair in pairs:
        row = pair.row(reference.labels)
        chance, jitter = (_number(row[name], form) for name, form in (("roa_by_chance", ".2f"), ("jitter_ms", ".1f")))
        print(
            f"{row['unit']:4}  {row['reference_unit']:>9}  {row['delay_ms']:10.1f}  {jitter:>11}  {row['roa']:5.2f}  "
            f"{chance:>9}  {row['n_common']:6}  {row['n_only_unit']:9}  {row['n_only_reference']:14}"
        )
    n_doubtful = sum(not pair.agreement.roa > pair.roa_by_chance for pair in pairs)
    if n_doubtful:
        print(f"\n{n_doubtful} of them agree no better than by chance (or the recording is too short to tell)")


def _number(value, form):
    return "-" if math.isnan(value) else format(value, form)


def _write(args, result, reference, pairs, recording, options):
    from pathlib import Path

    from muspipe.evaluation.reference import COLUMNS
    from muspipe.export.csv import cell, write_table
    from muspipe.outputs import output_files

    with output_files(args.out, tuple(OUTPUTS), args.overwrite) as folder:
        rows = [pair.row(reference.labels) for pair in pairs]
        names = list(COLUMNS)
        if recording is not None:
            ious = _write_maps(folder, result, reference, pairs, recording, options)
            rows, names = [row | {"map_iou": iou} for row, iou in zip(rows, ious, strict=True)], [*names, "map_iou"]
        write_table(folder / "pairs.csv", names, ([cell(row[name]) for name in names] for row in rows))
    print("\nWritten:")
    for name in OUTPUTS:
        if name == "pairs.csv" or recording is not None:
            print(f"  {Path(args.out) / name}")


def _write_maps(folder, result, reference, pairs, recording, options):
    """maps.h5 and maps.png; returns for each pair the IoU of the map's region with the unit's territory."""
    from muspipe.evaluation.reference import on_our_clock
    from muspipe.evaluation.triggered import region, triggered_maps
    from muspipe.export.maps import save_maps
    from muspipe.figures.triggered import draw_triggered_maps
    from muspipe.territories import iou

    range_s = tuple(1e-3 * ms for ms in options.delay_range_ms)
    maps = triggered_maps(recording, on_our_clock(reference, options), range_s)
    partners = {pair.reference_unit: pair.unit for pair in pairs}
    save_maps(folder / "maps.h5", maps, recording, reference.labels, partners)
    draw_triggered_maps(result, maps, reference.labels, partners).savefig(folder / "maps.png", dpi=200)
    regions = [region(maps.clarity[pair.reference_unit]) for pair in pairs]
    return [float(iou(mask[None], result.territories[[p.unit]])[0, 0]) for mask, p in zip(regions, pairs, strict=True)]
