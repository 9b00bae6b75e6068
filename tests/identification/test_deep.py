"""Territories and twitch trains by networks, and as methods of `identify` and `evaluate`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from muspipe import Recording, identify
from muspipe.data import BatchOptions
from muspipe.data.loader import twitch_batches
from muspipe.data.sources import OnlineSource
from muspipe.errors import InputError
from muspipe.identification import signals
from muspipe.identification.windows import find_territories
from muspipe.models import get_preset, pretrained, weight_files
from muspipe.recordings.simulated import recording_of
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=4), 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weight files of small untrained networks."""
    folder = tmp_path_factory.mktemp("weights")
    seg = get_preset("seg", "compact")
    tiny = {
        "RESNET_BLOCKS": [1, 1, 1, 1],
        "RESNET_FILTERS": [2, 2, 2, 2],
        "TOP_DOWN_PYRAMID_SIZE": 8,
        "DETECTION_MIN_CONFIDENCE": 0.0,
        "POST_NMS_ROIS_INFERENCE": 20,
    }
    seg = seg.changed({f"mask_rcnn.{name}": value for name, value in tiny.items()})
    twitch = get_preset("twitch", "refit").changed({"dense_before": [8], "gru": 4, "dense_after": [4]})
    for preset in (seg, twitch):
        weight_files.save(preset.build(seed=1), folder / f"{preset.task}.h5")
    return {"segmentation": str(folder / "seg.h5"), "twitch": str(folder / "twitch.h5")}


def test_signals_of_true_territories(sequence):
    velocity = sequence.render()
    trains = signals.least_squares(velocity, sequence.territories)
    np.testing.assert_allclose(trains, sequence.twitch_trains, atol=1e-2)
    own = sequence.territories.copy()
    own[0] &= ~own[1:].any(axis=0)
    np.testing.assert_allclose(signals.mean_velocity(velocity, own)[0], sequence.twitch_trains[0], rtol=1e-3, atol=1e-3)


def test_a_network_that_corrects_begins_at_least_squares(sequence, files):
    recording = recording_of(sequence, 20.0)
    trains = signals.network_signals(pretrained.load(files["twitch"]), recording, sequence.territories)
    expected = signals.least_squares(recording.velocity - recording.velocity.mean(), sequence.territories)
    np.testing.assert_allclose(trains, expected, atol=1e-4 * np.abs(expected).max())


def test_trains_of_longer_faster_and_finer_recordings(files):
    """The untrained network gives back least squares, also where it works on windows of a resampled recording."""
    model = pretrained.load(files["twitch"])
    longer = simulate(SimulationConfig.scenario("paper", n_units=3, n_frames=930), 5)
    recording = recording_of(longer)
    velocity, kept = recording.velocity, recording.velocity.copy()
    trains = signals.network_signals(model, recording, longer.territories)
    expected = signals.least_squares(velocity - velocity.mean(), longer.territories)
    np.testing.assert_allclose(trains, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(velocity, kept)
    faster = SimulationConfig.scenario(
        "paper", n_units=3, frame_rate_hz=1000.0, n_frames=700, pixel_mm=0.3125, height_px=96, width_px=128
    )
    faster = simulate(faster, 6)
    trains = signals.network_signals(model, recording_of(faster), faster.territories)
    assert trains.shape == (3, 700)
    for mine, true in zip(trains, faster.twitch_trains, strict=True):
        assert np.corrcoef(mine, true)[0, 1] > 0.99


def test_nothing_to_find(files, sequence):
    model = pretrained.load(files["twitch"])
    still = recording_of(sequence).with_velocity(np.zeros((64, 64, 400), np.float32))
    trains = signals.network_signals(model, still, np.ones((2, 64, 64), bool))
    assert trains.shape == (2, 400) and not trains.any()
    none = np.zeros((0, 64, 64), bool)
    for kind in signals.SIGNALS:
        assert signals.trains_of(kind, still, none, files["twitch"]).shape == (0, 400)


def test_crops_are_those_of_the_training(files):
    source = OnlineSource(SimulationConfig.scenario("physiological", n_units=6), 3, 1)
    options = BatchOptions(batch_size=6, shuffle=False, flips=False, refit=True)
    batch = next(twitch_batches(source, options))
    velocity = source[0].render()
    standardised = (velocity - velocity.mean()) / velocity.std()
    preset = get_preset("twitch", "refit")
    inputs = signals.crop_inputs(preset, standardised, source[0].territories)
    for name in ("crops", "masks", "signals"):
        np.testing.assert_allclose(inputs[name], batch[name], atol=2e-3)


def test_territories_of_an_untrained_network(sequence, files):
    model = pretrained.load(files["segmentation"])
    territories, scores = find_territories(model, recording_of(sequence), min_score=0.0)
    assert territories.shape[1:] == (64, 64) and territories.dtype == bool and len(scores) == len(territories)
    middle = float(scores[len(scores) // 2])
    fewer, _ = find_territories(model, recording_of(sequence), min_score=middle)
    assert len(fewer) == np.count_nonzero(scores >= middle)
    assert len(scores) > 1 and (np.diff(scores) <= 0).all() and territories.any(axis=(1, 2)).all()


@pytest.mark.parametrize("shape, rate, pixel", [((50, 90, 650), 400.0, 0.625), ((40, 40, 900), 1000.0, 1.25)])
def test_recordings_of_any_size(files, shape, rate, pixel):
    velocity = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    recording = Recording(velocity, frame_rate_hz=rate, pixel_mm=pixel)
    result = identify(recording, method="deep", min_score=0.0, **files)
    assert result.n_units > 0
    assert result.territories.shape[1:] == shape[:2] and result.twitch_trains.shape[1] == shape[2]


@pytest.mark.parametrize("kind", ["mean", "least-squares", "network"])
def test_identify_by_networks(sequence, files, kind, tmp_path):
    recording = recording_of(sequence, 20.0)
    result = identify(recording, method="deep", signals=kind, min_score=0.0, **files)
    assert result.n_units > 0 and result.twitch_trains.shape == (result.n_units, 400)
    assert result.settings["segmentation_sha256"] == weight_files.checksum_of(files["segmentation"])
    assert ("twitch_sha256" in result.settings) == (kind == "network")
    none = identify(recording, method="deep", min_score=1.0, **files)
    assert len(none.territories) == 0


def test_a_missing_network_is_noticed_before_the_work(sequence):
    with pytest.raises(InputError, match="expected a file, a run folder, one of the package's networks"):
        identify(recording_of(sequence), method="deep", segmentation="no-such-network")
