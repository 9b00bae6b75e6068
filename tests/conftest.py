"""Fixtures for all tests."""

import dataclasses
import sys
import types

import numpy as np
import pytest

from muspipe.methods import METHODS, Units


@dataclasses.dataclass(frozen=True)
class FakeMethod:
    """Says that the left half of the image is one motor unit that moves as the mean there. n_units copies of it."""

    n_units: int = 1

    def find(self, velocity, *, frame_rate_hz, pixel_mm):
        mask = np.zeros(velocity.shape[:2], bool)
        mask[:, : mask.shape[1] // 2] = True
        train = velocity[mask].mean(axis=0)
        n = self.n_units
        return Units(np.repeat(mask[None], n, 0), np.repeat(train[None], n, 0), np.full(n, 0.5, np.float32))


@pytest.fixture
def fake_method(monkeypatch):
    """A method of identification called `fake`; see FakeMethod."""
    module = types.ModuleType("fake_method")
    module.FakeMethod = FakeMethod
    monkeypatch.setitem(sys.modules, "fake_method", module)
    monkeypatch.setitem(METHODS, "fake", "fake_method:FakeMethod")
    return FakeMethod


@pytest.fixture
def velocity():
    """float32 (10, 12, 100): a travelling sine of 10 Hz at 400 Hz; no two axes are alike."""
    frame = np.arange(100)
    phase = np.arange(120).reshape(10, 12) / 20
    return np.sin(2 * np.pi * 10 * frame / 400 + phase[..., None]).astype(np.float32)
