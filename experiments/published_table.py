"""Published / ours / difference, of a folder of replicate.py, as table.md and table.csv in it.

Command: python experiments/published_table.py DIR [--out FOLDER]
Time: a second.
Expected: a row for each number of published.json at each noise level ("at every ..." is held against our lowest cell),
then what the paper says in words, examples, and hours. Where nothing was found there is nothing to compare: "-".

The published means are of the authors' simulator and the networks as printed; ours are of whatever the folder is of:
its replicate.json stands in the first line of the table. RoA is of the true territories as in Fig. 6 in our reading
(eval-twitch-*), and of the units found (eval-*). printed/, of the paper's own networks, keeps evaluations as NAME.csv
in place of the folder NAME.
"""

import argparse
import csv
import json
import re
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.stored import read_evaluation
from muspipe.figures.metrics import PANELS, noise_text
from muspipe.figures.panels import TRAINED
from simulator.shared.files import atomic_path

PUBLISHED = Path(__file__).with_name("published.json")
COLUMNS = ("statement", "place", "what", "units", "snr_db", "published", "ours", "sd", "sequences", "difference")
IN_WORDS = {
    "precision-clean-trained": ("high", "eval-clean", "precision", "inf"),
    "clean-trained-at-10-db": ("greatly reduced", "eval-clean", "recall", "10"),
    "roa-clean-trained": ("nearly perfect", "eval-twitch-clean", "roa", "inf"),
}
"""Statement without a number: (what it says, our evaluation, metric, SNR [dB])."""
HOURS = {"seg-time": ("seg-clean", "seg-noise"), "twitch-time": ("twitch-clean", "twitch-noise")}
EXAMPLES = ("Fig. 7", "Fig. 8")


def rows_of(folder: Path) -> list[dict]:
    """{column: value} of each row; None where there is nothing."""
    statements = {s["id"]: s for s in json.loads(PUBLISHED.read_text(encoding="utf-8"))["statements"]}
    names = ("eval-clean", "eval-noise", "eval-twitch-clean", "eval-twitch-noise", "eval-stica")
    evaluations = {name: read_evaluation(_place(folder / name))["cells"] for name in names}
    rows = []
    for statement in statements.values():
        if "values" in statement:
            for name, what in _evaluations_of(statement):
                rows += _numbers(statement, what, evaluations[name])
    for key, (words, name, metric, snr_db) in IN_WORDS.items():
        kind = TRAINED["clean"]
        row = _lowest(evaluations[name], metric, snr_db)
        what = f"{PANELS[metric]}, {kind}, {noise_text(snr_db)}: lowest"
        rows.append(_row(statements[key], what, published=words, **row, difference=None))
    return [*rows, *_examples(statements, folder), *_hours(statements, folder)]


def _place(evaluation):
    """The folder of an evaluation, or the CSV that is kept of one."""
    stored = evaluation.with_name(f"{evaluation.name}.csv")
    return stored if stored.is_file() else evaluation


def _evaluations_of(statement):
    """(our evaluation, what it is) for each that a statement is held against."""
    metric = statement["metric"]
    if statement["method"] == "stica":
        yield "eval-stica", f"{PANELS[metric]}, stICA"
        return
    for kind in statement["trained"]:
        if metric == "roa":
            yield f"eval-twitch-{kind}", f"{PANELS[metric]} (true territories), {TRAINED[kind]}"
        yield f"eval-{kind}", f"{PANELS[metric]}{' (units found)' if metric == 'roa' else ''}, {TRAINED[kind]}"


def _numbers(statement, what, cells):
    """Rows of a statement with numbers."""
    metric = statement["metric"]
    for at, value in statement["values"].items():
        if at == "at_least":
            row = _lowest(cells, metric)
            yield _row(statement, f"{what}: lowest", published=f"> {value:.2f}", **_less(row, value))
        elif at == "between":
            row = _lowest(cells, metric)
            nearest = None if row["ours"] is None else min(max(row["ours"], value[0]), value[1])
            text = f"{value[0]:.2f}-{value[1]:.2f}"
            yield _row(statement, f"{what}: lowest", published=text, **_less(row, nearest))
        else:
            for cell in cells:
                if cell["n_units"] == int(at):
                    yield _row(statement, what, published=f"{value:.2f}", **_less(_ours(cell, metric), value))


