"""One command, called again and again: its stages, the process in the background, what it brings. Trainings and
evaluations are not run."""

import json
import tarfile
import time
from pathlib import Path

import pytest

from experiments import train_paper
from experiments.train_paper import Training
from muspipe import cli
from muspipe.errors import InputError
from muspipe.models import weight_parts
from muspipe.training.run_settings import TrainSettings
from muspipe.training.start import check_start
from simulator.shared.settings import given


def test_stages_are_public_commands(tmp_path):
    """Each is taken by the command line; the phase of noise goes on from the clean network, on other sequences."""
    (tmp_path / "seg-clean").mkdir()
    for file in ("config.json", "best.weights.h5"):
        (tmp_path / "seg-clean" / file).write_text("{}")
    trained = {}
    for stage in train_paper.stages(Training(options={"mask_rcnn.NAME": "mine"}), tmp_path, 600):
        program, *words = stage.command
        args = cli._parser(program, words[0]).parse_args(words)
        if words[0] == "seg":
            trained[stage.name] = settings = TrainSettings(task="seg", **given(args, TrainSettings))
            check_start(settings, settings.full_schedule())
            assert args.options == ['mask_rcnn.NAME="mine"'] and settings.preset == "paper"
    clean, noise = trained.values()
    assert (clean.steps, noise.steps) == (500, 100) and clean.seed != noise.seed
    assert (clean.snr_db, noise.snr_db) == (None, (10, 30)) and noise.weights == str(tmp_path / "seg-clean")


def test_steps_follow_from_the_probe(tmp_path, monkeypatch):
    """8 examples a second are a step of 8 a second: 90 in one and a half minutes."""

    def probe(stage, out, lock):
        (out / "probe").mkdir()
        (out / "probe/history.csv").write_text("step,examples_per_s\n10,0.5\n40,8\n")

    monkeypatch.setattr(train_paper, "_run", probe)
    what = train_paper.planned(tmp_path, {"train_minutes": 1.5})
    assert train_paper._steps(what, tmp_path, None) == 90
    monkeypatch.setattr(train_paper, "_run", lambda *_: pytest.fail("the plan is there"))
    assert train_paper._steps(what, tmp_path, None) == 90
    assert train_paper.planned(tmp_path, {"train_minutes": 1.5}) == what
    with pytest.raises(InputError, match="has train_minutes 1.5, got 2"):
        train_paper.planned(tmp_path, {"train_minutes": 2})


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A process that waits to be ended, in place of the work."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import os, sys, time\n"
        "with open(os.path.join(sys.argv[2], 'worker.pid'), 'a') as file:\n"
        "    file.write(f'{os.getpid()}\\n')\n"
        "print('working', flush=True)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(train_paper, "__file__", str(script))
    out = tmp_path / "out"
    out.mkdir()
    yield out
    train_paper.stop(out)


def test_the_work_goes_on_behind_the_call_and_only_once(worker, capsys):
    assert not train_paper.at_work(worker)
    train_paper.begin(worker)
    assert train_paper.at_work(worker)
    train_paper.begin(worker)
    began = time.monotonic()
    while "working" not in (worker / train_paper.LOG).read_text():
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    train_paper.wait(worker, 0.001)
    assert "no steps yet" in (said := capsys.readouterr().out) and "the same call goes on" in said
    assert len((worker / train_paper.WORKER).read_text().splitlines()) == 1
    train_paper.stop(worker)
    assert not train_paper.at_work(worker)
    train_paper.wait(worker, 1)
    assert "the work has ended; its last words:\nworking" in capsys.readouterr().out


def test_what_is_brought_is_as_much_as_a_call_may_bring(tmp_path, monkeypatch):
    out, packed = tmp_path / "out", []

    def pack(stage, out, lock):
        packed.append(stage.command)
        (out / "networks").mkdir(exist_ok=True)
        (out / "networks/seg-paper.h5").write_bytes(bytes(60))
        weight_parts.cut(out / "networks/seg-paper.h5", 10 / weight_parts.MIB)
        (out / "packed.json").write_text(json.dumps({"run": Path(stage.command[2]).name}))

    monkeypatch.setattr(train_paper, "_run", pack)
    out.mkdir()
    with pytest.raises(InputError, match="there are no weights yet"):
        train_paper.bring(Training(), out, 1, tmp_path / "there")
    (out / "seg-clean").mkdir()
    for file in ("best.weights.h5", "history.csv"):
        (out / "seg-clean" / file).write_text("x")
    for number, parts in ((1, [1, 2, 3, 4]), (2, [5, 6])):
        copies = train_paper.bring(Training(), out, number, tmp_path / f"there{number}")
        assert [path.name for path in copies] == [*(f"seg-paper.h5.part{i}" for i in parts), "small.tar.gz"]
    with tarfile.open(copies[-1]) as tar:
        assert tar.getnames() == ["networks/seg-paper.parts.json", "seg-clean/history.csv"]
    assert len(packed) == 2  # as it was not done, its weights may have become better
    (out / "seg-clean/summary.json").write_text('{"reason": "finished"}')
    train_paper.bring(Training(), out, 1, tmp_path / "there1")
    assert len(packed) == 2
    assert train_paper.PART_MIB * train_paper.PARTS_A_SET < 64 and train_paper.PARTS_A_SET < 8


def test_the_commands_are_printed_without_doing_anything(tmp_path, capsys):
    words = ["--out", str(tmp_path / "out"), "--steps", "12", "--preset", "compact", "--commands"]
    assert train_paper.main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 7 and "--steps 10 " in said[0] and "--preset compact" in said[1]
    assert list(tmp_path.iterdir()) == []
    assert train_paper.main(["--out", str(tmp_path / "out"), "--bring", "1"]) == 2
    assert "expected --to FOLDER" in capsys.readouterr().err
