"""Evaluations as they are stored: a folder and a CSV give the same cells."""

import json

import pytest

from muspipe.errors import InputError
from muspipe.evaluation.stored import COLUMNS, read_evaluation

TEXT = ",".join(COLUMNS) + "\npaper,ica,inf,1,recall,0.5,0.1,20\npaper,ica,10,5,roa,,,20\npaper,a b,10,5,roa,1,,3\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text(TEXT)
    return path


def test_a_column_of_a_csv(table):
    found = read_evaluation(f"{table}:ica")
    assert found["method"] == "ica" and found["data"] == {"scenario": "paper"}
    first, second = found["cells"]
    assert (first["snr_db"], first["n_units"], first["n_sequences"]) == ("inf", 1, 20)
    assert first["recall"] == {"mean": 0.5, "sd": 0.1} and first["roa"] == {"mean": None, "sd": None}
    assert (second["snr_db"], second["roa"]["mean"]) == (10.0, None)
    assert [cell["roa"] for cell in read_evaluation(f"{table}:a b")["cells"]] == [{"mean": 1.0, "sd": None}]


def test_a_folder(tmp_path):
    metrics = {"method": "ica", "data": {"scenario": "paper"}, "cells": []}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert read_evaluation(tmp_path) == metrics


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("all.csv", "expected one of its methods, ica, a b, got ''"),
        ("all.csv:deep", "got 'deep'"),
        ("none.csv", "no such file"),
        ("all.txt", "expected a folder of `muspipe evaluate`, or FILE.csv:METHOD"),
        ("", "metrics.json is missing"),
    ],
)
def test_what_is_no_evaluation(table, place, message):
    with pytest.raises(InputError, match=message):
        read_evaluation(table.parent / place)


@pytest.mark.parametrize("text", ["{", "[1]", '{"cells": []}'])
def test_damaged_metrics(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(InputError, match="metrics.json: (damaged|expected)"):
        read_evaluation(tmp_path)


def test_other_columns_and_no_numbers(table):
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="expected the columns scenario"):
        read_evaluation(f"{table}:ica")
    table.write_text(TEXT.replace("0.5", "half"))
    with pytest.raises(InputError, match="expected numbers"):
        read_evaluation(f"{table}:ica")
