"""Folders of runs: what is in them, what is refused, what older ones say."""

import json
from pathlib import Path

import pytest

from muspipe.errors import InputError
from muspipe.models import weight_files
from muspipe.training.run_folder import RunFolder, new_run
from muspipe.training.schedules import Phase, Schedule, get_schedule
from tests.training.small_runs import settings_of


def test_a_folder_explains_itself(whole):
    names = {path.name for path in whole.folder.iterdir()}
    files = {"best.weights.h5", "best-all.weights.h5", "phase-all.weights.h5", "last.weights.h5"}
    assert names == files | {"config.json", "history.csv", "loss.png", "checkpoints", "summary.json"}
    config = json.loads((whole.folder / "config.json").read_text())
    assert config["settings"]["seed"] == 0 and config["preset"]["name"] == "compact" and config["preset"]["gru"] == 4
    assert config["versions"]["keras"] and config["schedule"]["phases"][0]["steps"] == 12
    header, *lines = [line.split(",") for line in (whole.folder / "history.csv").read_text().splitlines()]
    watched = ["learning_rate", "gradient_norm", "examples_per_s", "roa"]
    assert header == ["step", "hours", "loss", "val_loss", *watched]
    assert [line[0] for line in lines] == ["10", "12"] and all(float(line[3]) > 0 for line in lines)
    preset, _, meta = weight_files.read(whole.folder / "best.weights.h5")
    assert preset["gru"] == 4 and meta["step"] == whole.summary["best"]["step"]
    assert meta["settings"]["seed"] == 0 and meta["versions"] == config["versions"]
    assert RunFolder(whole.folder).read_summary() == whole.summary and whole.summary["peak_memory_gb"]["process"] > 0


def test_what_is_read_is_what_was_written(tmp_path):
    settings = settings_of(snr_db=20, n_units=(2, 4))
    plan = new_run(tmp_path / "run", settings).read_plan()
    assert plan.settings == settings and plan.schedule == settings.full_schedule()
    assert plan.preset == settings.full_preset()
    assert plan.start == {"kind": "random", "weights": None}
    assert set(plan.versions) >= {"muspipe", "keras", "numpy", "python", plan.versions["backend"]}


def test_a_schedule_of_ones_own(tmp_path):
    own = Schedule((Phase("a", 1, 1e-3), Phase("b", 3, 1e-4, "adam", snr_db=(10, 20))), batch_size=2, patience=7)
    schedule = new_run(tmp_path, settings_of(steps=8, batch_size=None), schedule=own).read_plan().schedule
    assert [(phase.name, phase.steps) for phase in schedule.phases] == [("a", 2), ("b", 6)]
    assert (schedule.batch_size, schedule.patience, schedule.phases[1].snr_db) == (2, 7, (10.0, 20.0))


OLDER = {
    "task": "twitch",
    "preset": "compact",
    "schedule": "short",
    "steps": None,
    "batch_size": 4,
    "data": None,
    "scenario": "both",
    "snr_db": [10.0, 30.0],
    "clean_share": 0.25,
    "seed": 3,
    "precision": "float32",
    "weights": None,
    "patience": None,
    "val_batches": 10,
    "val_every": 100,
}
"""The settings in the config.json of a run from before n_units, online_sequences and options."""


def test_a_run_keeps_its_preset_and_schedule_whatever_they_are_now(tmp_path):
    folder = new_run(tmp_path / "run", settings_of())
    config = json.loads(folder.config.read_text())
    config["settings"] = OLDER | {"preset": "gone", "schedule": "gone"}
    config["preset"]["gru"] = 6
    config["schedule"]["phases"][0] |= {"steps": 5, "learning_rate": 0.5}
    folder.config.write_text(json.dumps(config))
    plan = folder.read_plan()
    assert plan.settings.snr_db == (10.0, 30.0) and plan.settings.n_units is None and plan.settings.seed == 3
    assert (plan.schedule.steps, plan.schedule.phases[0].learning_rate) == (5, 0.5)
    (gru,) = [layer for layer in plan.preset.build().layers_model.layers if layer.name == "both_ways"]
    assert gru.forward_layer.units == 6


def test_an_older_runs_schedule_is_the_one_of_today(tmp_path):
    """As json.dumps wrote it then: phases as plain values, tuples as lists."""
    phases = [
        {
            "name": "noise",
            "steps": 100_000,
            "learning_rate": 1e-05,
            "optimizer": "sgd",
            "clip_norm": 5.0,
            "frozen": None,
            "warmup": 0.0,
            "cosine": False,
            "snr_db": [10.0, 30.0],
        }
    ]
    schedule = Schedule(**{"batch_size": 8, "patience": None, "phases": phases})
    assert schedule.phases == get_schedule("seg", "paper").phases[-1:]
    assert (schedule.validation, schedule.before) == ("fixed", 0)  # as it was then


