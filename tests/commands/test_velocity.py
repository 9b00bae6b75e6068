"""muspipe velocity on the command line."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from muspipe import load_recording
from muspipe.cli import main
from muspipe.echoes import velocity_file
from muspipe.echoes.iq_file import write_iq
from muspipe.echoes.options import Scan, VelocityOptions
from muspipe.echoes.readers import open_echoes
from muspipe.echoes.velocity import measure
from muspipe.recordings.recording import RANGE_HZ
from simulator.shared.settings import described
from tests.echoes.phantom import SCAN, noise, phase, positions_mm, speckle

ROOT = Path(__file__).resolve().parents[2]
SINE_MM_S = 3 * np.sin(2 * np.pi * 10 * (np.arange(249) + 0.5) / 400)


@pytest.fixture(scope="module")
def echoes(tmp_path_factory):
    """IQ, 0.6 s at 400 Hz; not to be changed."""
    rng = np.random.default_rng(1)
    iq = speckle(rng, (60, 20))[..., None] * phase(positions_mm(SINE_MM_S, 400.0))
    path = tmp_path_factory.mktemp("echoes") / "iq.h5"
    taken = {name: getattr(SCAN, name) for name in ("centre_frequency_hz", "prf_hz", "pixel_mm")}
    write_iq(path, iq + noise(rng, iq.shape, 30), **taken)
    return path


def test_velocity_is_a_recording_with_its_quality_and_where_it_comes_from(echoes, tmp_path, capsys):
    out = tmp_path / "velocity.h5"
    assert main(["velocity", str(echoes), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "249 images of 10 x 10 px (0.625 mm) at 400 Hz, positive towards the transducer" in said.out
    assert "note" not in said.err
    recording = load_recording(out)
    with open_echoes(echoes) as opened:
        expected = measure(opened)
    np.testing.assert_array_equal(recording.velocity, expected.recording.velocity)
    assert (recording.frame_rate_hz, recording.pixel_mm, recording.velocity_unit) == (400.0, 0.625, "mm/s")
    with h5py.File(out) as file:
        np.testing.assert_array_equal(file["quality"], expected.findings.quality)
        assert set(file.attrs) == set(velocity_file.ATTRIBUTES) and set(file) == set(velocity_file.DATASETS)
        assert VelocityOptions(**json.loads(file.attrs["options"])) == VelocityOptions()
        assert Scan(**json.loads(file.attrs["scan"])) == SCAN
        assert file.attrs["source_sha256"] == expected.recording.source_sha256
        assert file.attrs["first_image_s"] == 0.5 / 400


def test_options_reach_the_estimation(echoes, tmp_path):
    out = tmp_path / "velocity.h5"
    words = (
        "--positive away --estimator loupas --axial-window-mm 2 --ensemble-frames 4 --image-pixel-mm 0.5 --band-hz 5 30"
    )
    assert (
        main(["velocity", str(echoes), "--out", str(out), *words.split(), "--analysis-hz", "150", "--prf-hz", "500"])
        == 0
    )
    options = VelocityOptions(
        positive="away",
        estimator="loupas",
        axial_window_mm=2,
        ensemble_frames=4,
        image_pixel_mm=0.5,
        band_hz=(5, 30),
        analysis_hz=150,
    )
    with open_echoes(echoes, prf_hz=500.0) as opened:
        expected = measure(opened, options).recording
    assert expected.frame_rate_hz == 500 / 3 and expected.velocity.shape == (12, 12, 83)
    np.testing.assert_allclose(load_recording(out).velocity, expected.velocity, atol=1e-6)


def test_warnings_are_printed_and_kept(echoes, tmp_path, capsys):
    out = tmp_path / "velocity.h5"
    assert main(["velocity", str(echoes), "--out", str(out), "--prf-hz", "400", "--analysis-hz", "400"]) == 0
    rng = np.random.default_rng(2)
    fast = speckle(rng, (60, 20))[..., None] * phase(positions_mm(6 * SINE_MM_S, 400.0))
    write_iq(tmp_path / "fast.h5", fast, centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=(0.1, 0.3))
    assert main(["velocity", str(tmp_path / "fast.h5"), "--out", str(out), "--overwrite"]) == 0
    assert "note: " in (error := capsys.readouterr().err) and "aliasing limit of 19.7 mm/s" in error
    with h5py.File(out) as file:
        (warning,) = json.loads(file.attrs["warnings"])
        assert f"note: {warning}\n" in error and file.attrs["near_limit_share"] > 0.1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--out", "a.mat"], "a.mat: expected a file ending in .h5 or .hdf5, got .mat"),
        (["--out", "no/where/a.h5"], "no folder"),
        (["--estimator", "guess"], "--estimator: expected one of kasai, loupas, got 'guess'"),
        (["--positive", "up"], "--positive: expected one of towards, away"),
        (["--ensemble-frames", "3"], "ensemble_frames: expected an even number"),
        (["--axial-window-mm", "0"], "--axial-window-mm: expected a number above 0 up to 100 [mm], got 0"),
        (["--band-hz", "30", "5"], "--band-hz: expected 2 values (low <= high)"),
        (["--band-hz", "5", "250"], "iq.h5: band_hz: expected less than half of 400 Hz, got 250 Hz"),
        (["--clutter-hz", "200"], "iq.h5: clutter_hz: expected less than half of 400 Hz"),
        (["--image-pixel-mm", "2"], "iq.h5: image_pixel_mm: expected images of at least 8 x 8 px, got 3 x 3 px"),
        (["--centre-frequency-hz", "7.8"], "--centre-frequency-hz: expected a number from 500000"),
        (["--axes", "HHT"], "iq.h5: axes: expected an order of the letters"),
        (["--axes", "HTW"], "iq.h5: echoes: expected at least"),
        (["--variable", "velocity"], "iq.h5: no variable 'velocity': it holds iq"),
    ],
)
def test_bad_input_is_one_line(echoes, tmp_path, capsys, monkeypatch, more, said):
    monkeypatch.chdir(tmp_path)
    assert main(["velocity", str(echoes), "--out", "a.h5", *more]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and error.count("iq.h5") <= 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unasked_nor_half_written(echoes, tmp_path, capsys):
    out = tmp_path / "velocity.h5"
    out.write_bytes(b"mine")
    assert main(["velocity", str(echoes), "--out", str(out)]) == 2
    assert "exists already; give --overwrite" in capsys.readouterr().err
    assert main(["velocity", str(echoes), "--out", str(echoes), "--overwrite"]) == 2
    assert "would replace what is read" in capsys.readouterr().err
    assert out.read_bytes() == b"mine" and list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_one_line_and_leaves_nothing(echoes, tmp_path):
    """A limit of 20 kB on the size of files stands in for a disk that fills up."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    out = tmp_path / "velocity.h5"
    done = subprocess.run(
        [sys.executable, "-m", "muspipe", "velocity", echoes, "--out", out],
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stderr) == (2, f"muspipe: error: {out}: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_identify_takes_echoes(echoes, tmp_path, capsys, fake_method):
    assert main(["identify", str(echoes), "--out", str(tmp_path), "--method", "fake"]) == 0
    assert "1 motor unit found" in capsys.readouterr().out


def test_identify_says_what_is_doubtful(tmp_path, capsys, fake_method):
    rng = np.random.default_rng(2)
    fast = speckle(rng, (60, 20))[..., None] * phase(positions_mm(6 * SINE_MM_S, 400.0))
    write_iq(tmp_path / "fast.h5", fast, centre_frequency_hz=7.8e6, prf_hz=400.0, pixel_mm=(0.1, 0.3))
    assert main(["identify", str(tmp_path / "fast.h5"), "--out", str(tmp_path / "out"), "--method", "fake"]) == 0
    assert "note: " in (error := capsys.readouterr().err) and "aliasing limit of 19.7 mm/s" in error


def test_limits_said_twice_are_the_same():
    """Options know no NumPy, so they cannot import the recording's."""
    facts = described(Scan)["prf_hz"][1]
    assert (facts.least, facts.most) == RANGE_HZ
    assert described(VelocityOptions)["analysis_hz"][1].least == RANGE_HZ[0]
