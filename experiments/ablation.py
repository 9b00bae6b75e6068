"""What moves the numbers: each choice that the paper leaves open, changed by itself, against the metrics.

    python experiments/ablation.py --out runs/ablation                # 50 sequences a variant, hours on one core
    python experiments/ablation.py --out runs/ablation --limit 10     # the first 10 of each

The choices are those of choices.py, about sequences of scenario `paper` with 25 and 5 motor units at 10 dB; methods are
ica, stica, compact (Mask R-CNN, `deep` with seg-compact) and deep (seg-outline), firings by the paper's rule. Variants
see the same sequences, so that what is reported is the mean difference from what is taken, with its standard error.
Anchors belong to the training: each reading is trained from scratch for --steps steps (6 minutes of an idle core for
300; 0 leaves them out) and held against the anchors of `compact` after as many.

Writes ablation.csv, ablation.png and, printed, the table of README.md. A killed run goes on; --choices, --methods and
--units take some, and what was measured before is shown with them.
Seed 2027 is that of the numbers shown; no setting was chosen on it.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import json
from collections import defaultdict
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
from choices import CHOICES, METHODS, PAPER, TRAINED, UNITS, Judge, Variant, whole
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from tqdm import tqdm

from muspipe.figures.metrics import PANELS
from simulator.shared.files import atomic_path
from simulator.shared.processes import worker_pool

HERE = Path(__file__).resolve().parent
METRICS = ("recall", "precision", "segmentation_recall", "segmentation_precision", "roa")
COLUMNS = ("choice", "value", "units", "method", "metric", "mean", "sd", "sequences", "difference", "difference_se")
TAKEN = ("taken", "")
"""(choice, value) of everything as it is."""
BLOCK = 5
"""Sequences that all variants see before the next ones."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=50, help="sequences a variant and number of units")
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--units", nargs="+", type=int, default=list(UNITS))
    parser.add_argument("--steps", type=int, default=300, help="of the short trainings of anchors; 0: none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--summary", action="store_true", help="of what was measured before, nothing new")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in args.choices if name != "anchors" or args.steps]
    if "compact" in args.methods and not args.summary:
        prepare_networks(args.out, chosen, args.steps)
    rows = run(args.out / "sequences.jsonl", chosen, args)
    cells = summarise(rows)
    write_csv(args.out / "ablation.csv", cells)
    with atomic_path(args.out / "ablation.png") as temporary:
        drawn(cells).savefig(temporary, format="png", dpi=110)
    print(table(cells))


def run(journal, chosen, args):
    """Rows of all sequences, those of the journal among them."""
    rows = read_journal(journal)
    done = {(r["choice"], r["value"], r["units"], r["index"], r["seed"], r["method"]) for r in rows}
    todo = []
    for task in [] if args.summary else tasks(chosen, args):
        concerned = _variant(*task[:2]).methods or METHODS
        left = tuple(m for m in concerned if m in args.methods and (*task, m) not in done)
        if left:
            todo.append((*task, left))
    work = functools.partial(measured, folder=args.out)
    with worker_pool(min(args.workers, max(len(todo), 1))) as pool, open(journal, "a", encoding="utf-8") as file:
        futures = [pool.submit(work, *task) for task in todo]
        for future in tqdm(as_completed(futures), total=len(todo), unit="sequence", disable=None):
            new = future.result()
            file.write("".join(json.dumps(row) + "\n" for row in new))
            file.flush()
            rows += new
    return [r for r in rows if r["seed"] == args.seed and r["index"] < args.limit]


def tasks(chosen, args):
    """Arguments of `measured`, in an order in which a run that is stopped has about as many of each: block by block,
    but variants with a network of their own first, one after the other, as a network is slow in its first calls."""
    shared, own = [TAKEN], []
    for place in places(chosen):
        (own if _variant(*place).network else shared).append(place)
    starts = range(0, args.limit, BLOCK)
    order = [(place, start) for place in own for start in starts] + [(p, start) for start in starts for p in shared]
    for place, start in order:
        for index in range(start, min(start + BLOCK, args.limit)):
            yield from ((*place, units, index, args.seed) for units in args.units)


def read_journal(path):
    """Rows of an earlier run; a line that was not written to its end is dropped."""
    if not path.exists():
        return []
    *whole_lines, rest = path.read_text(encoding="utf-8").split("\n")
    if rest:
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in whole_lines), encoding="utf-8")
    return [json.loads(line) for line in whole_lines]


def places(chosen):
    """(choice, value) of the variants that need sequences of their own: all but those of the metric."""
    return [(c, v) for c in chosen for v, variant in CHOICES[c].variants.items() if variant.judge is None]


