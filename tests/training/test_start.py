"""What runs start from, and how a Mask R-CNN then normalises."""

import json

import pytest

from mrcnn.backbone import FrozenBatchNormalization, leaf_layers
from mrcnn.weights import save_weights
from muspipe.models import get_preset, weight_files
from muspipe.training.run_folder import RunFolder, new_run
from muspipe.training.run_settings import TrainSettings
from tests.training.small_runs import FakeDevice, run, settings_of

SMALL = {
    "mask_rcnn.RESNET_BLOCKS": [1, 1, 1, 1],
    "mask_rcnn.RESNET_FILTERS": [4, 4, 4, 4],
    "mask_rcnn.FPN_CLASSIF_FC_LAYERS_SIZE": 8,
    "mask_rcnn.MASK_CHANNELS": 4,
    "mask_rcnn.RPN_CHANNELS": 4,
}


def seg(**changes):
    return TrainSettings("seg", **({"options": SMALL, "online_sequences": 2, "batch_size": 2, "steps": 4} | changes))


def modes(model):
    """How the normalisations of a Mask R-CNN are made: True, False, None."""
    return {layer.train_bn for layer in leaf_layers(model) if isinstance(layer, FrozenBatchNormalization)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights of the small network: in the layout of mask_rcnn_coco.h5, and of muspipe."""
    folder, model = tmp_path_factory.mktemp("weights"), seg().full_preset().build(seed=9)
    save_weights(model, folder / "coco.h5")
    weight_files.save(model, folder / "ours.h5")
    started = get_preset("seg", "compact").changed(SMALL | {"mask_rcnn.TRAIN_BN": False}).build(seed=9)
    weight_files.save(started, folder / "from_coco.h5")
    return folder


@pytest.mark.parametrize(
    "file, options, kind, train_bn",
    [
        (None, {}, "random", None),
        ("coco.h5", {}, "Mask R-CNN", False),
        ("coco.h5", {"mask_rcnn.TRAIN_BN": None}, "Mask R-CNN", None),
        ("ours.h5", {}, "muspipe", None),
        ("from_coco.h5", {}, "muspipe", False),  # it goes on as it was trained
    ],
)
def test_loaded_statistics_are_kept(files, tmp_path, file, options, kind, train_bn):
    path = None if file is None else str(files / file)
    settings = seg(weights=path, random_start=path is None, schedule="paper", options=SMALL | options)
    folder = new_run(tmp_path / "run", settings)
    model = folder.read_plan().preset.build()
    assert modes(model) == {train_bn}
    assert folder.read_plan().start == {"kind": kind, "weights": path, "train_bn": train_bn}


def test_the_summary_says_what_a_run_started_from(files, tmp_path):
    new_run(tmp_path / "run", seg(weights=str(files / "coco.h5"), schedule="paper"))
    device = FakeDevice()
    start = run(tmp_path / "run", devices=device, kill_at=None).summary["start"]
    assert start == {"kind": "Mask R-CNN", "weights": str(files / "coco.h5"), "train_bn": False}
    _, expected, _ = weight_files.read(files / "ours.h5")
    found = weight_files.arrays_of(device.models[0])
    assert (found["res2a_branch2a/kernel"] == expected["res2a_branch2a/kernel"]).all()


def test_an_older_run_does_not_say(tmp_path):
    folder = new_run(tmp_path / "run", settings_of(steps=1))
    config = json.loads(folder.config.read_text())
    assert config.pop("start") == {"kind": "random", "weights": None}
    folder.config.write_text(json.dumps(config))
    assert run(tmp_path / "run", devices=FakeDevice()).summary["start"] is None
    assert RunFolder(tmp_path / "run").read_plan().start is None
