"""`muspipe simulate` as a user calls it."""

import argparse

import h5py
import numpy as np
import pytest

from muspipe.commands import simulate
from muspipe.errors import InputError
from muspipe.recordings.readers import load_recording
from muspipe.recordings.result import Result
from muspipe.recordings.simulated import SimulatedEchoes
from simulator import SimulationConfig
from simulator import simulate as draw
from simulator.iq import iq
from simulator.shards import open_dataset
from simulator.shared.files import sha256_of_file


def call(command, *words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".mat"])
def test_recording_is_read_back_as_it_was_rendered(tmp_path, suffix, capsys):
    path = tmp_path / f"r{suffix}"
    assert call(simulate, "--recording", path, "--units", 3, "--snr-db", 20, "--seed", 4) == 0
    assert "3 motor units, 20 dB SNR" in capsys.readouterr().out
    recording = load_recording(path)
    expected = draw(SimulationConfig.scenario("paper", n_units=3), 4).render(20)
    assert recording.velocity.shape == (64, 64, 400)
    np.testing.assert_allclose(recording.velocity, expected, atol=1e-6)
    assert (recording.frame_rate_hz, recording.pixel_mm) == (400, 0.625)


def test_a_recording_of_any_length(tmp_path):
    words = ("--scenario", "physiological", "--units", 2, "--set", "frame_rate_hz=800")
    call(simulate, "--recording", tmp_path / "r.h5", *words, "--seconds", 1.5, "--truth", tmp_path / "t.h5")
    recording = load_recording(tmp_path / "r.h5")
    assert (recording.velocity.shape[2], recording.frame_rate_hz) == (1200, 800)
    assert Result.load(tmp_path / "t.h5").twitch_trains.shape == (2, 1200)


def test_hdf5_recording_explains_itself(tmp_path):
    call(simulate, "--recording", tmp_path / "r.h5", "--scenario", "physiological")
    with h5py.File(tmp_path / "r.h5") as file:
        assert (file.attrs["frame_rate_hz"], file.attrs["pixel_mm"]) == (400, 0.625)
        assert "physiological" in file.attrs["description"]
        assert file["velocity"].dtype == np.float32 and set(file["velocity"].attrs) == {"axes", "unit", "description"}


def test_truth_is_a_result_of_the_same_recording(tmp_path):
    call(simulate, "--recording", tmp_path / "r.h5", "--units", 3, "--seed", 4, "--truth", tmp_path / "t.h5")
    truth = Result.load(tmp_path / "t.h5")
    sequence = draw(SimulationConfig.scenario("paper", n_units=3), 4)
    np.testing.assert_array_equal(truth.territories, sequence.territories)
    np.testing.assert_array_equal(truth.twitch_trains, sequence.twitch_trains)
    assert truth.method == "truth" and truth.scores.tolist() == [1, 1, 1] and truth.source["name"] == "r.h5"
    assert truth.settings["seed"] == 4 and truth.settings["snr_db"] is None
    assert truth.source["sha256"] == sha256_of_file(tmp_path / "r.h5")
    for unit in range(3):  # a firing that comes before the first frame may have its peak inside
        latency_s = sequence.peak_latencies_s[unit]
        expected = sequence.firings_s[sequence.unit_of_firing == unit] + latency_s
        np.testing.assert_allclose(truth.firings[unit], expected[(expected >= 0) & (expected < 1)])
        assert 0.015 < latency_s < 0.035


def test_existing_files_are_kept_unless_told(tmp_path):
    recording, truth = tmp_path / "r.h5", tmp_path / "t.h5"
    truth.write_bytes(b"mine")
    with pytest.raises(InputError, match="t.h5.*--overwrite"):
        call(simulate, "--recording", recording, "--truth", truth)
    assert truth.read_bytes() == b"mine" and not recording.exists()
    assert call(simulate, "--recording", recording, "--truth", truth, "--overwrite") == 0
    assert Result.load(truth).n_units == 15