def test_a_run_is_watched_as_before(tmp_path):
    folder = new_run(tmp_path / "run", settings_of())
    before = folder.config.read_bytes()
    assert folder.watched({"max_minutes": 3.0}) == {"max_minutes": 3.0} and folder.config.read_bytes() == before
    assert folder.watched({"metrics_every": 7, "devices": 2}) == {"metrics_every": 7, "devices": 2}
    assert folder.watched({}) == {"metrics_every": 7}, "time and devices are of each call"
    assert folder.watched({"metrics_every": 5, "tensorboard": True}) == {"metrics_every": 5, "tensorboard": True}
    assert folder.watched({"max_minutes": 1.0}) == {"max_minutes": 1.0, "metrics_every": 5, "tensorboard": True}
    folder.read_plan()
    config = json.loads(folder.config.read_text())
    for damaged in (5, ["metrics_every"], {"steps": 3}):
        folder.config.write_text(json.dumps(config | {"watched": damaged}))
        with pytest.raises(InputError, match="damaged .watched: expected some of metrics_every"):
            folder.watched({})


def test_a_run_is_extended_in_its_last_phase(tmp_path):
    own = Schedule((Phase("a", 2, 1e-3), Phase("b", 6, 1e-4)), batch_size=2)
    folder = new_run(tmp_path / "run", settings_of(steps=None, batch_size=None), schedule=own)
    before = folder.config.read_bytes()
    folder.extend(8)
    assert folder.config.read_bytes() == before  # it has these steps
    with pytest.raises(InputError, match="expected at least 8, the run's steps, got 7"):
        folder.extend(7)
    folder.extend(10)
    folder.write_summary({"reason": "finished"})
    folder.extend(13)
    plan, config = folder.read_plan(), json.loads(folder.config.read_text())
    assert [phase.steps for phase in plan.schedule.phases] == [2, 11] and plan.settings.steps == 13
    assert [(was["from_steps"], was["to_steps"]) for was in config["extended"]] == [(8, 10), (10, 13)]
    folder.write_summary({"reason": "early stopping"})
    with pytest.raises(InputError, match="stopped early"):
        folder.extend(20)
    assert json.loads(folder.config.read_text()) == config


def test_a_summary_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.write_summary({"reason": "finished"})

    def half(path, text, **_):
        path.write_bytes(text[:3].encode())
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError):
        folder.write_summary({"reason": "time"})
    assert folder.read_summary() == {"reason": "finished"} and list(tmp_path.iterdir()) == [folder.summary]


def test_folders_that_are_no_runs(tmp_path):
    with pytest.raises(InputError, match="expected the folder of a run, but there is no config.json"):
        RunFolder(tmp_path).read_plan()
    folder = new_run(tmp_path / "run", settings_of())
    with pytest.raises(InputError, match="expected the folder of a run, but there is no summary.json"):
        folder.read_summary()
    for taken in (tmp_path / "run", folder.config):
        with pytest.raises(InputError, match="exists already; give --resume"):
            new_run(taken, settings_of())
    with pytest.raises(InputError, match="expected the folder of a run"):
        RunFolder(folder.config).read_plan()
    whole = json.loads(folder.config.read_text())
    lacking = {name: value for name, value in whole.items() if name != "versions"}
    for text in ("{", "[1]", *map(json.dumps, (whole | {"settings": {}}, whole | {"preset": {}}, lacking))):
        folder.config.write_text(text)
        with pytest.raises(InputError, match="config.json: damaged"):
            folder.read_plan()


def test_what_was_refused_leaves_no_folder(tmp_path):
    for changes, said in (
        ({"preset": "huge"}, "preset of twitch: expected one of paper, compact"),
        ({"schedule": "long"}, "schedule of twitch: expected one of paper, paper-noise, short"),
        ({"options": {"gur": 3}}, "has no setting 'gur'"),
    ):
        with pytest.raises(InputError, match=said):
            new_run(tmp_path / "run", settings_of(**changes))
    assert not (tmp_path / "run").exists()


def test_discard_takes_away_what_new_run_made_and_nothing_else(tmp_path):
    folder = new_run(tmp_path / "some" / "run", settings_of())
    folder.history.write_text("step")
    folder.tensorboard.mkdir()
    folder.discard()
    assert not folder.path.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    RunFolder(tmp_path / "mine").discard()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
