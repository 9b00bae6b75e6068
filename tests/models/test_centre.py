"""The network of centres: its targets lead back to the territories, its losses are those on paper, it trains."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from muspipe.data import BatchOptions
from muspipe.data.loader import detection_batches
from muspipe.data.sources import OnlineSource
from muspipe.errors import InputError
from muspipe.evaluation.metrics import match_territories
from muspipe.identification.windows import find_territories
from muspipe.models import get_preset, pretrained, weight_files
from muspipe.models.base import freeze
from muspipe.models.centre import focal_loss, shapes_of
from muspipe.recordings.recording import Recording
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def preset():
    small = get_preset("seg", "centre")
    stages = zip(small.frontend, (2, 3, 4, 8), strict=True)
    stages = [replace(stage, maps=maps, kernel=(3, 3, 3)) for stage, maps in stages]
    return small.changed({"frontend": stages, "centre.maps": 8, "centre.dilations": [1, 2]})


@pytest.fixture(scope="module")
def batch():
    source = OnlineSource(SimulationConfig.scenario("physiological", n_units=25), 3, 4)
    return next(detection_batches(source, BatchOptions(batch_size=4, snr_db=20.0)))


def logits(target):
    """A network's output that says what the target says."""
    output = target.copy()
    p = np.clip(target[..., 0], 1e-6, 1 - 1e-6)
    output[..., 0] = np.log(p / (1 - p))
    return output


def test_a_perfect_output_is_the_territories(preset, batch):
    inputs = preset.build().batch_inputs(batch)
    assert inputs["target"].shape == (4, 32, 32, 4, 4)
    n_found = 0
    for target, masks in zip(inputs["target"], batch["masks"], strict=True):
        true = masks[masks.any((1, 2))]
        found, scores = shapes_of(logits(target), replace(preset.centre, lowest_score=0.99), (64, 64))
        mine, _ = match_territories(found, true, 0.9)
        assert len(mine) == len(found) and (np.diff(scores) <= 0).all()
        n_found += len(mine)
    assert n_found >= 96  # of 100: two of equal size may have their centres in one cell


def test_two_units_at_one_place_are_told_apart_by_their_sizes(preset):
    y, x = np.mgrid[:64, :64] + 0.5
    masks = np.stack([(y - 30) ** 2 + (x - 30) ** 2 <= r**2 for r in (2.5, 4, 6)])
    target = preset.build()._target(masks)
    found, _ = shapes_of(logits(target), replace(preset.centre, lowest_score=0.99), (64, 64))
    mine, _ = match_territories(found, masks, 0.9)
    assert len(mine) == 3 == len(found)


def test_focal_loss_on_paper():
    target, p = np.array([1.0, 0.0, 0.5], "float32"), np.array([0.8, 0.1, 0.6], "float32")
    loss = focal_loss(keras.ops.convert_to_tensor(target), keras.ops.convert_to_tensor(np.log(p / (1 - p))))
    expected = -(0.2**2 * np.log(0.8) + 0.1**2 * np.log(0.9) + 0.5**4 * 0.6**2 * np.log(0.4))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_geometry_counts_near_peaks_only(preset, batch):
    model = preset.build()
    inputs = model.batch_inputs(batch)
    output = logits(inputs["target"])
    far = inputs["target"][..., 0] < preset.centre.near
    output[far, 1:] += 100
    losses = {name: float(loss) for name, loss in model.losses_of(inputs, output).items()}
    assert losses["offset_loss"] == losses["radius_loss"] == 0
    output[~far, 3] += 0.5
    losses = {name: float(loss) for name, loss in model.losses_of(inputs, output).items()}
    assert losses["offset_loss"] == 0 and losses["radius_loss"] == pytest.approx(0.5, rel=1e-5)


def test_trains_is_kept_and_finds(preset, batch, tmp_path):
    model = preset.build(seed=1)
    inputs = model.batch_inputs(batch)
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    losses = []
    for _ in range(6):
        logs = model.train_on_batch(inputs, return_dict=True)
        losses.append(float(logs["loss"]))
        model.reset_metrics()
    assert losses[-1] < 0.8 * losses[0] and set(logs) == {"loss", *model.loss_names}
    weight_files.save(model, tmp_path / "centre.h5")
    again, _ = pretrained.load_model(tmp_path / "centre.h5")
    recording = Recording(batch["images"][0, ..., 0], frame_rate_hz=400.0, pixel_mm=0.625)
    for one, other in zip(
        find_territories(model, recording, 0.0), find_territories(again, recording, 0.0), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_front_end_of_another_network(preset, tmp_path):
    compact = get_preset("seg", "compact")
    compact = compact.changed({"mask_rcnn.RESNET_BLOCKS": [1, 1, 1, 1], "mask_rcnn.RESNET_FILTERS": [2, 2, 2, 2]})
    weight_files.save(compact.build(seed=3), tmp_path / "compact.h5")
    given = weight_files.read(tmp_path / "compact.h5")[1]
    model = preset.changed({"frontend": compact.frontend}).build(seed=1)
    before = weight_files.arrays_of(model)
    model.load_initial_weights(tmp_path / "compact.h5")
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, given[name] if name.startswith("frontend") else before[name])
    with pytest.raises(InputError, match=r"frontend1_conv/kernel: expected \(3, 3, 3, 1, 2\)"):
        preset.build().load_initial_weights(tmp_path / "compact.h5")
    deeper = preset.changed({"name": "deeper", "centre.dilations": [1, 2, 4]}).build()
    weight_files.save(preset.build(), tmp_path / "centre.h5")
    with pytest.raises(InputError, match="another network than seg deeper"):  # its front end alone would fit
        deeper.load_initial_weights(tmp_path / "centre.h5")
    with pytest.raises(InputError, match="has no part 'resnet'"):
        freeze(model, "resnet")
    with pytest.raises(InputError, match="mask_level: expected none, as centre gives outlines and no masks, got 0.5"):
        next(model.territories(np.zeros((1, 64, 64, 400), np.float32), 0.5))


def test_outlines_are_found_as_they_are():
    """A perfect output of the network with rays is the territories of scenario echo, whatever their shape."""
    preset = get_preset("seg", "outline")
    sequence = simulate(SimulationConfig.scenario("echo", n_units=12), 5)
    target = preset.build()._target(sequence.territories)
    assert target.shape == (32, 32, 6, 19)
    found, _ = shapes_of(logits(target), replace(preset.centre, lowest_score=0.99), (64, 64))
    mine, _ = match_territories(found, sequence.territories, 0.85)
    assert len(mine) >= 11  # two of one size may have their centres in one cell


def test_an_error_of_all_rays_is_that_of_one_radius():
    preset = get_preset("seg", "outline").changed({"centre.rays": 4})
    model = preset.build()
    target = np.zeros((1, 32, 32, 6, 7), np.float32)
    target[0, 5, 5, 2] = 1
    output = logits(target)
    output[0, 5, 5, 2, 3:] += 0.25
    assert float(model.losses_of({"target": target}, output)["radius_loss"]) == pytest.approx(0.25, rel=1e-5)


def test_weights_of_a_network_with_other_rays(preset, tmp_path):
    """All layers but the two that say what a territory is."""
    weight_files.save(preset.build(seed=3), tmp_path / "centre.h5")
    given = weight_files.read(tmp_path / "centre.h5")[1]
    model = preset.changed({"name": "mine", "centre.rays": 8}).build(seed=1)
    before = weight_files.arrays_of(model)
    model.load_initial_weights(tmp_path / "centre.h5")
    own = {name for name in before if name.startswith("geometry")}
    assert len(own) == 2
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, before[name] if name in own else given[name])
