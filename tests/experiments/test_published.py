"""What figures and texts give as published stands in experiments/published.json."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from muspipe.figures.metrics import PANELS
from muspipe.figures.panels import TRAINED, draw_panels
from muspipe.figures.published import MARKS

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = json.loads((ROOT / "experiments/published.json").read_text(encoding="utf-8"))
STATEMENTS = {statement["id"]: statement for statement in PUBLISHED["statements"]}


def numbers_of(statement):
    for value in statement.get("values", {}).values():
        yield from value if isinstance(value, list) else [value]


NUMBERS = {number for statement in STATEMENTS.values() for number in numbers_of(statement)}


def sentences(text):
    """Of the running text, without tables and code."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n|\n(?=[-|#] ?)", text):
        if not paragraph.startswith("|"):
            yield from re.split(r"(?<=\.) (?=[A-Z`])", " ".join(paragraph.split()))


def test_every_statement_has_a_place_and_words():
    assert len(STATEMENTS) == len(PUBLISHED["statements"])
    for statement in STATEMENTS.values():
        assert statement["place"] and statement["says"]
        if statement.get("method") == "network":
            assert set(statement["trained"]) <= set(TRAINED)
        if "values" in statement:
            assert statement["method"] in MARKS and statement["metric"] in PANELS
            assert all(0 < number <= 1 for number in numbers_of(statement))
    for ambiguity in PUBLISHED["ambiguities"]:
        assert set(ambiguity["statements"]) <= set(STATEMENTS) and ambiguity["words"]


def test_both_published_recalls_are_there():
    """The figure says 60 % of 25 units, the text approximately stable at > 80 %."""
    assert STATEMENTS["recall-noise-trained"]["values"] == {"1": 0.9, "25": 0.6}
    assert STATEMENTS["recall-stable"]["values"] == {"at_least": 0.8}
    assert any({"recall-noise-trained", "recall-stable"} <= set(a["statements"]) for a in PUBLISHED["ambiguities"])


NETWORK = [s["metric"] for s in STATEMENTS.values() if s.get("method") == "network"]


@pytest.mark.parametrize("mean", [0.0, 1.0], ids=["whole axis", "zoomed axis"])
@pytest.mark.parametrize("metric", sorted({*NETWORK}))
def test_panels_show_what_is_published_and_nothing_else(metric, mean):
    """As marks and lines at their values, or, where these lie below the axis, in words."""
    cell = {"snr_db": 10.0, "n_sequences": 3, metric: {"mean": mean, "sd": 0.0}}
    evaluation = {"cells": [cell | {"n_units": n} for n in (1, 25)], "data": {"scenario": "paper"}}
    figure = draw_panels((metric,), dict.fromkeys(TRAINED, evaluation), STATEMENTS.values())
    for kind, axis in zip(TRAINED, figure.axes, strict=True):
        drawn = set()
        for line in axis.lines:
            if line.get_label().startswith("published"):
                drawn.add(("at_least" if line.get_linestyle() == ":" else line.get_xdata()[0], line.get_ydata()[0]))
        drawn |= {("between", (p.get_y(), p.get_y() + p.get_height())) for p in axis.patches}
        words = " ".join(text.get_text() for text in axis.texts)
        expected = [
            (int(at) if at.isdigit() else at, tuple(value) if isinstance(value, list) else value)
            for s in STATEMENTS.values()
            if s.get("metric") == metric and kind in s.get("trained", TRAINED)
            for at, value in s["values"].items()
        ]
        assert axis.get_ylim()[0] == (0.95 if mean else 0.0) and bool(words) == bool(mean and expected)
        assert drawn == (set() if mean else set(expected))
        assert sorted(re.findall(r"0\.\d\d", words)) == sorted(
            f"{number:.2f}" for _, value in expected if mean for number in np.ravel(value)
        )


@pytest.mark.parametrize("file", ["README.md", "experiments/README.md"])
def test_text_quotes_no_other_numbers_as_published(file):
    quoting = [
        sentence
        for sentence in sentences((ROOT / file).read_text(encoding="utf-8"))
        if re.search(r"Published|published (network|stICA)|the paper reports", sentence)
    ]
    quoted = [float(number) for sentence in quoting for number in re.findall(r"\b[01]\.\d\d\b", sentence)]
    assert quoted and set(quoted) <= NUMBERS


def quoted(method, n_units, metrics):
    """A cell of README's table: 0.60 at this number of units, > 0.80 where that holds for all, - where neither is
    given. Of several statements, the one that names the number of units counts."""
    values = [{} for _ in metrics]
    for statement in STATEMENTS.values():
        if statement.get("method") == method and statement["metric"] in metrics:
            values[metrics.index(statement["metric"])].update(statement["values"])
    texts = []
    for known in values:
        general = f"> {known['at_least']:.2f}" if "at_least" in known and not any(map(str.isdigit, known)) else "-"
        texts.append(f"{known[n_units]:.2f}" if n_units in known else general)
    return "-" if set(texts) == {"-"} else " / ".join(texts)


def test_published_columns_of_the_table_in_the_readme():
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    heads = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    (head,) = [cells for cells in heads if cells[-1].startswith("published stICA")]
    network, stica = (
        next(i for i, h in enumerate(head) if h.startswith(f"published {m}")) for m in ("network", "stICA")
    )
    table = [cells for cells in heads if cells[0] in ("paper", "physiological") and cells[1].isdigit()]
    assert len(table) == 8
    for cells in table:
        if cells[0] == "paper":
            metrics = ("recall", "segmentation_recall", "segmentation_precision", "roa")
            assert cells[network] == quoted("network", cells[1], metrics)
            assert cells[stica] == quoted("stica", cells[1], ("recall", "roa"))
        else:
            assert cells[network] == cells[stica] == "-"
