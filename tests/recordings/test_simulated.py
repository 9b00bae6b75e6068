"""Simulated sequences as recordings and truths, and recordings as files."""

import h5py
import numpy as np
import pytest

from muspipe import load_recording
from muspipe.errors import InputError
from muspipe.recordings.recording import Recording
from muspipe.recordings.simulated import recording_of, truth_of
from muspipe.recordings.writers import ENDINGS, write_recording
from simulator import SimulationConfig, simulate


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("paper", n_units=3), 4)


def test_recording_is_what_the_sequence_renders(sequence):
    for snr_db in (None, 20):
        recording = recording_of(sequence, snr_db)
        np.testing.assert_array_equal(recording.velocity, sequence.render(snr_db))
        assert (recording.frame_rate_hz, recording.pixel_mm) == (400.0, 0.625)


def test_truth_is_a_result(sequence):
    truth = truth_of(sequence, settings={"seed": 4})
    np.testing.assert_array_equal(truth.territories, sequence.territories)
    np.testing.assert_array_equal(truth.twitch_trains, sequence.twitch_trains)
    assert truth.scores.tolist() == [1, 1, 1] and truth.method == "truth" and truth.settings == {"seed": 4}
    for unit, times_s in enumerate(truth.firings):
        discharges_s = sequence.firings_s[sequence.unit_of_firing == unit]
        expected = discharges_s + sequence.peak_latencies_s[unit]
        np.testing.assert_allclose(times_s, expected[(expected >= 0) & (expected < 1)])


@pytest.mark.parametrize("suffix", ENDINGS)
def test_files_are_read_back(tmp_path, velocity, suffix):
    recording = Recording(velocity, frame_rate_hz=250, pixel_mm=0.25, velocity_unit="mm/s")
    path = tmp_path / f"a{suffix}"
    write_recording(path, recording, {"recording": "of a calf", "velocity": "of its tissue"})
    again = load_recording(path)
    np.testing.assert_array_equal(again.velocity, velocity)
    assert (again.frame_rate_hz, again.pixel_mm) == (250.0, 0.25)
    if suffix == ".h5":
        assert again.velocity_unit == "mm/s"
        with h5py.File(path) as file:
            assert file.attrs["description"] == "of a calf"
            assert file["velocity"].attrs["description"] == "of its tissue"


def test_other_endings_are_refused(tmp_path, velocity):
    with pytest.raises(InputError, match="expected a file ending in .h5, .npz, .mat, got .csv"):
        write_recording(tmp_path / "a.csv", Recording(velocity, frame_rate_hz=250, pixel_mm=0.25))
