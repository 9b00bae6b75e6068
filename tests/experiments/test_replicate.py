"""The whole experiment by one command: its stages, how it goes on, what it refuses, its hours and its table. What is
heavy is replaced: data, trainings and evaluations are written as they would be, Figs. 7 and 8 too."""

import csv
import dataclasses
import importlib
import json
import shlex
import shutil
import signal
import threading

import pytest

from experiments import published_table, replicate
from experiments.replicate import Replication, Stage, hours, stages
from muspipe import cli
from muspipe.errors import InputError
from muspipe.evaluation.metrics import METRICS
from muspipe.training.history import History
from muspipe.training.run_settings import TrainSettings
from muspipe.training.start import check_start
from simulator.shared.settings import given

SMALL = Replication(scale=0.001, random_start=True)
MEASURED = {"seg": 10.0, "twitch": 5.0}
N_UNITS = (1, 5, 10, 15, 20, 25)


def write_evaluation(folder, mean=0.75):
    """As of a method that has this mean everywhere, and 0.5 of 25 units at 10 dB."""
    cells = []
    for snr_db in ("inf", 20.0, 10.0):
        for n in N_UNITS:
            value = {"mean": 0.5 if (n, snr_db) == (25, 10.0) else mean, "sd": 0.1, "n": 2}
            cells.append({"snr_db": snr_db, "n_units": n, "n_sequences": 2} | dict.fromkeys(METRICS, value))
    folder.mkdir(parents=True)
    text = json.dumps({"method": "deep", "data": {"scenario": "paper"}, "cells": cells})
    (folder / "metrics.json").write_text(text)


def write_run(folder, steps):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "summary.json").write_text(json.dumps({"reason": "finished", "hours": 0.25, "step": steps}))
    history = History(folder / "history.csv", ())
    history.start(0)
    history.add({"step": steps, "hours": 0.25, "loss": 2.0, "val_loss": 3.0})


class Runner(replicate.Runner):
    """Runs stages without what is heavy. dies_at: the stage that is killed, half done."""

    def __init__(self, monkeypatch, dies_at=None):
        super().__init__()
        self.monkeypatch, self.dies_at, self.ran = monkeypatch, dies_at, []

    def __call__(self, stage, lock):
        words = stage.words()
        self.ran.append((stage.name, words))
        if stage.name == self.dies_at:
            if stage.begun:
                stage.begun.parent.mkdir(exist_ok=True)
                stage.begun.write_text("{}")
            raise InputError("killed")
        self.do(stage.name, words)
        assert stage.done()

    def do(self, name, words):
        options = dict(zip(words, [*words[1:], ""], strict=True))
        if name == "data":
            (folder := replicate.Path(words[2])).mkdir()
            (folder / "manifest.json").write_text('{"complete": true}')
        elif words[0] == "muspipe-train":
            write_run(replicate.Path(options["--out"]), int(options["--steps"]))
        elif words[0] == "muspipe":
            write_evaluation(replicate.Path(options["--out"]))
        elif name == "fig07_08":
            rows = [
                "figure,seed,snr_db,true,found,matched,roa",
                "Fig. 7,1,20.0,5,4,4,0.9",
                "Fig. 8,1,20.0,15,15,14,0.9",
            ]
            for file, text in (("fig07.png", "x"), ("fig08.png", "x"), ("fig07_08.csv", "\n".join(rows))):
                (replicate.Path(options["--out"]) / file).write_text(text)
        else:
            script = replicate.Path(words[1])
            self.monkeypatch.setattr("sys.argv", [str(script), *words[2:]])
            importlib.import_module(f"experiments.{script.stem}").main()

    @property
    def names(self):
        return [name for name, _ in self.ran]


def replicated(what, out, runner, said=None):
    measured = []
    say = (lambda text: None) if said is None else said.append
    replicate.replicate(
        what,
        out,
        measuring=lambda what: measured.append(what) or MEASURED,
        running=runner,
        say=say,
    )
    return measured


