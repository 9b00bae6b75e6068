"""`muspipe velocity`: from the echoes of a scanner, IQ or RF, to a recording of tissue velocity."""

from __future__ import annotations

import argparse
import sys

from muspipe.echoes.options import Scan, VelocityOptions
from simulator.shared import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("echoes", metavar="ECHOES", help="IQ or RF: .h5, .mat, .npz or .npy")
    parser.add_argument("--out", required=True, metavar="FILE.h5", help="where to write the velocity")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--variable", metavar="NAME", help="name of the array in the file, or I,Q for two (default: iq; I,Q; rf)"
    )
    parser.add_argument("--axes", metavar="HWT", help="order of the array's axes: depth, width, time (default: HWT)")
    settings.add_arguments(parser.add_argument_group("estimation"), VelocityOptions)
    settings.add_arguments(
        parser.add_argument_group("how the echoes were taken", "Needed where the file does not say it."), Scan
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from tqdm import tqdm

    from muspipe.echoes.readers import naming, open_echoes
    from muspipe.echoes.velocity import Plan
    from muspipe.echoes.velocity_file import write_velocity
    from muspipe.outputs import checked_file

    options = VelocityOptions(**settings.given(args, VelocityOptions))
    path = checked_file(args.out, (".h5", ".hdf5"), args.overwrite, [args.echoes])
    with open_echoes(args.echoes, variable=args.variable, axes=args.axes, **settings.given(args, Scan)) as echoes:
        plan = Plan(echoes, options)
        with tqdm(total=echoes.n_frames, unit="frame", disable=None, leave=False) as bar, naming(args.echoes):
            findings = write_velocity(path, plan, bar.update)
    for warning in findings.warnings:
        print(f"note: {warning}", file=sys.stderr)
    height, width, n_images = plan.shape
    print(
        f"{path}: {n_images} images of {height} x {width} px ({options.image_pixel_mm:g} mm) at "
        f"{plan.frame_rate_hz:g} Hz, positive {options.positive} the transducer; coherence "
        f"{float(findings.quality.mean()):.2f} on average, up to {echoes.scan.fastest_mm_s:.3g} mm/s without aliasing"
    )
    return 0
