"""`muspipe-train export`: a run's best weights as a file of the package, with its model card."""

from __future__ import annotations

import argparse
from pathlib import Path

from muspipe.errors import InputError

SMALLEST_PART_MIB = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("run", metavar="RUN", help="folder of the run")
    add("name", metavar="NAME", help="of the network, such as seg-compact: the files are NAME.h5 and NAME.json")
    add("--folder", metavar="DIR", help="where to write; default: beside the networks that come with muspipe")
    add("--before", nargs="+", default=[], metavar="RUN", help="runs whose weights this one started from, oldest first")
    add(
        "--part-mib",
        type=float,
        metavar="N",
        help="cut the weight file into parts of at most N MiB: NAME.parts.json and NAME.h5.part1 and so on",
    )
    add(
        "--evaluations",
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of `muspipe evaluate`, run on the exported network: writes its model card, NAME.md, too",
    )
    add("--overwrite", action="store_true", help="replace the files of this name")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    from muspipe.runtime import load_keras

    load_keras()

    from muspipe.export.networks import export_card, export_network
    from muspipe.models import pretrained, weight_parts

    if args.part_mib is not None and not args.part_mib >= SMALLEST_PART_MIB:
        raise InputError(f"--part-mib: expected at least {SMALLEST_PART_MIB} MiB, got {args.part_mib:g}")
    folder = pretrained.FOLDER if args.folder is None else Path(args.folder)
    whole = folder / f"{args.name}.h5"
    for path in (whole, weight_parts.index_of(whole)):
        if path.exists() and not args.overwrite:
            raise InputError(f"{path}: exists already; give --overwrite to replace it, or another name")
    path, change = export_network(args.run, args.name, folder, before=args.before, part_mib=args.part_mib)
    sizes = [part.stat().st_size / 1e6 for part in sorted(folder.glob(f"{whole.name}*"))]
    parts = "" if args.part_mib is None else f" in {len(sizes)} parts"
    print(f"{path}: {sum(sizes):.2f} MB{parts}, largest relative change of a weight {change:.1e}")
    if args.evaluations:
        print(export_card(args.name, folder, args.evaluations))
    return 0
