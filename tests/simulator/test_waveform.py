"""A measured twitch in place of the drawn ones."""

import numpy as np
import pytest

from simulator import SimulationConfig, simulate
from simulator.shared.errors import InputError
from simulator.waveform import read_waveform, velocity_at

SAMPLES = (0.0, 1.0, 2.0, 4.0, 1.0, -1.0, -0.5)  # at 100 Hz: its peak comes after 30 ms


def measured(**changes):
    return SimulationConfig.scenario("paper", n_units=4, twitch_waveform=SAMPLES, twitch_waveform_hz=100, **changes)


@pytest.mark.parametrize("text", ["1\n2.5\n-3\n", "velocity\n1\n2.5\n-3", "\ufeffv [mm/s]\r\n1\r\n2.5\r\n\r\n-3\r\n"])
def test_csv(tmp_path, text):
    (tmp_path / "w.csv").write_bytes(text.encode())
    assert read_waveform(tmp_path / "w.csv") == (1.0, 2.5, -3.0)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_npy(tmp_path, shape, dtype):
    np.save(tmp_path / "w.npy", np.array([1, 2, -3], dtype).reshape(shape))
    assert read_waveform(tmp_path / "w.npy") == (1.0, 2.0, -3.0)


@pytest.mark.parametrize("content", ["", "a\nb\n", "1,2\n3,4\n", "1\ntwo\n"])
def test_other_text_is_refused(tmp_path, content):
    (tmp_path / "w.csv").write_text(content)
    with pytest.raises(InputError, match="w.csv|two finite samples") as caught:
        SimulationConfig(twitch_waveform=str(tmp_path / "w.csv"), twitch_waveform_hz=100.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [np.array([1, "a"], object), np.ones((3, 2)), np.array(["a"]), np.float64(1)])
def test_other_arrays_are_refused(tmp_path, array):
    np.save(tmp_path / "w.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match="w.npy: expected one column of numbers"):
        read_waveform(tmp_path / "w.npy")


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "w.npy", np.array([Trap(tmp_path / "sprung")], object), allow_pickle=True)
    with pytest.raises(InputError, match="w.npy"):
        read_waveform(tmp_path / "w.npy")
    assert not (tmp_path / "sprung").exists()


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no.csv: cannot be read"):
        read_waveform(tmp_path / "no.csv")
    with pytest.raises(InputError, match=".csv or .npy"):
        read_waveform(tmp_path / "w.txt")


def test_on_a_line_between_samples_and_zero_outside():
    found = velocity_at(np.array([-0.01, 0.0, 0.01, 0.015, 0.03, 0.07]), SAMPLES, 100.0)
    np.testing.assert_allclose(found, [0, 0, 1, 1.5, 4, 0], rtol=1e-6)


def test_twitch_trains_are_sums_of_the_waveform(tmp_path):
    """Each train against the waveform, laid down at each firing, times the unit's peak velocity."""
    (tmp_path / "w.csv").write_text("\n".join(map(str, SAMPLES)))
    config = SimulationConfig(n_units=4, twitch_waveform=str(tmp_path / "w.csv"), twitch_waveform_hz=100.0)
    assert config == measured()  # the file is read at once
    (tmp_path / "w.csv").unlink()
    sequence = simulate(config, 3)
    time_s = np.arange(400) / 400
    for unit in range(4):
        expected = np.zeros(400)
        for firing_s in sequence.firings_s[sequence.unit_of_firing == unit]:
            since_s = time_s - firing_s
            expected += np.interp(since_s, np.arange(7) / 100, np.array(SAMPLES) / 4, left=0, right=0)
        expected *= sequence.peak_velocities[unit]
        np.testing.assert_allclose(sequence.twitch_trains[unit], expected, atol=1e-5)


def test_peaks_come_where_the_waveform_has_its_own():
    sequence = simulate(measured(), 3)
    np.testing.assert_allclose(sequence.peak_latencies_s, 0.03)
    first = sequence.firings_s[sequence.unit_of_firing == 0] + 0.03
    np.testing.assert_allclose(sequence.twitch_peaks_s[0], first[(first >= 0) & (first < 1)])


def test_all_else_stays_the_same():
    ours, theirs = (simulate(config, 3) for config in (SimulationConfig(n_units=4), measured()))
    np.testing.assert_array_equal(ours.firings_s, theirs.firings_s)
    np.testing.assert_array_equal(ours.territories, theirs.territories)
    np.testing.assert_array_equal(ours.peak_velocities, theirs.peak_velocities)
    assert not np.allclose(ours.twitch_trains, theirs.twitch_trains, atol=0.1)
