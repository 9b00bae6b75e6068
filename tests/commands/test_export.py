"""muspipe export on the command line; what is in the files: tests/export."""

import pytest

from muspipe.cli import COMMANDS, MODULES, main, main_train
from muspipe.export.formats import FORMATS
from tests.export.results import made


@pytest.fixture
def result(tmp_path):
    made().save(tmp_path / "result.h5")
    return tmp_path / "result.h5"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_goes_beside_the_result(result, capsys, to):
    if to == "nwb":
        pytest.importorskip("pynwb")
    assert main(["export", str(result), "--to", to]) == 0
    made_path = result.parent / f"result{FORMATS[to].ending}"
    said, err = capsys.readouterr()
    assert f"{made_path}: 3 motor units, " in said and "firings" in said
    assert ("began in 1900" in err) == (to == "nwb")
    assert names(result.parent) == sorted(["result.h5", made_path.name])
    assert made_path.is_dir() == FORMATS[to].folder
    # not twice, unless told so
    assert main(["export", str(result), "--to", to]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["export", str(result), "--to", to, "--overwrite"]) == 0


def test_the_folder_of_identify_stands_for_its_result(result, capsys):
    assert main(["export", str(result.parent), "--to", "json"]) == 0
    assert names(result.parent) == ["result.h5", "result.json"]
    assert main(["compare", str(result.parent), str(result.parent)]) == 0
    assert "of 3 units" in capsys.readouterr().out


def test_another_place_and_the_date_of_the_session(result, tmp_path, capsys):
    pynwb = pytest.importorskip("pynwb")
    path = tmp_path / "mine.nwb"
    start = "2026-05-01T10:00:00+02:00"
    assert main(["export", str(result), "--to", "nwb", "--out", str(path), "--session-start", start]) == 0
    assert "1900" not in capsys.readouterr().err
    with pynwb.NWBHDF5IO(path, "r") as io:
        assert io.read().session_start_time.isoformat() == start


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nothing.h5 --to mat", "nothing.h5: no such file"),
        ("result.h5 --to pdf", "invalid choice: 'pdf'"),
        ("result.h5", "--to"),
        ("result.h5 --to mat --out result.h5 --overwrite", "would replace what is read"),
        ("result.h5 --to mat --out no/such/a.mat", "no folder no/such; make it first"),
        ("result.h5 --to mat --out . --overwrite", "exists already"),
        ("result.h5 --to csv --out result.h5", "expected a folder for the output, got a file"),
        ("result.h5 --to nwb --session-start yesterday", "expected a date and time with its zone"),
        ("result.h5 --to nwb --session-start 2026-05-01", "expected a date and time with its zone"),
        ("result.h5 --to mat --session-start 2026-05-01T10:00:00+02:00", "only nwb keeps it, not mat"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(result, capsys, monkeypatch, words, says):
    monkeypatch.chdir(result.parent)
    before = result.read_bytes()
    try:
        assert main(["export", *words.split()]) == 2
    except SystemExit as end:  # argparse's own
        assert end.code == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert names(result.parent) == ["result.h5"] and result.read_bytes() == before


def test_the_two_exports_are_two_commands(capsys):
    assert "export" in COMMANDS["muspipe"] and MODULES[("muspipe-train", "export")] == "export_network"
    for program, word in ((main, "RESULT"), (main_train, "RUN")):
        with pytest.raises(SystemExit):
            program(["export", "--help"])
        assert word in capsys.readouterr().out
