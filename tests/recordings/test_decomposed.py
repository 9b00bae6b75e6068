"""Firings of another program, from its files."""

import gzip
import json

import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.recordings.decomposed import load_decomposition
from tests.export.results import made

OPENHDEMG = {"MUPULSES": [[2048, 4096], [], [1024]], "FSAMP": 2048.0, "EMG_LENGTH": 20480}


def save_openhdemg_fields(path, **changes):
    fields = {name: json.dumps(value) for name, value in (OPENHDEMG | changes).items()}
    with gzip.open(path, "wt") as file:
        json.dump(fields, file)


def test_openhdemg(tmp_path):
    save_openhdemg_fields(tmp_path / "a.json")
    found = load_decomposition(tmp_path / "a.json")
    assert [times_s.tolist() for times_s in found.firings] == [[1, 2], [], [0.5]]
    assert (found.labels, found.duration_s, found.n_units) == (["0", "1", "2"], 10.0, 3)


@pytest.mark.parametrize(
    "text",
    [
        "unit,firing_s\nMU1,0.2\nMU2,0.5\nMU1,0.1\nMU3,\n",
        "unit; firing_s; quality\r\nMU1;0.2;9\r\nMU2;0.5;9\r\nMU1;0.1;9\r\nMU3;;9\r\n",
        "\ufefffiring_s\tunit\n0.2\tMU1\n0.5\tMU2\n0.1\tMU1\n\tMU3\n",
    ],
)
def test_csv(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    found = load_decomposition(tmp_path / "a.csv")
    assert [times_s.tolist() for times_s in found.firings] == [[0.1, 0.2], [0.5], []]
    assert found.labels == ["MU1", "MU2", "MU3"] and found.duration_s == np.inf


def test_a_result(tmp_path):
    result = made()
    result.save(tmp_path / "a.h5")
    found = load_decomposition(tmp_path / "a.h5")
    assert found.labels == ["1", "2", "3"] and found.duration_s == 4
    for a, b in zip(found.firings, result.firings, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", "", r"a\.txt: expected \.json \(openhdemg\), \.csv or \.h5, got \.txt"),
        ("a.csv", None, r"a\.csv: no such file"),
        ("a.csv", "", "expected columns unit and firing_s, got an empty file"),
        ("a.csv", "mu,time\n1,2\n", "expected columns unit and firing_s, got mu, time"),
        ("a.csv", "unit,firing_s\n", "holds no motor unit"),
        ("a.csv", "unit,firing_s\n1,0.1\n1,soon\n", r"line 3: firing_s: expected a number \[s\], got 'soon'"),
        ("a.csv", "unit,firing_s\n1,inf\n", "unit 1: expected finite numbers"),
        ("a.csv", b"unit,firing_s\n\xff,1\n", "as text"),
        ("a.json", '{"MUPULSES": "[]"}', "expected a file saved by openhdemg"),
        ("a.json", gzip.compress(b"[1, 2]", mtime=0), "expected a file saved by openhdemg"),
        ("a.json", gzip.compress(b'{"FSAMP": "1"}', mtime=0), "it lacks 'MUPULSES'"),
        ("a.json", gzip.compress(b'{"FSAMP": ', mtime=0)[:-4], "expected a file saved by openhdemg"),
        ("a.h5", "no", r"a\.h5"),
    ],
)
def test_other_files_are_one_line(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=says) as caught:
        load_decomposition(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"FSAMP": 0}, "FSAMP: expected a positive number, got 0"),
        ({"FSAMP": "fast"}, "expected a file saved by openhdemg"),
        ({"MUPULSES": [[1, None]]}, "MUPULSES 0: expected finite numbers"),
        ({"MUPULSES": [[[1], [2]]]}, "MUPULSES 0: expected finite numbers"),
        ({"MUPULSES": 3}, "expected a file saved by openhdemg"),
        ({"MUPULSES": []}, "holds no motor unit"),
    ],
)
def test_odd_fields_of_openhdemg(tmp_path, changes, says):
    save_openhdemg_fields(tmp_path / "a.json", **changes)
    with pytest.raises(InputError, match=says):
        load_decomposition(tmp_path / "a.json")
