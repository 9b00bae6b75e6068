"""For those who hold data, results or weights of the original: side by side with ours. The layout is in original.md.

    python experiments/compare_original.py data FOLDER --out DIR --methods stica deep hybrid
    python experiments/compare_original.py weights FILE.h5 --out DIR --names names.json --input SEQUENCE --stages FILE

`data`: our metrics on their results (`theirs`), if the files have them, and our methods on their data. Writes
metrics.csv (a row for each sequence and method), table.csv (mean and SD by noise, number of units and method), table.md
and metrics.png. `weights`: which weights of a file in Matterport's layout fit preset `paper`, by name and shape;
weights.csv, and network.h5, which `--set segmentation=` takes; with --input all stages in stages.h5, with --stages how
far they are from theirs in stages.csv.
Time: of `data` that of the methods, 0.2-0.5 s a sequence; of `weights` a minute.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

from original_files import files_of, read_sequence
from tqdm import tqdm

from muspipe.errors import InputError
from muspipe.firings import RULES
from muspipe.outputs import output_files
from simulator.shared.settings import parse_assignments

THEIRS = "theirs"
METRICS = ("recall", "precision", "segmentation_recall", "segmentation_precision", "dice", "roa", "n_found", "seconds")
OUTPUTS = {
    "data": ("metrics.csv", "table.csv", "table.md", "metrics.png"),
    "weights": ("weights.csv", "network.h5", "stages.h5", "stages.csv"),
}


def main():
    args = _parser().parse_args()
    try:
        with output_files(args.out, OUTPUTS[args.what], args.overwrite) as folder:
            print((compare_data if args.what == "data" else compare_weights)(args, folder))
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    data = commands.add_parser("data", help="their sequences, and what they found in them")
    data.add_argument("folder", type=Path, help="a .mat or .h5 file for each sequence")
    data.add_argument(
        "--results", type=Path, metavar="FOLDER", help="found_masks and found_trains in files of these names"
    )
    data.add_argument("--methods", nargs="*", default=["stica", "deep", "hybrid"], metavar="METHOD", help="ours")
    data.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of our method, if it is one")
    data.add_argument("--firings", choices=RULES, default="paper", help="rule of firings (default: paper)")
    data.add_argument("--reversed", action="store_true", help="axes of .h5 files as MATLAB's h5write leaves them")
    data.add_argument("--limit", type=int, metavar="N", help="the first N files")
    weights = commands.add_parser("weights", help="a file in Matterport's layout, trained elsewhere")
    weights.add_argument("file", type=Path)
    weights.add_argument("--names", type=Path, metavar="JSON", help='{"their layer": "our layer"}')
    weights.add_argument("--preset", default="paper", help="segmentation preset (default: paper)")
    weights.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="changes of the preset")
    weights.add_argument("--input", type=Path, metavar="FILE", help="a sequence, to run the network on")
    weights.add_argument("--stages", type=Path, metavar="FILE", help=".h5 or .npz with their outputs for that input")
    for command in (data, weights):
        command.add_argument("--out", type=Path, required=True, metavar="DIR")
        command.add_argument("--overwrite", action="store_true", help="replace what is there")
    return parser


def compare_data(args, folder):
    """Write the outputs of `data` -> table.md."""
    from muspipe.evaluation.run import summarise
    from muspipe.figures.metrics import draw_metrics

    settings = parse_assignments(args.set)
    if settings and len(args.methods) != 1:
        raise InputError(f"--set: expected one method beside it, got {', '.join(args.methods) or 'none'}")
    rows = {name: [] for name in (THEIRS, *args.methods)}
    for path in tqdm(files_of(args.folder)[: args.limit], unit="sequence", disable=None):
        results = None if args.results is None else args.results / path.name
        for name, row in measured(read_sequence(path, results, args.reversed), args.methods, args.firings, settings):
            rows[name].append(row)
    data = {"scenario": args.folder.resolve().name, "split": "all", "seed": "-"}
    evaluations = {name: summarise({"method": name, "data": data}, own) for name, own in rows.items() if own}
    if not evaluations:
        raise InputError(
            f"{args.folder}: expected found_masks and found_trains in its files, or --methods, got neither"
        )
    write_rows(folder / "metrics.csv", [{"method": name} | row for name, own in rows.items() for row in own])
    write_rows(folder / "table.csv", list(_table_rows(evaluations)))
    draw_metrics(evaluations).savefig(folder / "metrics.png", dpi=160)
    text = markdown(evaluations, args.firings)
    (folder / "table.md").write_text(text, encoding="utf-8")
    return text


def measured(sequence, methods, rule, settings):
    """(method, its metrics) of a sequence, theirs first if it is there."""
    from muspipe import identify
    from muspipe.evaluation.metrics import compare

    found = {} if sequence.found is None else {THEIRS: (sequence.found, None)}
    for method in methods:
        start = time.perf_counter()
        units = identify(sequence.recording, method, firings=rule, **settings)
        found[method] = units, round(time.perf_counter() - start, 3)
    for name, (units, seconds) in found.items():
        metrics = compare(units, sequence.true, rule) | {"seconds": seconds}
        snr_db = "inf" if sequence.snr_db == float("inf") else sequence.snr_db
        values = {key: None if value != value else value for key, value in metrics.items()}
        yield name, {"sequence": sequence.name, "snr_db": snr_db} | values


def _table_rows(evaluations):
    for name, evaluation in evaluations.items():
        for cell in evaluation["cells"]:
            for metric in METRICS:
                if cell[metric]["mean"] is not None:
                    key = {"method": name, "snr_db": cell["snr_db"], "units": cell["n_units"], "metric": metric}
                    sd = cell[metric]["sd"]
                    yield key | {"mean": cell[metric]["mean"], "sd": sd, "sequences": cell[metric]["n"]}


def markdown(evaluations, rule):
    """The table: a row for each noise and number of units; recall / precision / pixel recall / pixel precision / RoA by
    method."""
    cells = {
        name: {(str(cell["snr_db"]), cell["n_units"]): cell for cell in evaluation["cells"]}
        for name, evaluation in evaluations.items()
    }
    keys = dict.fromkeys(key for own in cells.values() for key in own)
    lines = [
        f"Recall / precision / pixel recall / pixel precision / RoA; firings by rule {rule}; mean over sequences.",
        "",
        "| SNR [dB] | units | sequences | " + " | ".join(cells) + " |",
        "|---:|---:|---:|" + "---:|" * len(cells),
    ]
    for snr_db, units in keys:
        own = [by_key.get((snr_db, units)) for by_key in cells.values()]
        n = max(cell["n_sequences"] for cell in own if cell)
        shown = [" / ".join(_shown(cell[m]["mean"]) for m in (*METRICS[:4], "roa")) if cell else "-" for cell in own]
        lines.append(f"| {snr_db} | {units} | {n} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def _shown(mean):
    return "-" if mean is None else f"{mean:.3f}"


def compare_weights(args, folder):
    """Write the outputs of `weights` -> the report in words."""
    import original_weights

    preset = original_weights.preset_of(args.preset, parse_assignments(args.set))
    model, rows = original_weights.loaded(preset, args.file, original_weights.read_names(args.names))
    write_rows(folder / "weights.csv", rows)
    original_weights.save(model, folder / "network.h5", args.file)
    text = original_weights.in_words(rows)
    if args.input is not None:
        ours = original_weights.stages_of(model, read_sequence(args.input).recording)
        original_weights.write_stages(folder / "stages.h5", ours)
        if args.stages is not None:
            rows = original_weights.differences(ours, original_weights.read_stages(args.stages))
            write_rows(folder / "stages.csv", rows)
            text += "\n\n" + original_weights.stages_table(rows)
    return text


def write_rows(path, rows):
    """A CSV of dictionaries with the same keys."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
