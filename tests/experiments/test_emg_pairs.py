"""The script of pairs with simulated EMG runs and says what it measures, and README shows the stored numbers."""

import csv
import sys
from pathlib import Path

from experiments import emg_pairs

ROOT = Path(__file__).resolve().parents[2]


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["script", "--seeds", "1", "--seed", "7", "--out", str(tmp_path / "pairs.csv")])
    monkeypatch.setattr(emg_pairs, "DURATIONS_S", (4.0,))
    emg_pairs.main()
    rows = rows_of(tmp_path / "pairs.csv")
    assert [(row["length_s"], row["delay"], row["right"]) for row in rows] == [("4", "each", "7"), ("4", "one", "7")]
    assert tuple(rows[0]) == emg_pairs.COLUMNS and rows[0]["true_pairs"] == "7"
    *_, last = capsys.readouterr().out.splitlines()
    assert last == emg_pairs.table(rows).splitlines()[-1] and last.startswith("| 4 s | 7, ")


def test_the_guide_shows_the_stored_numbers():
    rows = rows_of(ROOT / "experiments/results/emg_pairs.csv")
    text = (ROOT / "muspipe/export/README.md").read_text(encoding="utf-8")
    assert emg_pairs.table(rows) in text and "20 simulations a row, 140 true pairs" in " ".join(text.split())
    assert len(rows) == 6 and {row["true_pairs"] for row in rows} == {"140"}
