"""Every export read back by the reader that it is for, or by the plainest one."""

import csv
import json
import sys

import numpy as np
import pytest
from scipy.io import loadmat

from muspipe.discharges import discharge_properties, synchronisation
from muspipe.errors import InputError
from muspipe.export.contents import DRIVE_COLUMNS, PAIR_COLUMNS, UNIT_COLUMNS, drive_table, pair_table, unit_table
from muspipe.export.csv import TABLES, save_tables
from muspipe.export.json import save_json
from muspipe.export.matlab import save_mat
from muspipe.export.nwb import UNKNOWN_START, save_nwb
from tests.export.results import made

NUMBERS = pytest.mark.parametrize("n", [0, 1, 3])


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(rows, name):
    return np.array([float(row[name] or "nan") for row in rows])


def test_the_table_of_units_is_the_result():
    result = made()
    table = unit_table(result)
    assert list(table) == list(UNIT_COLUMNS)
    assert table["centre_x_mm"].tolist() == [0.75, 1.25, 1.75] and table["centre_y_mm"].tolist() == [1, 1, 1]
    np.testing.assert_allclose(table["diameter_mm"], 2 * np.sqrt(6 / np.pi) * 0.5)
    assert table["firing_latency_ms"].tolist() == [25, 25, 25] and np.isnan(table["firing_confidence"]).all()
    for name, values in discharge_properties(result.firings).items():
        np.testing.assert_array_equal(table[name], values)


@NUMBERS
def test_csv(tmp_path, n):
    result = made(n)
    save_tables(result, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(TABLES)
    units, firings, trains, pairs, drive, columns = (rows_of(tmp_path / name) for name in TABLES)
    for name, values in unit_table(result).items():
        np.testing.assert_allclose(numbers(units, name), values, rtol=1e-6)
    for i in range(n):
        own = [row for row in firings if row["unit"] == str(i + 1)]
        np.testing.assert_allclose(numbers(own, "firing_s"), result.firings[i], atol=1e-6)
        own = [row for row in trains if row["unit"] == str(i + 1)]
        np.testing.assert_allclose(numbers(own, "velocity"), result.twitch_trains[i], rtol=1e-6)
        np.testing.assert_allclose(numbers(own, "time_s"), np.arange(1600) / 400)
    assert len(pairs) == n * (n - 1) / 2
    for name, values in synchronisation(result.onsets, 4.0).items():
        np.testing.assert_allclose(numbers(pairs, name), values, rtol=1e-6)
    assert numbers(drive, "n_firings").sum() == sum(map(len, result.firings)) and len(drive) == 1600
    np.testing.assert_allclose(numbers(drive, "drive_hz"), drive_table(result)["drive_hz"], rtol=1e-6)
    assert [row["column"] for row in columns] == [*UNIT_COLUMNS, *PAIR_COLUMNS, *DRIVE_COLUMNS]


@NUMBERS
def test_mat(tmp_path, n):
    result = made(n)
    save_mat(result, tmp_path / "a.mat")
    found = loadmat(tmp_path / "a.mat", simplify_cells=False)
    assert found["territories"].shape == (n, 6, 8)
    np.testing.assert_array_equal(found["territories"], result.territories)
    np.testing.assert_array_equal(found["twitch_trains"], result.twitch_trains)
    assert found["firings"].shape[0] == n
    for cell, times_s in zip(found["firings"].flat, result.firings, strict=True):
        np.testing.assert_array_equal(cell.ravel(), times_s)
    units = found["units"][0, 0]
    assert units.dtype.names == tuple(UNIT_COLUMNS)
    for name, values in unit_table(result).items():
        np.testing.assert_array_equal(units[name].ravel(), values)
    np.testing.assert_array_equal(found["drive"][0, 0]["drive_hz"].ravel(), drive_table(result)["drive_hz"])
    assert found["frame_rate_hz"].item() == 400 and found["source_name"].item() == "Übung.h5"
    assert json.loads(found["settings"].item()) == {"k": 3, "range": [1, 2]}


@NUMBERS
def test_json(tmp_path, n):
    result = made(n)
    save_json(result, tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert found["frame_rate_hz"] == 400 and found["image_shape_px"] == [6, 8] and found["firing_rule"] == "discharges"
    assert found["settings"] == {"k": 3, "range": [1, 2]} and found["warnings"] == ["motion was taken off"]
    assert len(found["units"]) == n and len(found["pairs"]) == n * (n - 1) / 2
    assert set(found["drive"]) == set(found["columns"]["drive"]) == set(DRIVE_COLUMNS)
    np.testing.assert_allclose(found["drive"]["drive_hz"], drive_table(result)["drive_hz"], rtol=1e-6)
    for i, unit in enumerate(found["units"]):
        assert set(unit) == {*UNIT_COLUMNS, "firings_s", "twitch_train", "territory_px"} and unit["unit"] == i + 1
        np.testing.assert_allclose(unit["firings_s"], result.firings[i], atol=1e-6)
        np.testing.assert_allclose(unit["twitch_train"], result.twitch_trains[i], rtol=1e-6)
        mask = np.zeros((6, 8), bool)
        mask[tuple(np.transpose(unit["territory_px"]))] = True
        np.testing.assert_array_equal(mask, result.territories[i])
    if n == 3:
        assert found["units"][2]["rate_hz"] is None  # it never fires


@NUMBERS
def test_nwb(tmp_path, n):
    pynwb = pytest.importorskip("pynwb")
    result = made(n)
    save_nwb(result, tmp_path / "a.nwb")
    assert pynwb.validate(path=str(tmp_path / "a.nwb")) == []
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        found = io.read()
        assert found.session_start_time == UNKNOWN_START
        assert "source_name: Übung.h5" in found.notes
        if n == 0:
            assert found.units is None
            return
        assert len(found.units) == n
        for i in range(n):
            np.testing.assert_array_equal(found.units["spike_times"][i], result.firings[i])
            np.testing.assert_array_equal(found.units["territory"][i], result.territories[i])
            np.testing.assert_array_equal(found.units["obs_intervals"][i], [[0, 4]])
        for name in UNIT_COLUMNS.keys() - {"unit"}:
            np.testing.assert_allclose(found.units[name][:], unit_table(result)[name])
        trains = found.processing["ultrasound"]["twitch_trains"]
        np.testing.assert_array_equal(trains.data[()], result.twitch_trains.T)
        assert (trains.rate, trains.unit, trains.starting_time) == (400.0, "mm/s", 0.0)
        for name in DRIVE_COLUMNS.keys() - {"time_s"}:
            series = found.processing["ultrasound"][name]
            np.testing.assert_array_equal(series.data[()], drive_table(result)[name])
            assert (series.unit, series.rate) == (DRIVE_COLUMNS[name][0], 400.0)
        parts = found.processing["ultrasound"].data_interfaces
        assert ("pairs" in parts) == (n > 1)
        if n > 1:
            assert list(parts["pairs"].colnames) == list(PAIR_COLUMNS) and len(parts["pairs"]) == 3
            for name, values in pair_table(result).items():
                np.testing.assert_array_equal(parts["pairs"][name][:], values)


def test_nwb_without_pynwb_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(InputError, match=r'pip install "muspipe\[nwb\]"'):
        save_nwb(made(), tmp_path / "a.nwb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("save", [save_mat, save_json, save_nwb])
def test_what_fails_leaves_the_older_file(tmp_path, monkeypatch, save):
    path = tmp_path / "there.nwb"
    path.write_text("older")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(made(), path)
    assert path.read_text() == "older" and [one.name for one in tmp_path.iterdir()] == ["there.nwb"]
