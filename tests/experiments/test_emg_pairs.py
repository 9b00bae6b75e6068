"""The script of pairs with simulated EMG runs and says what it measures."""

import sys

from experiments import emg_pairs


def test_the_table(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script", "--seeds", "1", "--seed", "7"])
    monkeypatch.setattr(emg_pairs, "DURATIONS_S", (4.0,))
    emg_pairs.main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0:3] for row in rows] == [["| 4", "each", "7 of 7"], ["| 4", "one", "7 of 7"]]
    assert head.count("|") == rows[0].count("|")
