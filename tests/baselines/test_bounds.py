"""What the tuned separation is held to, 100 sequences a cell. About 3 min: pytest -m slow tests/baselines"""

import numpy as np
import pytest

from muspipe.baselines.ica import TunedICA
from muspipe.evaluation.metrics import compare
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate

METRICS = ("recall", "precision", "segmentation_recall", "segmentation_precision", "roa")
CELLS = [
    *(("paper", 1, snr_db, (1.00, 0.99, 0.98, 0.99, 0.99)) for snr_db in (None, 20, 10)),
    *(("paper", 25, snr_db, (0.95, 0.99, 0.97, 0.99, 0.96)) for snr_db in (None, 20, 10)),
    ("physiological", 5, 20, (0.88, 0.85, 0.80, 0.90, 0.93)),
    ("physiological", 15, 20, (0.88, 0.85, 0.80, 0.90, 0.93)),
    ("physiological", 25, 20, (0.85, 0.85, 0.80, 0.90, 0.90)),
]


@pytest.mark.slow
@pytest.mark.parametrize("scenario, n_units, snr_db, bounds", CELLS)
def test_bounds(scenario, n_units, snr_db, bounds):
    config = SimulationConfig.scenario(scenario, n_units=n_units)
    rows = []
    for k in range(100):
        sequence = simulate(config, np.random.SeedSequence(41, spawn_key=(n_units, k)))
        metrics = compare(TunedICA().find(recording_of(sequence, snr_db)), truth_of(sequence))
        rows.append([metrics[name] for name in METRICS])
    for name, got, bound in zip(METRICS, np.nanmean(rows, axis=0), bounds, strict=True):
        assert got >= bound, f"{name} {got:.3f}"
