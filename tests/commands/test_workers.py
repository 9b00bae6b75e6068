"""Data sets and evaluations on a cluster, with the same numbers as without."""

import json

import pytest

from muspipe.cli import main

LOCAL = "local: {threads_per_worker: 1, dashboard_address: ':0', local_directory: %s}\njobs: 2\n"


def call(*words):
    assert main([str(word) for word in words]) == 0


@pytest.mark.slow
def test_simulate_and_evaluate_on_a_cluster(tmp_path):
    pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install '.[cluster]'")
    (tmp_path / "cluster.yaml").write_text(LOCAL % (tmp_path / "dask"))
    found = {}
    for name, work in (("alone", ("--jobs", 1)), ("cluster", ("--cluster", tmp_path / "cluster.yaml"))):
        data, out = tmp_path / name / "data", tmp_path / name / "out"
        call("simulate", data, "--train", 2, "--val", 2, "--test", 6, *work)
        call("evaluate", data, "--method", "ica", "--snr-db", 20, "--out", out, *work)
        files = {path.name: path.read_bytes() for path in data.iterdir()}
        rows = json.loads((out / "metrics.json").read_text())["sequences"]
        found[name] = files, [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    assert len(found["alone"][0]) == 4 and len(found["alone"][1]) == 6
    assert found["alone"] == found["cluster"]
