"""Fixtures for all tests."""

import dataclasses

import numpy as np
import pytest

from muspipe.identification.method import METHODS, Entry
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import setting


@dataclasses.dataclass(frozen=True)
class FakeMethod:
    """Says that the left half of the image is one motor unit that moves as the mean there. n_units copies of it."""

    n_units: int = setting(1, "copies", least=0)

    def networks(self):
        return {}

    def find(self, recording):
        mask = np.zeros(recording.image_shape, bool)
        mask[:, : mask.shape[1] // 2] = True
        train = recording.velocity[mask].mean(axis=0)
        n = self.n_units
        return MotorUnits.of(recording, np.repeat(mask[None], n, 0), np.repeat(train[None], n, 0), np.full(n, 0.5))


@pytest.fixture
def fake_method(monkeypatch):
    """A method in the table called `fake`; see FakeMethod."""
    monkeypatch.setitem(METHODS, "fake", Entry("for tests", lambda: FakeMethod))
    return FakeMethod


@pytest.fixture
def velocity():
    """float32 (10, 12, 100): a travelling sine of 10 Hz at 400 Hz; no two axes are alike."""
    frame = np.arange(100)
    phase = np.arange(120).reshape(10, 12) / 20
    return np.sin(2 * np.pi * 10 * frame / 400 + phase[..., None]).astype(np.float32)
