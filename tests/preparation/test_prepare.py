"""What is done before any method, what is said of it, and that each part can be switched off."""

import numpy as np
import pytest

from muspipe import InputError, Recording, Result, identify
from muspipe.evaluation.metrics import compare
from muspipe.preparation.direction import upside_down
from muspipe.preparation.motion import Motion
from muspipe.preparation.prepare import Preparation, Prepared, preparation_of, prepare
from muspipe.recordings.simulated import recording_of, truth_of
from muspipe.recordings.units import MotorUnits
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("physiological", n_units=6), 24)


def spoilt(sequence):
    """A burst of five frames, one that repeats, three dead pixels, motion five times the twitches."""
    velocity = sequence.render(20)
    size = velocity.std()
    velocity += (5 * size * np.sin(2 * np.pi * 1.3 * np.arange(400) / 400)).astype(np.float32)
    velocity[..., 300] = velocity[..., 299]
    velocity[..., 100:105] += 20 * size * np.random.default_rng(0).standard_normal((64, 64, 5)).astype(np.float32)
    velocity[[3, 20, 50], [3, 30, 60]] = 0
    return Recording(velocity, 400.0, 0.625)


def test_all_of_it_together(sequence):
    recording, clean = spoilt(sequence), sequence.render()
    before = recording.velocity.copy()
    prepared = prepare(recording)
    np.testing.assert_array_equal(recording.velocity, before)
    assert prepared.left_out_frames.tolist() == [100, 101, 102, 103, 104, 300]
    assert np.argwhere(prepared.dead_pixels).tolist() == [[3, 3], [20, 30], [50, 60]]
    assert prepared.motion.order == 0 and prepared.motion.share > 0.9
    assert (prepared.recording.velocity - clean).std() < 0.13 * clean.std()
    assert [warning.split(":")[0] for warning in prepared.warnings] == [
        "3 of 4096 pixels never change",
        "5 of 400 frames stand out (100-104)",
        "1 of 400 frames repeat the one before (300)",
        "motion slower than 4.5 Hz was taken off, surfaces of order 0",
    ]


def test_what_needs_nothing_is_not_touched(sequence):
    recording = recording_of(sequence, 20)
    prepared = prepare(recording)
    assert prepared.recording is recording and prepared.warnings == () and not len(prepared.left_out_frames)


def test_each_part_can_be_switched_off(sequence):
    recording = spoilt(sequence)
    off = Preparation(artefacts=False, dead_pixels=False, motion=False)
    assert prepare(recording, off).recording is recording
    assert len(prepare(recording, Preparation(artefacts=False)).left_out_frames) == 0
    assert not prepare(recording, Preparation(dead_pixels=False)).dead_pixels.any()
    assert prepare(recording, Preparation(motion=False)).motion.share == 0


def test_too_many_odd_frames_are_left_as_they_are(sequence):
    velocity = sequence.render(20)
    velocity[..., 1::4] = velocity[..., 0::4]
    prepared = prepare(Recording(velocity, 400.0, 0.625))
    assert len(prepared.left_out_frames) == 0
    assert prepared.warnings == ("100 of 400 frames stand out or repeat the one before: too many to leave out",)


def test_no_territory_where_the_image_holds_no_data(sequence):
    velocity = sequence.render(20)
    velocity[:, 40:] = np.nan
    prepared = prepare(Recording(velocity, 400.0, 0.625))
    assert prepared.warnings == (
        "1536 of 4096 pixels hold no data (masked, or still regions): no unit is sought there",
    )
    masks = np.zeros((3, 64, 64), bool)
    masks[0, :10, 30:46], masks[1, :10, 35:50], masks[2, :10, 50:60] = True, True, True  # 10/16, 5/15, 0 inside
    units = MotorUnits.of(prepared.recording, masks, np.ones((3, 400)), [0.9, 0.8, 0.7])
    judged, _ = prepared.judged(units)
    assert judged.n_units == 1 and judged.territories.sum() == 100 and judged.scores == np.float32(0.9)


def test_what_is_left_of_a_pulse_is_no_unit(sequence):
    """A disc that beats at 1.2 Hz with harmonics up to 7.2 Hz: the fast ones stay and look like a unit."""
    y, x = np.mgrid[:64, :64]
    disc = np.exp(-((np.hypot(y - 8, x - 56) / 4) ** 4))
    beat = sum(np.cos(2 * np.pi * h * 1.2 * np.arange(400) / 400) / h for h in range(1, 7))
    velocity = sequence.render(20) + (2 * disc[..., None] * beat / beat.max()).astype(np.float32)
    prepared = prepare(Recording(velocity, 400.0, 0.625))
    masks = np.stack([disc > 0.5, *sequence.territories])
    trains = np.stack([prepared.recording.velocity[disc > 0.5].mean(axis=0), *sequence.twitch_trains])
    judged, warnings = prepared.judged(MotorUnits.of(prepared.recording, masks, trains, np.ones(7)))
    np.testing.assert_array_equal(judged.territories, sequence.territories)
    assert warnings[-1] == "1 of what was found only pulsates, as an artery does: dropped"


