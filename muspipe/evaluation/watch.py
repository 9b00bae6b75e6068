"""Measures of a network while it trains, on the first few validation sequences: small, but always the same ones."""

from __future__ import annotations

import numpy as np

from muspipe.evaluation.metrics import (
    detection_precision,
    detection_recall,
    match_territories,
    pixel_agreement,
    rate_of_agreement,
)
from muspipe.firings.find import find_firings
from muspipe.identification.signals import network_signals
from muspipe.identification.windows import find_territories
from muspipe.recordings.simulated import recording_of

N_SEQUENCES = 8


def measure(model, source, snr_db: float | None) -> dict[str, float]:
    """The measures of the network's task (`Task.measures`), means as in an evaluation; without a motor unit that is
    found, those of pixels are NaN. source: of sequences, of which the first N_SEQUENCES are taken; snr_db: None or inf
    is without noise."""
    of_sequence = {"seg": _territories, "twitch": _firings}[model.preset.task]
    sequences = [source[i] for i in range(min(N_SEQUENCES, len(source)))]
    rows = [of_sequence(model, sequence, recording_of(sequence, snr_db)) for sequence in sequences]
    return {name: _mean([row[name] for row in rows]) for name in rows[0]}


def _territories(model, sequence, recording):
    found, _ = find_territories(model, recording)
    true = sequence.territories
    rows, columns = match_territories(found, true)
    pixels = pixel_agreement(found[rows], true[columns])
    return {
        "recall": detection_recall(len(rows), len(true)),
        "precision": detection_precision(len(rows), len(found)),
        "pixel_recall": _mean(pixels["recall"]),
        "pixel_precision": _mean(pixels["precision"]),
    }


def _firings(model, sequence, recording):
    """Of the true territories, by the paper's rule."""
    trains = network_signals(model, recording, sequence.territories)
    found, true = (
        find_firings(some, recording.frame_rate_hz, "paper").times_s for some in (trains, sequence.twitch_trains)
    )
    return {"roa": _mean([rate_of_agreement(a, b) for a, b in zip(found, true, strict=True)])}


def _mean(values):
    """Of those that are numbers; NaN if none is."""
    values = [value for value in values if value == value]
    return float(np.mean(values)) if values else float("nan")