@pytest.mark.parametrize(
    ("scale", "sequences", "steps", "val_batches"),
    [
        (1.0, (10_000, 1_000, 600), (500_000, 100_000, 100_000, 20_000), 10),
        (0.03, (300, 30, 18), (450, 90, 90, 18), 3),
        (0.001, (10, 8, 6), (3, 1, 1, 1), 1),  # three phases without noise, one with it
    ],
)
def test_data_shrink_by_the_scale_and_steps_by_its_square(scale, sequences, steps, val_batches):
    what = Replication(scale=scale, random_start=True)
    assert tuple(what.sequences.values()) == sequences
    assert tuple(what.steps.values()) == steps and what.val_batches == val_batches


@pytest.mark.parametrize("what", [SMALL, Replication(scale=0.01, preset="compact")], ids=["paper", "compact"])
def test_stages_are_public_commands(what, tmp_path):
    """Each is taken by the command line, and each training by the trainer's own checks."""
    tmp_path.joinpath("seg-clean").mkdir()
    for name in ("seg-clean", "twitch-clean"):
        tmp_path.joinpath(name).mkdir(exist_ok=True)
        for file in ("config.json", "best.weights.h5", "phase-fine.weights.h5"):
            tmp_path.joinpath(name, file).write_text("{}")
    phases = {}
    for stage in stages(what, tmp_path):
        program, *words = stage.command
        if program == "python":
            assert replicate.Path(words[0]).is_file()
            continue
        args = cli._parser(program, words[0]).parse_args(words)
        if program == "muspipe-train":
            settings = TrainSettings(task=words[0], **given(args, TrainSettings))
            check_start(settings, settings.full_schedule())
            phases[stage.name] = [phase.name for phase in settings.full_schedule().phases]
            assert settings.full_schedule().steps == what.steps[stage.name]
    if what is SMALL:
        assert phases == {
            "seg-clean": ["heads", "all", "fine"],
            "seg-noise": ["noise"],
            "twitch-clean": ["all"],
            "twitch-noise": ["noise"],
        }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder of a replication that is done, what ran, what was said, what was measured); not to be changed."""
    said = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        runner, out = Runner(monkeypatch), tmp_path_factory.mktemp("replicated") / "out"
        measured = replicated(SMALL, out, runner, said)
    return out, runner, said, measured


def test_the_whole_way_makes_every_figure_and_the_table(whole, monkeypatch):
    out, runner, said, measured = whole
    assert measured == [SMALL] and runner.names == [stage.name for stage in stages(SMALL, out)]
    assert {path.name for path in (out / "figures").glob("*.png")} == {f"fig{n:02d}.png" for n in range(4, 14)}
    for stage, words in runner.ran:
        assert any(shlex.join(words) in text for text in said), stage
    state = json.loads((out / "replicate.json").read_text())
    assert set(state["seconds"]) == set(runner.names) and state["step_s"] == MEASURED
    again = Runner(monkeypatch)
    assert replicated(SMALL, out, again) == [] and again.ran == []


def test_a_killed_call_goes_on(tmp_path, monkeypatch):
    killed = Runner(monkeypatch, dies_at="seg-noise")
    with pytest.raises(InputError, match="killed"):
        replicated(SMALL, tmp_path, killed)
    assert killed.names == ["data", "seg-clean", "seg-noise"]
    rest = Runner(monkeypatch, dies_at="eval-clean")
    with pytest.raises(InputError):
        replicated(SMALL, tmp_path, rest)
    assert rest.names == ["seg-noise", "twitch-clean", "twitch-noise", "eval-clean"]
    assert [words[-1] == "--resume" for _, words in rest.ran] == [True, False, False, False]


def test_stages_begin_when_what_they_read_is_done():
    """Two at once: `first` and `other` need nothing, and each waits until it sees that the other is at work too."""
    needs = {"first": (), "second": ("first",), "other": (), "last": ("second", "other")}
    found = [Stage(name, (), lambda: False, needs=frozenset(names)) for name, names in needs.items()]
    together, done = threading.Barrier(2), []

    def one(stage):
        assert stage.needs <= set(done)
        if not stage.needs:
            together.wait(timeout=20)
        done.append(stage.name)

    replicate.in_order(found, 2, one)
    assert set(done[:3]) == {"first", "other", "second"} and done[3:] == ["last"]
    done.clear()
    replicate.in_order(found[:2], 1, lambda stage: done.append(stage.name))
    assert done == ["first", "second"]


def test_after_a_stage_that_fails_none_begins():
    found = [Stage(name, (), lambda: False) for name in ("bad", "beside", "later")]
    together, done = threading.Barrier(2), []

    def one(stage):
        together.wait(timeout=20)
        if stage.name == "bad":
            raise InputError("killed")
        done.append(stage.name)

    with pytest.raises(InputError, match="killed"):
        replicate.in_order(found, 2, one)
    assert done == ["beside"]


def test_what_stages_wait_for(tmp_path):
    needs = {stage.name: stage.needs for stage in stages(SMALL, tmp_path)}
    assert needs["data"] == frozenset() and needs["twitch-clean"] == {"data"}
    assert needs["seg-noise"] == {"data", "seg-clean"} and needs["eval-stica"] == {"data"}
    assert needs["eval-noise"] == {"data", "seg-noise", "twitch-noise"}
    assert needs["fig06"] == {"eval-twitch-clean", "eval-twitch-noise"} and needs["fig11"] == frozenset()
    assert needs["table"] == {name for name in needs if name != "table"}


def test_batches_are_small_where_every_phase_has_one_step(tmp_path):
    """Those of the paper have 8 sequences or 32 crops."""
    for scale, sizes in ((0.001, ["2", "2", "8", "8"]), (0.01, [])):
        what = Replication(scale=scale, random_start=True)
        words = [stage.command for stage in stages(what, tmp_path)]
        found = [words[words.index("--batch-size") + 1] for words in words if "--batch-size" in words]
        assert found == sizes
        assert not sizes or all(
            n == len(phases) for n, phases in zip(what.steps.values(), ("123", "4", "1", "2"), strict=True)
        )


def test_a_signal_ends_the_stage_at_work_and_none_begins_after_it(tmp_path):
    code = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    (tmp_path / "stage.py").write_text(code)
    stage = Stage("one", ("python", str(tmp_path / "stage.py")), lambda: False)
    runner, said = replicate.Runner(), []
    before = signal.getsignal(signal.SIGTERM)
    with runner.signals(), pytest.raises(InputError, match=r"stage one has not ended \(exit code -15\)"):
        replicate.in_order([stage], 1, lambda stage: runner(stage, None))
    with pytest.raises(InputError, match="stopped before stage one"):
        runner(stage, None)
    assert signal.getsignal(signal.SIGTERM) is before
    (tmp_path / "stage.py").write_text("print('said')")
    replicate.Runner(True, said.append)(dataclasses.replace(stage, done=lambda: True), None)
    assert said == ["\n-- one\nsaid"]


def test_a_training_that_was_interrupted_is_not_done(tmp_path):
    (stage,) = [stage for stage in stages(SMALL, tmp_path) if stage.name == "seg-clean"]
    assert not stage.done()
    write_run(tmp_path / "seg-clean", 2)
    assert stage.done()
    (tmp_path / "seg-clean/summary.json").write_text('{"reason": "interrupted"}')
    assert not stage.done()


def test_other_settings_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError):
        replicated(SMALL, tmp_path, Runner(monkeypatch, dies_at="data"))
    with pytest.raises(InputError, match="holds a replication with scale 0.001, not 0.01; choose another folder"):
        replicated(Replication(scale=0.01, random_start=True), tmp_path, Runner(monkeypatch))


def test_folders_of_others_and_calls_at_once_are_refused(tmp_path, monkeypatch):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="expected an empty folder or one of a replication, found thesis.tex"):
        replicated(SMALL, tmp_path, Runner(monkeypatch))
    (tmp_path / "thesis.tex").unlink()
    with replicate.locked(tmp_path), pytest.raises(InputError, match="still at work here"):
        replicated(SMALL, tmp_path, Runner(monkeypatch))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "--random-start to train from random ones all the same"),
        ({"coco": "none.h5"}, "there is no such file"),
        ({"preset": "compact", "random_start": True}, "leave --coco and --random-start out"),
        ({"scale": 0.0}, "scale: expected a number above 0"),
    ],
)
def test_what_cannot_be_replicated(settings, message):
    with pytest.raises(InputError, match=message):
        Replication(**settings)


def test_at_least_one_job(tmp_path):
    with pytest.raises(InputError, match="jobs: expected at least 1, got 0"):
        replicate.replicate(SMALL, tmp_path, jobs=0)


def test_hours_follow_from_a_measured_step():
    """450 steps of 10 s, validated every 22 (21 times) by 3 batches of a third of that: 4,710 s."""
    found = hours(Replication(scale=0.03, random_start=True), MEASURED)
    assert found["seg-clean"] == pytest.approx(4710 / 3600)
    assert found["twitch-noise"] == pytest.approx((18 * 5 + 18 * 5) / 3600)
    assert hours(SMALL, MEASURED)["seg-clean"] == pytest.approx((3 + 3 / 3) * 10 / 4 / 3600)  # a quarter of the batch
    said = replicate.estimate(SMALL, MEASURED)
    assert "a step, measured here: seg 10 s, twitch 5 s, by one of 0.25 of the batch" in said
    whole = sum(hours(Replication(random_start=True), MEASURED).values())
    assert f"at --scale 1 about {whole:,.0f} h" in said and 1_800 < whole < 2_000


@pytest.mark.parametrize(("code", "ends"), [("pass", True), ("raise SystemExit(3)", True), ("pass", False)])
def test_a_stage_that_fails_or_leaves_no_output_stops_all(code, ends, tmp_path):
    (tmp_path / "stage.py").write_text(code)
    stage = Stage("one", ("python", str(tmp_path / "stage.py")), lambda: ends)
    if code == "pass" and ends:
        replicate.Runner()(stage, None)
        return
    with pytest.raises(InputError, match=r"stage one has not ended \(exit code [03]\); the same call goes on"):
        replicate.Runner()(stage, None)


def test_the_table_holds_published_ours_and_their_difference(whole):
    with open(whole[0] / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))

    def of(statement, **wanted):
        rows_ = [row for row in rows if row["statement"] == statement]
        return [row for row in rows_ if all(row[name] == value for name, value in wanted.items())]

    fig4 = of("recall-noise-trained")
    assert [(row["units"], row["snr_db"]) for row in fig4] == [
        (n, s) for n in ("1", "25") for s in ("inf", "20.0", "10.0")
    ]
    assert [round(float(row["difference"]), 6) for row in fig4] == [-0.15] * 3 + [0.15, 0.15, -0.1]
    (lowest,) = of("roa-noise-trained", what="Rate of agreement (true territories), trained with noise: lowest")
    assert (lowest["published"], lowest["ours"], lowest["units"], lowest["snr_db"]) == ("> 0.90", "0.5", "25", "10.0")
    assert float(lowest["difference"]) == pytest.approx(-0.4)
    (band,) = of("stica-territories")
    assert band["published"] == "0.50-0.60" and float(band["difference"]) == 0  # 0.5 lies within
    assert [(row["published"], row["ours"], row["difference"]) for row in of("example-15")] == [
        ("13 of 15", "14 of 15", "1")
    ]
    assert [(row["published"], row["ours"]) for row in of("seg-time")] == [("67 h", "0.5 h")]
    said = (whole[0] / "table.md").read_text()
    assert said.startswith("Published by Ali et al. 2020, and ours: scale 0.001, preset paper, random start True, seed")
    assert "| Fig. 4B | Detection recall, trained with noise | 25 | 10 dB | 0.60 | 0.500 (0.10) | 2 | -0.100 |" in said
    assert len(said.splitlines()) == 4 + len(rows)


def test_where_nothing_was_found_there_is_nothing_to_compare(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    path = tmp_path / "eval-noise/metrics.json"
    metrics = json.loads(path.read_text())
    for cell in metrics["cells"]:
        cell["roa"] = {"mean": None, "sd": None, "n": 0}
    path.write_text(json.dumps(metrics))
    rows = [row for row in published_table.rows_of(tmp_path) if "units found), trained with noise" in row["what"]]
    assert [(row["published"], row["ours"], row["difference"]) for row in rows] == [("> 0.90", None, None)]
    assert "| > 0.90 | - | - | - |" in published_table.markdown(rows, {})