@pytest.mark.parametrize(
    "words, named",
    [
        ([], "both or neither"),
        (["OUT", "--recording", "r.h5"], "both or neither"),
        (["--recording", "r.txt"], ".h5, .npz, .mat, got .txt"),
        (["--recording", "no/r.h5"], "no folder no"),
        (["--recording", "r.h5", "--truth", "r.h5"], "same file"),
        (["--recording", "r.h5", "--train", "5"], "--train belongs to a data set"),
        (["--recording", "r.h5", "--units", "0"], "every value is 0"),
        (["--recording", "r.h5", "--snr-db", "nan"], "--snr-db: expected decibels"),
        (["--recording", "r.h5", "--snr", "nan"], "--snr-db: expected decibels"),  # the older name
        (["--recording", "r.h5", "--seed", "-1"], "--seed"),
        (["--recording", "r.h5", "--scenario", "horse"], "horse"),
        (["OUT", "--units", "5"], "--units belongs to a recording"),
        (["OUT", "--iq"], "--iq belongs to a recording"),
        (["--recording", "r.h5", "--iq"], "--scenario echo"),
        (["--recording", "r.mat", "--iq", "--scenario", "echo"], ".h5 for --iq"),
        (["OUT", "--units", "0"], "--units belongs to a recording"),
        (["OUT", "--seconds", "2"], "--seconds belongs to a recording"),
        (["OUT", "--test", "7"], "multiple of 6"),
        (["OUT", "--snr-db", "20"], "--dense"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=named) as caught:
        call(simulate, *words)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_truth_leaves_no_recording(tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Result, "save", full)
    with pytest.raises(OSError, match="not written: No space left.*r.h5 and .*t.h5"):
        call(simulate, "--recording", tmp_path / "r.h5", "--truth", tmp_path / "t.h5")
    assert list(tmp_path.iterdir()) == []


def test_data_set(tmp_path, capsys):
    words = [tmp_path / "set", "--train", 4, "--val", 0, "--test", 6, "--jobs", 1, "--scenario", "physiological"]
    assert call(simulate, *words) == 0
    assert "4 train, 0 val, 6 test sequences" in capsys.readouterr().out
    assert open_dataset(tmp_path / "set").config.name == "physiological"


# --set


def test_settings_of_the_scenario(tmp_path, capsys):
    (tmp_path / "w.csv").write_text("0\n1\n0\n")
    waveform = ["--set", f"twitch_waveform={tmp_path / 'w.csv'}", "--set", "twitch_waveform_hz=50"]
    words = ["--recording", tmp_path / "r.h5", "--set", "n_units=2", "--set", "name=mine", *waveform, "--seed", 4]
    assert call(simulate, *words, "--truth", tmp_path / "t.h5") == 0
    assert "2 motor units, no noise, scenario mine" in capsys.readouterr().out
    config = SimulationConfig(name="mine", n_units=2, twitch_waveform=(0, 1, 0), twitch_waveform_hz=50)
    np.testing.assert_allclose(load_recording(tmp_path / "r.h5").velocity, draw(config, 4).render(), atol=1e-6)
    stored = Result.load(tmp_path / "t.h5").settings["simulation"]
    assert SimulationConfig.from_dict(stored) == config


def test_settings_of_a_data_set(tmp_path):
    words = [tmp_path / "set", "--train", 2, "--val", 0, "--test", 6, "--jobs", 1]
    assert call(simulate, *words, "--set", "territory_placement=cut", "--set", "n_units=[2,3]") == 0
    expected = SimulationConfig(territory_placement="cut", n_units=(2, 3))
    assert open_dataset(tmp_path / "set", "train").config == expected
    assert open_dataset(tmp_path / "set", "test").n_units.tolist() == [1, 5, 10, 15, 20, 25]


@pytest.mark.parametrize(
    "words, named",
    [
        (["--set", "colour=red"], "scenario paper has no setting 'colour'; it has name, .*`muspipe settings paper`$"),
        (["--set", "n_units"], "expected NAME=VALUE"),
        (["--set", "diameter_mm=[10,5]"], r"diameter_mm: expected 2 values \(low <= high\)"),
        (["--set", "n_units=3", "--units", "4"], "--set n_units: is given by another argument"),
        (["--set", "n_frames=3", "--seconds", "4"], "--set n_frames: is given by --seconds"),
        (["--seconds", "nan"], "--seconds: expected a number above 0, got nan"),
        (["--seconds", "0"], "--seconds: expected a number above 0, got 0"),
        (["--seconds", "1e9"], "n_frames"),
        (["--set", "twitch_waveform=no.npy", "--set", "twitch_waveform_hz=100"], "no.npy: cannot be read"),
    ],
)
def test_wrong_settings_are_one_line_and_leave_nothing(tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=named) as caught:
        call(simulate, "--recording", "r.h5", *words)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_settings_of_scenario_echo(tmp_path):
    words = ("--scenario", "echo", "--set", "name=mine", "--set", "tissue.drag_share=[0.4,0.4]", "--set", "motion=null")
    call(simulate, tmp_path / "d", "--train", 2, "--val", 0, "--test", 0, "--jobs", 1, *words)
    config = open_dataset(tmp_path / "d", "train").config
    assert config.tissue.drag_share == (0.4, 0.4) and config.motion is None and config.echo is not None
    with pytest.raises(InputError, match=r"tissue.drag_share: expected 2 values"):
        call(simulate, "--recording", tmp_path / "r.h5", "--scenario", "echo", "--set", "tissue.drag_share=2")


def test_iq_is_read_as_the_velocity_that_it_comes_from(tmp_path):
    words = ("--scenario", "echo", "--units", 4, "--seed", 3, "--set", "n_frames=160")
    call(simulate, "--recording", tmp_path / "iq.h5", "--iq", "--truth", tmp_path / "truth.h5", *words)
    with h5py.File(tmp_path / "iq.h5") as file:
        assert file["iq"].shape == (161, 400, 133) and file["iq"].dtype == np.complex64
        assert dict(file.attrs)["centre_frequency_hz"] == 7.8e6 and file.attrs["prf_hz"] == 400
    recording = load_recording(tmp_path / "iq.h5")
    expected = draw(SimulationConfig.scenario("echo", n_units=4, n_frames=160), 3).render()
    assert recording.velocity.shape == expected.shape
    assert np.corrcoef(recording.velocity.ravel(), expected.ravel())[0, 1] > 0.97  # another window
    assert Result.load(tmp_path / "truth.h5").n_units == 4


def test_iq_is_read_in_blocks_of_any_length_in_order():
    sequence = draw(SimulationConfig.scenario("echo", n_units=1, n_frames=120), 1)
    echoes, whole = SimulatedEchoes(sequence), iq(sequence)
    blocks = [echoes[0:7], echoes[7:50], echoes[50:121]]
    np.testing.assert_array_equal(np.concatenate(blocks), np.moveaxis(whole, 2, 0))
    with pytest.raises(ValueError, match="from 121 on"):
        echoes[0:5]
