"""The script of pairs with simulated EMG runs and says what it measures."""

import csv
import sys

from experiments import emg_pairs


def test_the_table_and_its_raw_numbers(tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "pairs.csv"
    monkeypatch.setattr(sys, "argv", ["script", "--seeds", "1", "--seed", "7", "--out", str(out)])
    monkeypatch.setattr(emg_pairs, "DURATIONS_S", (4.0,))
    emg_pairs.main()
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()
    )
    assert [row[:4] for row in rows] == [["4", "each", "7", "7"], ["4", "one", "7", "7"]]
    assert list(csv.reader(out.read_text().splitlines())) == [head, *rows]
