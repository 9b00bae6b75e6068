"""`muspipe evaluate`: how well a method finds the motor units of a simulated data set."""

from __future__ import annotations

import argparse

from muspipe.commands.methods import add_firings, add_method, given_settings
from muspipe.commands.workers import add_workers, given_workers
from muspipe.evaluation import EVALUATED

OUTPUTS = ("metrics.json", "seconds.json", "table.md", "metrics.png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("data", metavar="DATA", help="folder made by `muspipe simulate`")
    add_method(parser, EVALUATED)
    add_firings(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help=f"folder for {', '.join(OUTPUTS)}")
    parser.add_argument("--split", default="test", help="train, val or test (default)")
    parser.add_argument(
        "--snr-db",
        type=float,
        nargs="+",
        default=[float("inf"), 20.0, 10.0],
        metavar="DB",
        help="noise levels [dB]; default inf 20 10",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N sequences of each number of motor units")
    add_workers(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing metrics, and drop an unfinished evaluation"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0. A run that was killed continues when it is started again."""
    import json
    from pathlib import Path

    from tqdm import tqdm

    from muspipe.errors import InputError
    from muspipe.evaluation.run import JOURNAL, evaluate
    from muspipe.evaluation.stored import parted
    from muspipe.evaluation.table import markdown_table
    from muspipe.figures.metrics import draw_metrics
    from muspipe.outputs import output_files

    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit: expected a number from 1, got {args.limit}")
    workers = given_workers(args)
    if any(snr != snr or snr == float("-inf") for snr in args.snr_db):
        raise InputError("--snr-db: expected decibels or inf, got nan or -inf")
    out = Path(args.out)
    with tqdm(unit="sequence", disable=None) as bar:

        def progress(finished, of):
            bar.total = of
            bar.update(finished - bar.n)

        with output_files(out, OUTPUTS, args.overwrite) as folder:
            metrics = evaluate(
                args.data,
                args.method,
                out,
                split=args.split,
                snrs_db=args.snr_db,
                limit=args.limit,
                workers=workers,
                settings=given_settings(args),
                firings=args.firings,
                overwrite=args.overwrite,
                progress=progress,
            )
            table = markdown_table(metrics)
            for name, values in zip(OUTPUTS, parted(metrics), strict=False):
                (folder / name).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
            (folder / "table.md").write_text(table, encoding="utf-8")
            draw_metrics({args.method: metrics}).savefig(folder / "metrics.png", dpi=200)
    (out / JOURNAL).unlink(missing_ok=True)
    print(table, end="")
    print(f"\n{', '.join(str(out / name) for name in OUTPUTS)}")
    return 0
