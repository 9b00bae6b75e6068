"""Exported networks: weights in float16, facts, model cards."""

import json

import h5py
import numpy as np
import pytest

from muspipe.cli import main_train
from muspipe.errors import InputError
from muspipe.export.networks import card_text, export_card, export_network
from muspipe.models import pretrained, weight_files
from muspipe.training.run_folder import new_run
from muspipe.training.run_settings import TrainSettings

SMALL = {"dense_before": [8], "gru": 4, "dense_after": [4]}


def finished_run(path, **changes):
    """A run of no training: its best weights are those that it began with."""
    folder = new_run(path, TrainSettings(**({"task": "twitch", "steps": 30, "seed": 5, "options": SMALL} | changes)))
    model = folder.read_plan().preset.build(seed=5)
    weight_files.save(model, folder.weights, {"step": 20, "val": {"val_loss": 0.25}})
    folder.write_summary({"step": 30, "hours": 0.5})
    return model


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs, of which the second began with the weights of the first; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    finished_run(folder / "first", scenario="both", snr_db=(8, 30), clean_share=0.25)
    finished_run(folder / "second", weights=str(folder / "first"), n_units=(1, 30))
    return folder


def evaluation(folder, network, **changes):
    """metrics.json of an evaluation with one cell."""
    cell = {"snr_db": 20, "n_units": 5, "n_sequences": 10, "roa": {"mean": 0.8125, "sd": 0.1}}
    metrics = {
        "method": "deep",
        "settings": {"twitch": network, "signals": "network"},
        "data": {"scenario": "paper", "seed": 7},
        "cells": [cell],
    }
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(metrics | changes))
    return folder


def test_an_exported_network_is_the_runs_but_for_rounding(runs, tmp_path):
    path, change = export_network(runs / "second", "twitch-mine", tmp_path / "new")
    with h5py.File(path) as file:
        assert {file[name].dtype for name in file} == {np.dtype("float16")}
    _, best, _ = weight_files.read(runs / "second" / "best.weights.h5")
    model, meta = pretrained.load_model(path)
    found = weight_files.arrays_of(model)
    assert found.keys() == best.keys() and meta == {"name": "twitch-mine", "step": 20}
    for name in best:
        np.testing.assert_allclose(found[name], best[name], rtol=2**-11, atol=1e-7)  # half of float16's last digit
    assert 0 < change <= 2**-11
    whole = path.read_bytes()
    export_network(runs / "second", "twitch-mine", tmp_path / "new")
    assert path.read_bytes() == whole  # so that its checksum stays that of the card


def test_the_facts_tell_all_runs_and_no_folders(runs, tmp_path):
    path, _ = export_network(runs / "second", "twitch-mine", tmp_path, before=[runs / "first"])
    text = path.with_suffix(".json").read_text()
    card = json.loads(text)
    assert str(runs) not in text and "weights" not in card["training"][1]["settings"]
    assert (card["name"], card["preset"], card["step"], card["validation"]) == (
        "twitch-mine", "compact", 20, {"val_loss": 0.25}
    )  # fmt: skip
    first, second = card["training"]
    assert first["settings"]["snr_db"] == [8, 30] and second["settings"]["options"]["gru"] == 4
    assert (second["steps_done"], second["hours"], second["batch_size"]) == (30, 0.5, 32)
    assert second["phases"][0]["steps"] == 30 and second["versions"]["keras"]
    assert card["weights"] == sum(a.size for a in weight_files.read(path)[1].values())


def test_the_card_tells_what_was_done_and_measured(runs, tmp_path):
    export_network(runs / "second", "twitch-mine", tmp_path, before=[runs / "first"])
    measured = [evaluation(tmp_path / "e1", "twitch-mine"), evaluation(tmp_path / "e2", "there/twitch-mine.h5")]
    text = export_card("twitch-mine", tmp_path, measured).read_text()
    assert (
        "- Preset compact, 30 steps of 32: fresh sequences of scenario both, 5-30 units, noise of 8-30 dB and 25% "
        "without; seed 5, 0.5 h on one core.\n"
        "- Preset compact, 30 steps of 32: fresh sequences of scenario paper, 1-30 units, no noise; seed 5, "
        "0.5 h on one core.\n"
    ) in text
    assert "those of step 20 of the last run, validation loss 0.25." in text
    assert text.count("| SNR [dB] | units | sequences | RoA |\n|---:|---:|---:|---:|\n| 20 | 5 | 10 | 0.812 |") == 2
    with pytest.raises(InputError, match="expected those of twitch-mine, got one of twitch-other"):
        export_card("twitch-mine", tmp_path, [evaluation(tmp_path / "e3", "twitch-other")])


@pytest.mark.parametrize("name", pretrained.names())
def test_cards_of_the_package_are_of_their_files(name):
    """All of a card but what was measured follows from its facts."""
    path = pretrained.path_of(name)
    card, text = json.loads(path.with_suffix(".json").read_text()), path.with_suffix(".md").read_text()
    before, after = card_text(card, []).split("## Measured")
    assert text.startswith(before) and text.endswith(after)


def test_the_command(runs, tmp_path, capsys):
    words = ["export", str(runs / "first"), "twitch-mine", "--folder", str(tmp_path)]
    assert main_train(words) == 0
    assert "MB, largest relative change of a weight" in capsys.readouterr().out
    assert main_train(words) == 2
    assert "give --overwrite" in capsys.readouterr().err
    more = ["--evaluations", str(evaluation(tmp_path / "e", "twitch-mine")), "--overwrite"]
    assert main_train([*words, *more]) == 0
    assert f"{tmp_path / 'twitch-mine.md'}\n" in capsys.readouterr().out
    assert main_train(["export", str(tmp_path), "twitch-mine", "--folder", str(tmp_path / "x")]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err


def test_the_command_cuts_a_network_into_parts_and_puts_it_together_again(runs, tmp_path, capsys):
    words = ["export", str(runs / "first"), "twitch-mine", "--folder", str(tmp_path)]
    assert main_train([*words, "--part-mib", "0.02"]) == 0
    index = tmp_path / "twitch-mine.parts.json"
    n_parts = len(list(tmp_path.glob("twitch-mine.h5.part*")))
    assert f"{index}: " in (out := capsys.readouterr().out) and f" in {n_parts} parts, largest" in out
    assert not (tmp_path / "twitch-mine.h5").exists() and n_parts > 2
    card = json.loads((tmp_path / "twitch-mine.json").read_text())
    assert json.loads(index.read_text())["sha256"] == card["sha256"]
    assert main_train(words) == 2
    assert "twitch-mine.parts.json: exists already; give --overwrite" in capsys.readouterr().err
    assert main_train([*words, "--overwrite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["twitch-mine.h5", "twitch-mine.json"]
    assert main_train([*words, "--overwrite", "--part-mib", "0"]) == 2
    assert "--part-mib: expected at least 0.01 MiB, got 0" in capsys.readouterr().err
