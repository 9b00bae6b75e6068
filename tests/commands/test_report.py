"""`muspipe report` and `muspipe figure`: from result files to a page and a figure."""

import pytest

from muspipe.cli import main
from muspipe.commands.figure import unit_numbers
from muspipe.errors import InputError
from tests.report.pages import result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()
    result(2, duration_s=1).save(tmp_path / "dir/result.h5")
    result(3, duration_s=1).save(tmp_path / "other.h5")
    result(0, duration_s=1, source={"name": "third.h5"}).save(tmp_path / "third.h5")
    return tmp_path


def test_page_of_several(folder, capsys):
    assert main(["report", "dir", "other.h5", "third.h5"]) == 0
    out = capsys.readouterr().out
    assert "report.html: 5 motor units of 3 recordings" in out
    html = (folder / "report.html").read_text()
    # Two have one name: what was given tells them apart.
    for name in ("recording.h5 (dir)", "recording.h5 (other.h5)", "third.h5"):
        assert f">{name}</option>" in html
    assert main(["report", "dir"]) == 2
    assert "report.html: exists already; give --overwrite" in capsys.readouterr().err
    assert main(["report", "third.h5", "--overwrite"]) == 0
    assert "0 motor units of 1 recording," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "missing.h5"], "missing.h5: no such file"),
        (["report", "dir", "--out", "a.pdf"], "a.pdf: expected a file ending in .html or .htm, got .pdf"),
        (["report", "dir", "--out", "no/a.html"], "no folder no"),
        (["figure", "dir", "--out", "a.jpg"], "expected a file ending in .png, .pdf or .svg, got .jpg"),
        (["figure", "dir", "--out", "a.png", "--units", "1-9"], "expected numbers from 1 to 2, the units found, got 3"),
        (["figure", "dir", "--out", "a.png", "--units", "x"], "--units: expected numbers and ranges such as 1-10,14"),
        (["figure", "dir", "--out", "a.png", "--window", "0", "2"], "within the recording of 1 s, got 0 and 2 s"),
    ],
)
def test_bad_calls(folder, capsys, arguments, message):
    before = sorted(folder.rglob("*"))
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("muspipe: error: ") and message in line
    assert sorted(folder.rglob("*")) == before


def test_figures(folder, capsys):
    assert main(["figure", "dir", "--out", "a.svg", "--units", "2", "--window", "0.2", "0.8"]) == 0
    assert "<svg" in (folder / "a.svg").read_text()
    assert main(["figure", "other.h5", "--out", "a.pdf", "--truth", "other.h5"]) == 0
    assert (folder / "a.pdf").read_bytes().startswith(b"%PDF")


def test_numbers_of_units():
    assert unit_numbers("1-3, 7,9 - 10") == [1, 2, 3, 7, 9, 10]
    for wrong in ("", "0", "3-1", "1,,2", "-2", "1.5", "1e3", "²"):
        with pytest.raises(InputError, match="--units: expected numbers"):
            unit_numbers(wrong)
