"""How likely a candidate is a motor unit, from its features: a small network whose output is a calibrated probability.

It was fitted to candidates of simulated recordings by experiments/belief.py, which also shows how well it is
calibrated: of the candidates that get 0.8 to 0.9, so many are motor units. "Is" means: its territory overlaps a true
one by IoU > 0.5, none better does, and their firings agree by more than 0.5.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

from muspipe.identification.candidates import FEATURES

FILE = Path(__file__).parent / "belief.json"
"""features, their mean and sd, and layers [[weights, biases], ...] with tanh between them and a logistic end."""
FURTHEST = 4.0
"""Features further than this many SDs from their mean count as that far."""


def belief(features: np.ndarray) -> np.ndarray:
    """Probability float32 (m,) that each candidate is a motor unit. features: (m, len(FEATURES))."""
    return believed(_stored(), features)


def believed(stored: dict, features: np.ndarray) -> np.ndarray:
    """The same by other numbers than those of the package, as the file holds them."""
    layers = [(np.asarray(weights), np.asarray(biases)) for weights, biases in stored["layers"]]
    x = np.clip((features - np.asarray(stored["mean"])) / np.asarray(stored["sd"]), -FURTHEST, FURTHEST)
    for weights, biases in layers[:-1]:
        x = np.tanh(x @ weights + biases)
    weights, biases = layers[-1]
    return (1 / (1 + np.exp(-(x @ weights + biases)[:, 0]))).astype(np.float32)


@functools.cache
def _stored():
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    if tuple(stored["features"]) != FEATURES:
        raise ValueError(f"{FILE.name}: is of other features; run experiments/belief.py again")
    return stored
