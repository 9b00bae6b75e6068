"""Data, results and weights of others: files in the documented layouts, made here, are read and compared."""

import csv
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from experiments import compare_original, original_files, original_weights
from muspipe.errors import InputError
from simulator import SimulationConfig, simulate

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("v5.mat", "v73.mat", "plain.h5", "h5write.h5")


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=3), 4)


def arrays_of(sequence, **more):
    masks, trains = np.moveaxis(sequence.territories, 0, -1), sequence.twitch_trains.T
    return {"velocity": sequence.render(20), "masks": masks, "trains": trains, "snr_db": 20.0} | more


def write(path, arrays):
    """The arrays in the layout: MATLAB v5, v7.3 as MATLAB writes it, HDF5, and HDF5 as MATLAB's h5write leaves it."""
    if path.name.startswith("v5"):
        savemat(path, arrays)
        return path
    with h5py.File(path, "w", userblock_size=512 if path.suffix == ".mat" else 0) as file:
        for name, value in arrays.items():
            value = np.asarray(value)
            if path.suffix == ".mat":
                value = np.atleast_2d(value.astype(np.uint8) if value.dtype == bool else value).T
                empty = {"MATLAB_empty": np.uint8(1)} if not value.size else {}
                file[name] = np.array(value.shape[::-1], np.uint64) if empty else value
                file[name].attrs.update({"MATLAB_class": np.bytes_("double")} | empty)
            elif value.ndim:
                file[name] = (value.T if path.name.startswith("h5write") else value).astype(float)
            else:
                file.attrs[name] = value
    if path.suffix == ".mat":
        with open(path, "rb+") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["compare_original.py", *map(str, args)])
    compare_original.main()


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_is_the_same_sequence(name, sequence, tmp_path):
    found = {"found_masks": np.moveaxis(sequence.territories[:1], 0, -1), "found_trains": sequence.twitch_trains[:1].T}
    arrays = arrays_of(sequence, **found)
    read = original_files.read_sequence(write(tmp_path / name, arrays), reverse=name.startswith("h5write"))
    np.testing.assert_allclose(read.recording.velocity, arrays["velocity"])
    np.testing.assert_array_equal(read.true.territories, sequence.territories)
    np.testing.assert_allclose(read.true.twitch_trains, sequence.twitch_trains)
    assert read.found.n_units == 1 and (read.snr_db, read.recording.frame_rate_hz) == (20, 400)


@pytest.mark.parametrize("name", KINDS[:3])
def test_one_unit_and_none(name, sequence, tmp_path):
    """MATLAB leaves out a last axis of length 1."""
    arrays = arrays_of(sequence, masks=sequence.territories[0], trains=sequence.twitch_trains[:1].T)
    arrays |= {"found_masks": np.zeros((64, 64, 0)), "found_trains": np.zeros((400, 0))}
    read = original_files.read_sequence(write(tmp_path / name, arrays))
    assert read.true.n_units == 1 and read.found.n_units == 0


def test_their_results_beside_our_methods(sequence, tmp_path, monkeypatch, capsys, fake_method):
    """Theirs found two of three units, with the train of one upside down."""
    data, results = tmp_path / "data", tmp_path / "results"
    data.mkdir(), results.mkdir()
    write(data / "v5.mat", arrays_of(sequence))
    masks, trains = np.moveaxis(sequence.territories[:2], 0, -1), sequence.twitch_trains[:2].T * [1, -1]
    savemat(results / "v5.mat", {"found_masks": masks, "found_trains": trains})
    out = tmp_path / "out"
    run(monkeypatch, "data", data, "--results", results, "--out", out, "--methods", "fake", "stica")
    rows = {row["method"]: row for row in rows_of(out / "metrics.csv")}
    assert float(rows["theirs"]["recall"]) == pytest.approx(2 / 3) and rows["theirs"]["precision"] == "1.0"
    assert 0.4 < float(rows["theirs"]["roa"]) < 0.8 and rows["theirs"]["segmentation_recall"] == "1.0"
    assert rows["fake"]["recall"] == "0.0" and float(rows["stica"]["recall"]) == 1
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "| 20.0 | 3 | 1 | 0.667 / 1.000 / 1.000 / 1.000 / " in table and table in capsys.readouterr().out
    means = {(row["method"], row["metric"]): row for row in rows_of(out / "table.csv")}
    assert float(means["theirs", "recall"]["mean"]) == pytest.approx(2 / 3) and means["stica", "roa"]["units"] == "3"
    assert (out / "metrics.png").stat().st_size > 10_000
    with pytest.raises(SystemExit, match="--overwrite"):
        run(monkeypatch, "data", data, "--out", out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": None}, "it lacks masks"),
        ({"trains": np.zeros((3, 400))}, r"trains: expected shape \(400, 3\), .* got \(3, 400\)"),
        ({"masks": np.full((64, 64, 3), 0.5)}, "masks: expected zeros and ones, got values from 0.5 to 0.5"),
        ({"velocity": np.array(["text"])}, "velocity: expected real numbers"),
        ({"found_masks": np.zeros((64, 64, 1))}, "expected both found_masks and found_trains"),
        ({"frame_rate_hz": -1.0}, "frame rate"),
    ],
)
def test_wrong_content_is_one_line(change, message, sequence, tmp_path):
    arrays = {name: value for name, value in arrays_of(sequence, **change).items() if value is not None}
    with pytest.raises(InputError, match=message) as error:
        original_files.read_sequence(write(tmp_path / "v5.mat", arrays))
    assert "v5.mat" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", KINDS[:3])
