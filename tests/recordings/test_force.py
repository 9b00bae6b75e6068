"""Force from a table, and its way to openhdemg's reference signal."""

import gzip
import json

import numpy as np
import pytest

from muspipe import InputError
from muspipe.cli import main
from muspipe.recordings.force import load_force
from tests.export.results import made


def test_between_and_beyond_the_samples(tmp_path):
    (tmp_path / "a.csv").write_text("force;time_s;note\n10;1.0;\n30;2.0;x\n")
    force = load_force(tmp_path / "a.csv")
    np.testing.assert_allclose(force.at(np.array([1.0, 1.25, 2.0])), [10, 15, 30])
    assert np.isnan(force.at(np.array([0.99, 2.01]))).all()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file, expected a table of force"),
        ("t,force\n0,1\n", "expected columns time_s and force, got t, force"),
        ("time_s,force\n0,1\n", "two at least"),
        ("time_s,force\n0,1\n0,2\n", "rising time_s"),
        ("time_s,force\n0,1\n1,nan\n", "expected finite numbers"),
        ("time_s,force\n0,1\n1,\n", "line 3: force: expected a number, got ''"),
        ("time_s,force\n0,1\n1\n", "line 3: force: expected a number, got None"),
    ],
)
def test_other_files_are_one_line(tmp_path, content, says):
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=says) as caught:
        load_force(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_it_is_the_reference_signal_of_openhdemg(tmp_path, capsys, monkeypatch):
    """A ramp of 5 % a second whose clock began 10 s before the ultrasound, and which ends 3 s into it."""
    monkeypatch.chdir(tmp_path)
    made().save("result.h5")
    (tmp_path / "force.csv").write_text("time_s,force\n0,0\n13,65\n")
    call = ["export", "result.h5", "--to", "openhdemg", "--force", "force.csv"]
    assert main([*call, "--force-start-s", "10"]) == 0
    with gzip.open("result.openhdemg.json", "rt") as file:
        signal = np.array(json.loads(json.load(file)["REF_SIGNAL"])["data"], np.float64)[:, 0]
    np.testing.assert_allclose(signal[:6001], 50 + 5 * np.arange(6001) / 2000, rtol=1e-6)
    assert np.isnan(signal[6001:]).all() and len(signal) == 8000
    capsys.readouterr()
    for wrong, says in (
        (["export", "result.h5", "--to", "mat", "--force", "force.csv"], "--force: only openhdemg keeps it, not mat"),
        ([*call[:4], "--overwrite", "--force-start-s", "1"], "--force-start-s: expected with --force FILE.csv"),
    ):
        assert main(wrong) == 2
        assert says in capsys.readouterr().err