def prepare_networks(folder, chosen, steps):
    """Make the networks of variants that need one of their own, if they are not there yet."""
    for choice, value in places(chosen):
        variant = _variant(choice, value)
        path = network_path(folder, choice, value)
        if not variant.network or path.exists():
            continue
        from muspipe.runtime import load_keras

        load_keras()
        from muspipe.models import pretrained, weight_files
        from muspipe.models.presets import read_preset

        path.parent.mkdir(parents=True, exist_ok=True)
        if TRAINED in variant.network:
            import trials

            run_folder = path.with_suffix("")
            trials.train(run_folder, "seg", "compact", variant.network[TRAINED], steps)
            model = pretrained.load_model(pretrained.path_of(str(run_folder)))[0]
        else:
            shipped = pretrained.path_of("seg-compact")
            model = read_preset(weight_files.stored_preset(shipped)).changed(variant.network).build_for_inference()
            weight_files.load_into(model, shipped)
        weight_files.save(model, path)


def network_path(folder, choice, value):
    return Path(folder) / "networks" / f"{choice}-{value}.h5"


def _variant(choice, value):
    return Variant("") if (choice, value) == TAKEN else CHOICES[choice].variants[value]


def measured(choice, value, units, index, seed, labels, folder):
    """Rows of the journal: one sequence of a variant by these methods, by the metric as it is, and, of everything as it
    is, by its variants too."""
    from muspipe.identification.method import get_method
    from muspipe.preparation.prepare import Preparation, prepare
    from muspipe.recordings.recording import Recording
    from muspipe.recordings.simulated import truth_of
    from simulator import simulate

    variant = _variant(choice, value)
    streams = np.random.SeedSequence(seed, spawn_key=(units, index)).spawn(2)
    sequence = simulate(dataclasses.replace(PAPER, n_units=units, **variant.config), streams[0])
    velocity = sequence.render()
    noise = np.random.default_rng(streams[1]).standard_normal(velocity.shape, dtype=np.float32)
    velocity += noise * np.float32((variant.noise or whole)(sequence, velocity))
    recording = Recording(velocity, frame_rate_hz=PAPER.frame_rate_hz, pixel_mm=PAPER.pixel_mm)
    prepared, true = prepare(recording, Preparation()), truth_of(sequence)
    judges = {(choice, value): Judge()}
    if (choice, value) == TAKEN:
        judges |= {(c, v): o.judge for c in CHOICES for v, o in CHOICES[c].variants.items() if o.judge}
    rows = []
    for label in labels:
        method, settings = (variant.methods or METHODS)[label]
        if variant.network:
            settings = settings | {"segmentation": str(network_path(folder, choice, value))}
        found, _ = prepared.judged(get_method(method, settings).find(prepared.recording))
        for (c, v), judge in judges.items():
            key = {"choice": c, "value": v, "units": units, "index": index, "seed": seed, "method": label}
            rows.append(key | judged(found, true, sequence.firings, judge))
    return rows


def judged(found, true, discharges_s, judge):
    """Metrics of the found units. discharges_s: of each true unit."""
    from muspipe.evaluation.metrics import (
        EDGE_S,
        detection_precision,
        detection_recall,
        match_territories,
        pixel_agreement,
        rate_of_agreement,
    )
    from muspipe.firings.find import find_firings

    rows, columns = match_territories(found.territories, true.territories, judge.least_iou)
    pixels = pixel_agreement(found.territories[rows], true.territories[columns])
    found_s = find_firings(found.twitch_trains[rows], true.frame_rate_hz, judge.rule).times_s
    ends = {"neutral_before_s": EDGE_S, "neutral_after_s": true.duration_s - EDGE_S}
    if judge.reference == "train":
        true_s = find_firings(true.twitch_trains[columns], true.frame_rate_hz, judge.rule).times_s
        ends = {}
    else:
        times = {"peaks": true.firings, "discharges": discharges_s}[judge.reference]
        true_s = [times[i] for i in columns]
    roa = [rate_of_agreement(a, b, judge.tolerance_s, **ends) for a, b in zip(found_s, true_s, strict=True)]
    roa += [0.0] * (true.n_units - len(columns)) if judge.missed else []
    means = {"segmentation_recall": pixels["recall"], "segmentation_precision": pixels["precision"], "roa": roa}
    return {
        "recall": detection_recall(len(columns), true.n_units),
        "precision": detection_precision(len(rows), found.n_units),
        **{name: float(np.mean(values)) if len(values) else None for name, values in means.items()},
    }


def summarise(rows):
    """{(choice, value, units, method, metric): (mean, SD, sequences, difference from what is taken, its SE)}"""
    values = defaultdict(dict)
    for row in rows:
        for metric in METRICS:
            if row[metric] is not None:
                key = row["choice"], row["value"], row["units"], row["method"], metric
                values[key][row["index"]] = row[metric]
    cells = {}
    for key, by_index in values.items():
        against = CHOICES[key[0]].against if key[0] in CHOICES else None
        taken = values.get((*(TAKEN if against is None else (key[0], against)), *key[2:]), {})
        pairs = [value - taken[index] for index, value in by_index.items() if index in taken]
        difference = (float(np.mean(pairs)), _sd(pairs) / len(pairs) ** 0.5) if pairs else (np.nan, np.nan)
        cells[key] = float(np.mean([*by_index.values()])), _sd([*by_index.values()]), len(by_index), *difference
    return cells


