"""The scripts of the paper's figures: they run, and their pictures lie beside them."""

import re
import sys
from pathlib import Path

import pytest

from experiments import fig04, fig05, fig06, fig07_08, fig09, fig10, fig11, fig12_13, methods

ROOT = Path(__file__).resolve().parents[2]
SINGLE = (fig04, fig05, fig06, fig09, fig10, fig11)
PICTURES = {script: [f"{script.__name__.split('.')[-1]}.png"] for script in SINGLE}
PICTURES |= {fig07_08: ["fig07.png", "fig08.png"], fig12_13: ["fig12.png", "fig13.png"]}
PICTURES[methods] = [f"{name}_{scenario}.png" for name in ("methods", "ica") for scenario in ("paper", "physiological")]


@pytest.mark.parametrize("script", [*SINGLE, fig12_13], ids=lambda script: script.__name__)
def test_script_draws_into_the_folder(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script", "--out", str(tmp_path / "new")])
    script.main()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == PICTURES[script]
    said = capsys.readouterr().out
    assert all(name in said for name in PICTURES[script])
    if script is fig11:
        assert "RoA 0.583 " in said


def test_pictures_are_committed_small_and_make_knows_their_scripts():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    figures = re.search(r"^FIGURES := (.*)$", makefile, re.MULTILINE)[1].split()
    for script, names in PICTURES.items():
        assert Path(script.__file__).relative_to(ROOT).as_posix() in figures
        for name in names:
            assert 10_000 < (ROOT / "experiments" / name).stat().st_size <= 400_000
