"""The openhdemg file: by our own reader, and (slow) by openhdemg itself.

openhdemg pins its dependencies, so it lives in an environment of its own: `make test-openhdemg`, or any interpreter
that has it, named by OPENHDEMG_PYTHON.
"""

import gzip
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from muspipe.discharges import PROPERTIES, discharge_properties
from muspipe.export.contents import unit_table
from muspipe.export.openhdemg import samples_of, sampling, save_openhdemg
from muspipe.recordings.decomposed import load_decomposition
from muspipe.recordings.force import Force
from tests.export.results import made

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = Path(os.environ.get("OPENHDEMG_PYTHON", ROOT / ".venv-openhdemg/bin/python"))
needs_openhdemg = pytest.mark.skipif(
    not INTERPRETER.exists(), reason=f"openhdemg is not at {INTERPRETER}: make test-openhdemg"
)


@pytest.mark.parametrize(
    ("frame_rate_hz", "n_frames", "expected"),
    [
        (400.0, 1600, (2000.0, 8000)),
        (1000.0, 4000, (2000.0, 8000)),
        (5000.0, 100, (5000.0, 100)),
        (333.0, 400, (2331.0, 2800)),
    ],
)
def test_the_rate_is_a_multiple_of_the_frame_rate(frame_rate_hz, n_frames, expected):
    assert sampling(made(1, n_frames=n_frames, frame_rate_hz=frame_rate_hz)) == expected


def test_samples_stay_in_the_recording_and_are_told_once():
    times_s = np.array([-0.01, 0.1, 0.1001, 0.25, 3.9999])
    assert samples_of(times_s, 2000.0, 8000).tolist() == [0, 200, 500, 7999]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fields_are_those_of_openhdemg(tmp_path, n):
    result = made(n)
    save_openhdemg(result, tmp_path / "a.json")
    with gzip.open(tmp_path / "a.json", "rt", encoding="utf-8") as file:
        found = {name: json.loads(text) for name, text in json.load(file).items()}
    assert list(found) == [
        *("SOURCE", "FILENAME", "RAW_SIGNAL", "REF_SIGNAL", "ACCURACY", "IPTS", "MUPULSES", "FSAMP", "IED"),
        *("EMG_LENGTH", "NUMBER_OF_MUS", "BINARY_MUS_FIRING", "EXTRAS"),
    ]
    assert (found["SOURCE"], found["FSAMP"], found["EMG_LENGTH"], found["NUMBER_OF_MUS"]) == (
        "CUSTOMCSV",
        2000,
        8000,
        n,
    )
    for name, shape in {"RAW_SIGNAL": (8000, 0), "REF_SIGNAL": (8000, 1), "IPTS": (8000, n)}.items():
        table = found[name]
        assert len(table["index"]) == len(table["data"]) == 8000 and len(table["columns"]) == shape[1], name
    trains = np.reshape(np.array(found["IPTS"]["data"], np.float64), (8000, n))
    np.testing.assert_allclose(trains[::5].T, result.twitch_trains, rtol=1e-6)
    if n:
        read = load_decomposition(tmp_path / "a.json")
        assert read.labels == [str(i) for i in range(n)] and read.duration_s == 4
        for a, b in zip(read.firings, result.firings, strict=True):
            np.testing.assert_allclose(a, b, atol=0.00025 + 1e-9)  # half a sample


def said_of(path):
    """What openhdemg_says.py finds in the file."""
    script = Path(__file__).with_name("openhdemg_says.py")
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "PYTHONPATH")}
    command = [INTERPRETER, script, path]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@needs_openhdemg
@pytest.mark.parametrize("n", [1, 4])
def test_openhdemg_opens_sorts_and_computes_what_we_compute(tmp_path, n):
    result = made(n)
    save_openhdemg(result, tmp_path / "a.json")
    said = said_of(tmp_path / "a.json")
    pulses = [samples_of(times_s, 2000.0, 8000) for times_s in result.firings]
    n_firings = [len(samples) for samples in pulses]
    assert (said["fsamp"], said["length"], said["figures"]) == (2000.0, 8000, 0)
    assert said["shapes"] == {
        "RAW_SIGNAL": [8000, 0], "REF_SIGNAL": [8000, 1], "IPTS": [8000, n], "BINARY_MUS_FIRING": [8000, n]
    }  # fmt: skip
    assert said["pulses"] == said["pulses_again"] == [samples.tolist() for samples in pulses]
    assert said["binary_sums"] == n_firings
    assert said["n_half"] == [np.count_nonzero(samples <= 4000) for samples in pulses]
    assert said["first_pulses_sorted"] == sorted(int(samples[0]) for samples in pulses if len(samples))
    order = np.argsort([samples[0] if len(samples) else np.inf for samples in pulses])
    np.testing.assert_allclose(said["accuracy_sorted"], result.scores[order], rtol=1e-6)
    np.testing.assert_allclose(said["extras"]["diameter_mm"], unit_table(result)["diameter_mm"], rtol=1e-6)
    ours = discharge_properties([samples / 2000.0 for samples in pulses])
    unrounded = discharge_properties(result.firings)
    compared = {theirs: name for name, (_, _, theirs) in PROPERTIES.items() if theirs}
    assert set(compared) == {"DR_all", "DRvar_all", "DR_rec", "DR_derec", "COVisi_all"}
    for theirs, name in compared.items():
        np.testing.assert_allclose(np.array(said[theirs], np.float64), ours[name], rtol=1e-9)
        np.testing.assert_allclose(ours[name], unrounded[name], rtol=0.01)  # what rounding to samples does
    assert np.isnan(np.array([said["abs_RT"], said["COV_steady"]], np.float64)).all()  # there is no force


@pytest.mark.slow
@needs_openhdemg
def test_openhdemg_computes_thresholds_of_the_force(tmp_path):
    """A ramp of 5 % a second: unit i is recruited at its first firing's share of it."""
    result = made(4)
    save_openhdemg(result, tmp_path / "a.json", Force(np.array([0.0, 4.0]), np.array([0.0, 20.0])))
    said = said_of(tmp_path / "a.json")
    expected = [5 * times_s[0] if len(times_s) else np.nan for times_s in result.firings]
    np.testing.assert_allclose(np.array(said["rel_RT"], np.float64), expected, atol=0.01)
