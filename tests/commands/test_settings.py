"""`muspipe settings` as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from muspipe import cli
from muspipe.commands.settings import BEFORE, SIMULATED, WIDTH
from muspipe.errors import InputError
from muspipe.evaluation import EVALUATED
from muspipe.identification.blocks import Cutting
from muspipe.identification.method import get_method
from muspipe.preparation.prepare import Preparation, apart
from simulator import SCENARIOS
from simulator.shared.settings import Line, changed, described, lines_of, parse_assignments

ROOT = Path(__file__).resolve().parents[2]


def said(capsys, *words):
    """Lines that the command prints."""
    assert cli.main(["settings", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_contents_name_every_topic(capsys):
    assert list(SIMULATED) == list(SCENARIOS)
    lines = said(capsys)
    topics = {*EVALUATED, *BEFORE, *SCENARIOS}
    assert {line.split()[0] for line in lines if line.startswith("  ")} == topics
    assert any(line.split() == ["hybrid", "(default)", *EVALUATED["hybrid"].help.split()] for line in lines)


@pytest.mark.parametrize("topic", [*EVALUATED, *BEFORE, *SCENARIOS, "motion"])
def test_tables_are_narrow_enough(topic, capsys):
    assert max(map(len, said(capsys, topic))) <= WIDTH


def test_a_method_with_what_comes_before_it(capsys):
    lines = said(capsys, "hybrid")
    assert lines[0] == f"--method hybrid: {EVALUATED['hybrid'].help}"
    names = {line.split()[0] for line in lines if line[:1].strip()}
    assert {*described(EVALUATED["hybrid"].load())} - {"ica"} <= names
    assert {f"ica.{name}" for name in described(EVALUATED["ica"].load())} - {"ica.sparse"} <= names
    assert {f"prepare.{name}" for name in described(Preparation)} <= names
    assert {f"cut.{name}" for name in described(Cutting)} <= names
    (row,) = (line for line in lines if line.startswith("ica.diameter_mm "))
    assert row.split()[1:8] == ["[1.2,", "20.0]", "mm", "[low,", "high],", "each", "above"]  # not 1.5, as by itself


@pytest.mark.parametrize("method", EVALUATED)
def test_defaults_are_taken_as_they_stand(method):
    default = EVALUATED[method].load()()
    pairs = parse_assignments(f"{line.name}={line.value}" for line in lines_of(default))
    assert get_method(method, pairs, EVALUATED) == default


def test_a_word_finds_settings_of_everything_and_shared_ones_once(capsys):
    lines = said(capsys, "Motion")
    assert "prepare" in lines and "scenario paper, scenario physiological" in lines and "scenario echo" in lines
    assert sum(line.startswith("prepare.motion ") for line in lines) == 1
    assert any(line.startswith("tissue.still_edge_mm") for line in lines)  # its meaning has the word


@pytest.mark.parametrize("word", ["xyz", "-", ".*", "a\nb", "\udc80", "{}", "%s"])
def test_an_unknown_word_is_one_line(word, capsys):
    assert cli.main(["settings", "--", word]) == (2 if word != "-" else 0)
    error = capsys.readouterr().err
    assert word == "-" or (error.count("\n") == 1 and "hybrid" in error and "echo" in error and repr(word) in error)


def test_what_is_expected_in_few_words():
    lines = {line.name: line for line in lines_of(SCENARIOS["echo"])}
    assert lines["n_units"].expected == "integer from 0 to 1000 or [low, high], each integer from 0 to 1000"
    assert lines["twitch_waveform"].expected == "text or a list, each number or null"
    assert lines["peak_velocity_lognormal"].expected == "true, false"
    assert lines["territory_placement"].expected == "inside, cut"
    text = "share of the response that is dragged along"
    assert lines["tissue.drag_share"] == Line(
        "tissue.drag_share", "[0.0, 0.5]", "", "[low, high], each from 0 to 1", text
    )
    assert {line.name: line.expected for line in lines_of(SCENARIOS["paper"])}["motion"] == "{...} or null"


def test_an_unknown_setting_points_to_the_list():
    for change, topic in (({"colour": 1}, "hybrid"), ({"ica.sped": 1}, "hybrid"), ({"ica.sparse.sped": 1}, "hybrid")):
        with pytest.raises(InputError, match=f"has no setting .*, listed by `muspipe settings {topic}`$"):
            get_method("hybrid", change)
    with pytest.raises(InputError, match="has no setting 'speed'.*, listed by `muspipe settings prepare`$"):
        apart({"prepare.speed": 1}, "prepare", Preparation())
    with pytest.raises(InputError, match="it has window_s, .*_mm$"):  # without a list
        changed(Cutting(), {"speed": 1}, "cut")


def test_neither_keras_nor_tensorflow_is_loaded():
    code = (
        "import sys, json, muspipe.cli\nfor topic in ([], ['hybrid'], ['twitch-true'], ['motion']):\n"
        "    muspipe.cli.main(['settings', *topic])\n"
        "print(json.dumps(sorted({'keras', 'tensorflow', 'jax', 'matplotlib'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
