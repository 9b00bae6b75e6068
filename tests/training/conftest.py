"""Small networks in place of the presets, so that a run is seconds."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from muspipe.models import PRESETS, get_preset

SMALL_TWITCH = {
    "convolutions": [{"maps": 2, "kernel": [5, 5, 3], "stride": [4, 4, 1]}],
    "dense_before": [8],
    "gru": 4,
    "dense_after": [4],
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Preset twitch/small."""
    monkeypatch.setitem(PRESETS["twitch"], "small", get_preset("twitch", "compact") | SMALL_TWITCH | {"name": "small"})


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch):
    """Online epochs of 16 crops of 4 sequences."""
    from muspipe.training import examples

    monkeypatch.setattr(examples, "ONLINE_CROPS", 16)
    monkeypatch.setitem(examples.ONLINE_SEQUENCES, "twitch", 4)