def _ours(cell, metric):
    mean, sd = (cell[metric][name] for name in ("mean", "sd"))
    key = {"units": cell["n_units"], "snr_db": str(cell["snr_db"]), "sequences": cell["n_sequences"]}
    return key | {"ours": mean, "sd": sd}


def _lowest(cells, metric, snr_db=None):
    """The cell of the lowest mean, of all noise levels or of one. Nothing measured in any: no numbers."""
    ours = [_ours(cell, metric) for cell in cells]
    ours = [row for row in ours if row["ours"] is not None and snr_db in (None, f"{float(row['snr_db']):g}")]
    nothing = {"units": None, "snr_db": None, "sequences": None, "ours": None, "sd": None}
    return min(ours, key=lambda row: row["ours"], default=nothing)


def _less(row, value):
    """With the difference from a published value."""
    return row | {"difference": None if row["ours"] is None else row["ours"] - value}


def _row(statement, what, **values):
    return dict.fromkeys(COLUMNS) | {"statement": statement["id"], "place": statement["place"], "what": what} | values


def _examples(statements, folder):
    """Units found in the sequences of Figs. 7 and 8."""
    with open(folder / "figures/fig07_08.csv", encoding="utf-8", newline="") as file:
        found = {row["figure"]: row for row in csv.DictReader(file)}
    for statement in statements.values():
        if statement["place"] in EXAMPLES:
            own = found[statement["place"]]
            published = re.search(r"(\d+) of (\d+)", statement["says"])
            ours, of = int(own["matched"]), int(own["true"])
            row = {"published": published[0], "ours": f"{ours} of {of}", "difference": ours - int(published[1])}
            row |= {"units": of, "snr_db": own["snr_db"], "sequences": 1}
            yield _row(statement, "Units found in the example", **row)


def _hours(statements, folder):
    """Of the trainings, without noise and with it."""
    for key, runs in HOURS.items():
        published = int(re.search(r"(\d+) h", statements[key]["says"])[1])
        summaries = [json.loads((folder / run / "summary.json").read_text(encoding="utf-8")) for run in runs]
        ours, steps = sum(s["hours"] for s in summaries), sum(s["step"] for s in summaries)
        what = f"Training of {key.split('-')[0]}, {steps:,} steps"
        yield _row(statements[key], what, published=f"{published} h", ours=f"{ours:.3g} h")


def markdown(rows: list[dict], settings: dict) -> str:
    """The table, with what it is of above it."""
    said = ", ".join(f"{name} {value}" for name, value in settings.items() if value not in (None, False))
    lines = [f"Published by Ali et al. 2020, and ours: {said.replace('_', ' ')}. Mean (SD) over sequences.", ""]
    heads = ("place", "what", "units", "noise", "published", "ours", "sequences", "difference")
    lines += ["| " + " | ".join(heads) + " |", "|---|---|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        place = row["place"].replace(" (section not in our notes)", "")
        noise = "-" if row["snr_db"] is None else noise_text(row["snr_db"])
        cells = (place, row["what"], row["units"], noise, row["published"], _mean(row), row["sequences"])
        lines.append("| " + " | ".join("-" if cell is None else str(cell) for cell in (*cells, _signed(row))) + " |")
    return "\n".join(lines) + "\n"


def _mean(row):
    if not isinstance(row["ours"], float):
        return row["ours"]
    return f"{row['ours']:.3f}" + ("" if row["sd"] is None else f" ({row['sd']:.2f})")


def _signed(row):
    value = row["difference"]
    return value if value is None else f"{value:+d}" if isinstance(value, int) else f"{value:+.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="made by replicate.py")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="of table.md and table.csv; default: DIR")
    args = parser.parse_args()
    out = args.out or args.folder
    try:
        rows = rows_of(args.folder)
        settings = json.loads((args.folder / "replicate.json").read_text(encoding="utf-8"))["settings"]
    except (InputError, FileNotFoundError) as error:
        parser.error(f"{error}; run replicate.py --out {args.folder}")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / "table.csv") as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = markdown(rows, settings)
    with atomic_path(out / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