def _sd(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def write_csv(path, cells):
    order = [TAKEN, *((c, v) for c, choice in CHOICES.items() for v in choice.variants)]
    ranks = {place: i for i, place in enumerate(order)}, list(METHODS), METRICS
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for key in sorted(cells, key=lambda k: (ranks[0][k[:2]], -k[2], ranks[1].index(k[3]), ranks[2].index(k[4]))):
            mean, sd, _, *difference = ("" if np.isnan(x) else f"{x:.4f}" for x in cells[key])
            writer.writerow((*key, mean, sd, cells[key][2], *difference))


def read_csv(path):
    """The cells of a CSV of `write_csv`; what one sequence does not tell is NaN."""
    with open(path, encoding="utf-8", newline="") as file:
        return {
            (row["choice"], row["value"], int(row["units"]), row["method"], row["metric"]): tuple(
                int(row[name]) if name == "sequences" else float(row[name] or "nan") for name in COLUMNS[5:]
            )
            for row in csv.DictReader(file)
        }


def table(cells, units=25):
    """Markdown: recall / pixel recall / RoA of every variant, by method; a dash where it does not concern a method."""
    lines = ["| choice | value | " + " | ".join(METHODS) + " |", "|---|---|" + "---|" * len(METHODS)]
    for title, value, place in _lines(cells):
        lines.append(f"| {title} | {value} | " + " | ".join(_shown(cells, place, units, m) for m in METHODS) + " |")
    return "\n".join(lines)


def _lines(cells):
    """(choice in words, value in words, (choice, value)) of what was measured, everything as it is first."""
    there = {key[:2] for key in cells}
    yield "as taken", "-", TAKEN
    for c, choice in CHOICES.items():
        first = f"{choice.title}: {choice.taken}"
        for v, variant in choice.variants.items():
            if (c, v) in there:
                yield first, variant.title, (c, v)
                first = ""


def _shown(cells, place, units, method):
    values = [cells.get((*place, units, method, metric)) for metric in ("recall", "segmentation_recall", "roa")]
    return " / ".join(f"{value[0]:.2f}" if value else "-" for value in values) if any(values) else "-"


COLOURS = dict(zip(METHODS, ("#D55E00", "#CC79A7", "#E69F00", "#0072B2"), strict=True))
PUBLISHED = {"stica": "stica", "network": "compact"}
"""Whose colour published numbers have."""


def drawn(cells):
    """Every variant a line of dots, filled with 25 units, empty with 5; thin lines are what is taken and
    dashed ones what is published, both with 25 units and in the colour of the method."""
    labels, rows = [], []
    for title, value, place in _lines(cells):
        labels += [title] if title else []
        if place != TAKEN:
            labels.append(value)
        rows.append((len(labels) - 1, place))
    figure = Figure(figsize=(12, 0.19 * len(labels) + 1.2), layout="constrained")
    shown = ("recall", "precision", "segmentation_recall", "roa")
    for axis, metric in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        for y, place in rows:
            _draw_row(axis, y, cells, place, metric)
        for method, colour in COLOURS.items():
            if (*TAKEN, 25, method, metric) in cells:
                axis.axvline(cells[(*TAKEN, 25, method, metric)][0], color=colour, lw=0.6, zorder=0)
        for method, value in _published(metric):
            axis.axvline(value, color=COLOURS[method], lw=1.2, ls="--", zorder=0)
        axis.set_xlabel(PANELS[metric])
        axis.set_xlim(right=1.02)
        axis.grid(axis="x", color="0.93")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    first = figure.axes[0]
    first.set_yticks(range(len(labels)), labels, fontsize=7.5)
    of_values = {y for y, place in rows if place != TAKEN}
    for y, text in enumerate(first.get_yticklabels()):
        text.set_fontweight("normal" if y in of_values else "bold")
    first.set_ylim(len(labels) - 0.5, -0.5)
    _add_legend(figure, {key[2] for key in cells})
    return figure


def _draw_row(axis, y, cells, place, metric):
    for k, (method, colour) in enumerate(COLOURS.items()):
        for units, fill in ((5, "white"), (25, colour)):
            value = cells.get((*place, units, method, metric))
            if value:
                axis.plot(value[0], y + 0.18 * (k - 1.5), "o", color=colour, mfc=fill, ms=4, mew=0.8)


def _add_legend(figure, units):
    handles = [Line2D([], [], marker="o", ls="", color=colour, label=name) for name, colour in COLOURS.items()]
    handles += [Line2D([], [], marker="o", ls="", color="0.3", mfc="white", label="5 units")] if 5 in units else []
    handles += [Line2D([], [], color="0.3", lw=0.6, label="as taken, 25 units")]
    published = "published, 25 units (network: colour of compact)"
    handles += [Line2D([], [], color="0.3", lw=1.2, ls="--", label=published)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)


def _published(metric):
    """(method, value) of 25 units."""
    for statement in json.loads((HERE / "published.json").read_text(encoding="utf-8"))["statements"]:
        if statement.get("metric") == metric:
            for at, value in statement["values"].items():
                if at in ("25", "at_least", "between"):
                    yield from ((PUBLISHED[statement["method"]], v) for v in np.ravel(value))


if __name__ == "__main__":
    main()