def test_settings_by_name_and_from_python():
    assert preparation_of({"min_score": 1}) == (Preparation(), {"min_score": 1})
    off = Preparation(motion=False)
    for given in ({"prepare.motion": False}, {"prepare": {"motion": False}}, {"prepare": off}):
        assert preparation_of(given | {"ica.seed": 2}) == (off, {"ica.seed": 2})
    both = preparation_of({"prepare": off, "prepare.motion_order": 1})[0]
    assert both == Preparation(motion=False, motion_order=1)
    for wrong, said in (
        ({"prepare.speed": 1}, "prepare has no setting 'speed'; it has artefacts"),
        ({"prepare.motion": 1}, "prepare.motion: expected true or false, got 1"),
        ({"prepare.contraction": "up"}, "prepare.contraction: expected one of positive, negative, got 'up'"),
        ({"prepare.motion_below_hz": 20}, "prepare.motion_below_hz: expected a number above 0 up to 8"),
        ({"prepare": 3}, "prepare: expected a Preparation or a dictionary of its settings, got 3"),
    ):
        with pytest.raises(InputError) as error:
            preparation_of(wrong)
        assert str(error.value).startswith(said)


def test_what_was_noticed_is_in_the_result(sequence, tmp_path):
    result = identify(spoilt(sequence), "ica")
    assert compare(result, truth_of(sequence))["recall"] == 1
    result.save(tmp_path / "a.h5")
    loaded = Result.load(tmp_path / "a.h5")
    assert loaded.warnings == result.warnings and len(loaded.warnings) == 4
    assert loaded.left_out_frames.tolist() == [100, 101, 102, 103, 104, 300]
    assert loaded.settings["prepare"]["motion"] is True
    assert (
        identify(recording_of(sequence, 20), "ica", **{"prepare.motion": False}).settings["prepare"]["motion"] is False
    )


def test_velocity_of_the_other_sign_is_noticed_and_can_be_said(sequence):
    recording, truth = recording_of(sequence, 20), truth_of(sequence)
    turned = recording.with_velocity(-recording.velocity)
    result = identify(turned, "ica")
    (warning,) = result.warnings
    assert "upside down" in warning and "prepare.contraction=negative" in warning
    assert compare(result, truth)["roa"] < 0.5
    mended = identify(turned, "ica", **{"prepare.contraction": "negative"})
    assert mended.warnings == () and compare(mended, truth)["roa"] > 0.9


@pytest.mark.parametrize("rate_hz", [5, 10, 20])
def test_true_trains_are_not_upside_down(rate_hz):
    for seed in range(10):
        n_units = 4 + seed if rate_hz == 20 else 1 + seed  # single fused trains tell nothing
        config = SimulationConfig.scenario("paper", n_units=n_units, firing_rate_hz=(rate_hz, rate_hz + 0.1))
        trains = simulate(config, seed).twitch_trains
        assert not upside_down(trains, 400.0)
        assert upside_down(-trains, 400.0) or rate_hz == 20 or n_units < 4
    assert not upside_down(np.zeros((0, 400)), 400.0) and not upside_down(np.zeros((2, 400)), 400.0)


def test_frames_of_a_stretch_have_their_numbers_in_the_whole_recording(sequence):
    velocity = sequence.render(20)
    velocity[..., 300] = velocity[..., 299]
    velocity[..., 100] += 20 * velocity.std()
    prepared = prepare(Recording(velocity, 400.0, 0.625), first_frame=4000)
    assert prepared.left_out_frames.tolist() == [4100, 4300]
    assert prepared.warnings == (
        "1 of 400 frames stand out (4100): left out as an artefact",
        "1 of 400 frames repeat the one before (4300): left out as lost",
    )


def test_a_frame_is_told_of_once(sequence):
    """One value all over, and a large one: lost, and no artefact besides."""
    velocity = sequence.render(20)
    velocity[..., 300] = 50 * velocity.std()
    prepared = prepare(Recording(velocity, 400.0, 0.625))
    assert prepared.warnings == ("1 of 400 frames repeat the one before (300): left out as lost",)


@pytest.mark.parametrize(("pixels", "amplitude", "pulsates"), [(4, 3, True), (4, 4, False), (16, 0.1, False)])
def test_a_pulse_is_local_and_stronger_than_the_train(pixels, amplitude, pulsates):
    """Motion of mean square 40 in the first 4 of 100 pixels and 0.1 in all others, 1.7 over the image, of which 15
    times are 25. The train's mean square is that of its amplitude: 4 x 3^2 is below 40, 4 x 4^2 above. In 16 pixels,
    of which the 4 are a quarter, there is less than 25, though more than four times 0.1^2."""
    rough = np.full((10, 10), 0.1, np.float32)
    rough[0, :4] = 40
    recording = Recording(np.arange(40_000, dtype=np.float32).reshape(10, 10, 400), 400.0, 0.625)
    motion = Motion(share=0.5, rough_power=rough)
    prepared = Prepared(recording, np.zeros(0, np.int64), np.zeros((10, 10), bool), motion, ())
    territory = np.zeros((1, 10, 10), bool)
    territory.reshape(-1)[:pixels] = True
    train = amplitude * np.tile([1.0, -1.0], 200)[None]
    found, warnings = prepared.sifted(MotorUnits.of(recording, territory, train, [1.0]))
    assert found.n_units == (not pulsates) and len(warnings) == pulsates
