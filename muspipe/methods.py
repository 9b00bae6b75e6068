"""Methods that find motor units in a velocity sequence, by name; each is loaded when first used."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass

import numpy as np

from muspipe.errors import InputError


@dataclass(frozen=True)
class Units:
    """Motor units found in a sequence, best first."""

    territories: np.ndarray
    """bool (n, H, W)"""
    twitch_trains: np.ndarray
    """float32 (n, T), in the sequence's velocity unit"""
    scores: np.ndarray
    """float32 (n,), 0-1: the method's confidence"""

    @classmethod
    def none(cls, velocity: np.ndarray) -> Units:
        """No units in velocity (H, W, T)."""
        height, width, n_frames = velocity.shape
        return cls(np.zeros((0, height, width), bool), np.zeros((0, n_frames), np.float32), np.zeros(0, np.float32))


METHODS = {
    "deep": "muspipe.identification.deep:Deep",
    "hybrid": "muspipe.identification.hybrid:Hybrid",
    "ica": "muspipe.baselines.ica:TunedICA",
    "stica": "muspipe.baselines.stica:SpatioTemporalICA",
    "twitch-true": "muspipe.identification.deep:TrueTerritories",
}
"""name -> module:class. The class is a dataclass of settings with `find(velocity, *, frame_rate_hz, pixel_mm) ->
Units`. With an attribute `needs_truth`, find also takes the true `territories`, and the method is for evaluation only.
With a method `weights()`, that gives {setting: checksum} of the weight files it reads."""


def settings_of(finder) -> dict:
    """All settings of a method, as plain values, and the checksums of its weights: what its results depend on."""
    checksums = finder.weights() if hasattr(finder, "weights") else {}
    return dataclasses.asdict(finder) | {f"{name}_sha256": checksum for name, checksum in checksums.items()}


def get_method(name: str, **settings):
    """The method called `name`, its settings changed as given. Raises InputError for an unknown name or setting."""
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}: expected one of {', '.join(METHODS)}")
    module, _, attribute = METHODS[name].partition(":")
    method = getattr(importlib.import_module(module), attribute)
    known = [field.name for field in dataclasses.fields(method)]
    for setting in settings:
        if setting not in known:
            raise InputError(f"method {name!r} has no setting {setting!r}; it has {', '.join(known)}")
    return method(**settings)