def test_damaged_files_are_one_line(name, sequence, tmp_path):
    path = write(tmp_path / name, arrays_of(sequence))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"nonsense" * 100, b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match=name) as error:
            original_files.read_sequence(path)
        assert "\n" not in str(error.value)


def test_a_folder_without_sequences(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="expected a .mat or .h5 file for each sequence"):
        run(monkeypatch, "data", tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


TINY = {
    "RESNET_BLOCKS": [1, 1, 1, 1],
    "RESNET_FILTERS": [2, 2, 2, 2],
    "TOP_DOWN_PYRAMID_SIZE": 8,
    "RPN_CHANNELS": 8,
    "MASK_CHANNELS": 4,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 8,
    "POST_NMS_ROIS_INFERENCE": 20,
    "DETECTION_MIN_CONFIDENCE": 0.0,
}
SETTINGS = [f"mask_rcnn.{name}={json.dumps(value)}" for name, value in TINY.items()]
THEIR_NAMES = {f"conv3d_{i}": f"frontend{i}_conv" for i in range(1, 5)}
THEIR_NAMES |= {f"batch_normalization_{i}": f"frontend{i}_bn" for i in range(1, 5)}


@pytest.fixture(scope="module")
def theirs():
    """(a network as if trained elsewhere, {its layer: {weight: array}} by their names)."""
    from mrcnn.weights import named_variables

    preset = original_weights.preset_of("compact", {f"mask_rcnn.{name}": value for name, value in TINY.items()})
    model = preset.build(seed=5, mode="inference")
    rng, layers = np.random.default_rng(5), {}
    back = {ours: their for their, ours in THEIR_NAMES.items()}
    for key, variable in named_variables(model).items():
        layer, name = key.split("/")
        if name == "moving_mean":
            variable.assign(rng.normal(0, 0.1, variable.shape))
        layers.setdefault(back.get(layer, layer), {})[name] = np.asarray(variable)
    return model, layers


def write_weights(path, layers):
    """The layout of Matterport's files; the front end is a model within the model, as is the RPN."""
    groups = {}
    for layer, weights in layers.items():
        group = "model_1" if layer.startswith(("conv3d", "batch_n")) else layer
        groups.setdefault("rpn_model" if layer.startswith("rpn_") else group, {})[layer] = weights
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [group.encode() for group in groups]
        for group, inner in groups.items():
            names = [f"{layer}/{name}:0" for layer, weights in inner.items() for name in weights]
            file.create_group(group).attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                layer, weight = name.removesuffix(":0").split("/")
                file[group][name] = inner[layer][weight]
    return path


def test_weights_from_elsewhere(theirs, sequence, tmp_path, monkeypatch, capsys):
    """All fit by the map of names but one that is missing, one left over and one of another shape; the stages up to
    there are theirs."""
    from muspipe.models.pretrained import load_model
    from muspipe.recordings.recording import Recording

    model, layers = theirs
    changed = {k: v for k, v in layers.items() if k != "mrcnn_bbox_fc"} | {"dense_9": {"kernel": np.ones((2, 2))}}
    changed["mrcnn_mask"] = changed["mrcnn_mask"] | {"bias": np.zeros(81)}
    file = write_weights(tmp_path / "their.h5", changed)
    names = tmp_path / "names.json"
    names.write_text(json.dumps(THEIR_NAMES))
    recording = Recording(sequence.render(20), frame_rate_hz=400, pixel_mm=0.625)
    original_weights.write_stages(tmp_path / "stages.h5", original_weights.stages_of(model, recording))
    out, input_file = tmp_path / "out", write(tmp_path / "v5.mat", arrays_of(sequence))
    files = ("--names", names, "--input", input_file, "--stages", tmp_path / "stages.h5")
    run(monkeypatch, "weights", file, "--preset", "compact", "--set", *SETTINGS, *files, "--out", out)
    states = {}
    for row in rows_of(out / "weights.csv"):
        states.setdefault(row["state"], []).append(row)
    assert {row["weight"] for row in states["missing"]} == {"mrcnn_bbox_fc/kernel", "mrcnn_bbox_fc/bias"}
    assert [(row["weight"], row["file"]) for row in states["left over"]] == [("dense_9/kernel", "2 x 2")]
    (other,) = states["other shape"]
    assert (other["weight"], other["network"], other["file"]) == ("mrcnn_mask/bias", "2", "81")
    assert "frontend4_bn/moving_mean" in {row["weight"] for row in states["matched"]}
    said = capsys.readouterr().out
    assert "mrcnn_mask/bias: network 2, file 81" in said and "not in the file (" in said
    stages = {row["stage"]: row for row in rows_of(out / "stages.csv")}
    for same in ("frontend", "C2", "C5", "P2", "rpn_class", "mrcnn_class"):
        assert float(stages[same]["relative_rms"]) < 1e-5, same
    assert float(stages["mrcnn_bbox"]["relative_rms"]) > 0.01
    assert load_model(out / "network.h5")[0].preset.mask_rcnn["RPN_CHANNELS"] == 8


def test_names_that_do_not_fit(theirs, tmp_path, monkeypatch):
    file, names = write_weights(tmp_path / "their.h5", theirs[1]), tmp_path / "names.json"
    for content, message in (
        ('{"conv3d_11": "frontend1_conv"}', "did you mean 'conv3d_1'"),
        ('{"conv3d_1": "frontend2_conv", "conv3d_2": "frontend2_conv"}', "two weights of the file"),
        ("[1]", "expected one object of names"),
        ("{", "cannot be read as JSON"),
    ):
        names.write_text(content)
        with pytest.raises(SystemExit, match=message) as error:
            args = ("--preset", "compact", "--set", *SETTINGS, "--names", names, "--out", tmp_path / "out")
            run(monkeypatch, "weights", file, *args)
        assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_damaged_weights_are_one_line(theirs, tmp_path):
    path = write_weights(tmp_path / "their.h5", theirs[1])
    whole = path.read_bytes()
    preset = theirs[0].preset
    for content in (whole[: len(whole) // 2], b"nonsense" * 100, b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match="their.h5") as error:
            original_weights.loaded(preset, path, {})
        assert "\n" not in str(error.value)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"other"]
        file.create_group("other").attrs["weight_names"] = np.array([], "S1")
    with pytest.raises(InputError, match="nothing fits"):
        original_weights.loaded(preset, path, {})


def test_stages_of_other_shapes_are_shown_with_both(tmp_path):
    ours = {"P2": np.ones((1, 4, 4, 8)), "P3": np.zeros((1, 2, 2, 8))}
    np.savez(tmp_path / "s.npz", P2=np.ones((4, 4, 8)) * 2, P3=np.zeros((1, 2, 2, 4)), P9=np.zeros(3))
    rows = original_weights.differences(ours, original_weights.read_stages(tmp_path / "s.npz"))
    assert [(row["stage"], row["relative_rms"]) for row in rows] == [("P2", "0.5"), ("P3", ""), ("P9", "")]
    assert rows[1]["ours"] == "1 x 2 x 2 x 8" and rows[1]["theirs"] == "1 x 2 x 2 x 4" and rows[2]["ours"] == "-"


def test_a_preset_without_mask_rcnn_is_refused():
    with pytest.raises(InputError, match="expected one with a Mask R-CNN"):
        original_weights.preset_of("outline", {})
