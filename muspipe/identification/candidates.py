"""Candidates for motor units, from the separation and from the network, and what the data say of each.

A candidate that both have found is one. FEATURES are what `belief.py` judges by.

Shapes: m candidates, H x W pixels, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from muspipe.baselines.ica import Separation
from muspipe.baselines.shapes import dilate, solidity
from muspipe.firings.maxima import running_mean
from muspipe.identification.dots import without_rims
from muspipe.identification.majority import majority
from muspipe.leastsquares import fit_signals
from muspipe.recordings.recording import Recording
from muspipe.territories import flat, iou

SAME_IOU = 0.4
"""A unit of the separation and one of the network are one candidate if their territories' IoU is above this."""
FEATURES = (
    "network_logit",
    "separation_score",
    "agreement",
    "log_area",
    "solidity",
    "contrast",
    "log_signal_to_noise",
    "explained",
    "overlap",
    "copy",
    "nested",
    "smoothness",
    "skewness",
    "network_confirmed",
    "separation_confirmed",
    "log_candidates",
)
"""network_logit: of the network's score, -5 where it sees nothing; separation_score: of the separation, or 0;
agreement: IoU of both; log_area [mm2]; contrast: response around the outline over that inside it;
log_signal_to_noise: of its signal, over what noise gives; explained: share of its shape within the signal's subspace;
overlap, copy, nested: with the better candidate that it is most like, shared area over the smaller, correlation of the
signals, areas' ratio; smoothness: power of the signal below 40 Hz; skewness: of the signal's slope; network_confirmed,
separation_confirmed: share of the one's units that the other has too; log_candidates."""
LEAST = 1e-9
"""In place of 0, where a logarithm is taken: belief.py has a limit for what is that far from usual."""
NOTHING_SEEN = -5.0
SURE = 0.4
"""Units that the network sees with this score say how well the separation does."""


@dataclass(frozen=True)
class Candidates:
    """m candidates of a recording."""

    shapes: np.ndarray
    """bool (m, H, W): where both have one, the majority's of the two and the data; else that of the one which has it"""
    outlines: np.ndarray
    """bool (m, H, W): the network's; the same as `shapes` where it has none"""
    signals: np.ndarray
    """float32 (m, T) of all shapes together, by least squares"""
    trains: np.ndarray
    """float32 (m, T) of the separation, NaN where it has none"""
    agreement: np.ndarray
    """(m,) IoU of the separation's shape and the network's, 0 where only one has it"""
    network_scores: np.ndarray
    """(m,), 0 where the network sees nothing"""
    separation_scores: np.ndarray
    """(m,), 0 where the separation has nothing"""

    @property
    def prior(self) -> np.ndarray:
        """(m,) a first order of the candidates."""
        return self.network_scores + self.separation_scores


def joined(recording: Recording, seen, separated) -> Candidates:
    """Candidates from (territories (n, H, W), scores (n,)) of the network and (territories, scores, trains (n, T)) of
    the separation."""
    (masks, scores), (shapes, own_scores, own_trains) = seen, separated
    velocity = recording.velocity.reshape(-1, recording.n_frames)
    masks, shapes = (without_rims(velocity, either, recording.pixel_mm) for either in (masks, shapes))
    likeness = iou(masks, shapes)
    rows, columns = linear_sum_assignment(likeness, maximize=True)
    same = likeness[rows, columns] > SAME_IOU
    rows, columns = rows[same], columns[same]
    alone = np.setdiff1d(np.arange(len(shapes)), columns)
    followed = masks.copy()
    followed[rows] = shapes[columns]
    all_shapes = np.concatenate([followed, shapes[alone]])
    outlines = np.concatenate([masks, shapes[alone]])
    separation_scores = np.zeros(len(all_shapes))
    separation_scores[rows] = own_scores[columns]
    separation_scores[len(masks) :] = own_scores[alone]
    trains = np.full((len(all_shapes), recording.n_frames), np.nan, np.float32)
    trains[rows], trains[len(masks) :] = own_trains[columns], own_trains[alone]
    agreement = np.zeros(len(all_shapes))
    agreement[rows] = likeness[rows, columns]
    signals = fit_signals(flat(all_shapes), velocity, ridge=1e-2)
    if len(rows):
        first = np.concatenate([rows, np.setdiff1d(np.arange(len(all_shapes)), rows)])
        all_shapes[rows] = majority(velocity, signals[first], all_shapes[rows], outlines[rows])
        signals = fit_signals(flat(all_shapes), velocity, ridge=1e-2)
    return Candidates(
        shapes=all_shapes,
        outlines=outlines,
        signals=signals,
        trains=trains,
        agreement=agreement,
        network_scores=np.concatenate([scores, np.zeros(len(alone))]),
        separation_scores=separation_scores,
    )


def features(recording: Recording, found: Candidates, separation: Separation | None) -> np.ndarray:
    """float32 (m, len(FEATURES)) of the candidates."""
    m = len(found.shapes)
    if m == 0:
        return np.zeros((0, len(FEATURES)), np.float32)
    masks, areas = flat(found.shapes), found.shapes.sum(axis=(1, 2))
    p = np.clip(found.network_scores, 1e-4, 1 - 1e-4)
    seen, apart, sure = found.network_scores > 0, found.separation_scores > 0, found.network_scores > SURE
    overlap, copy, nested = _likeness(found)
    noise_sd, explained = _against_noise(recording, masks, separation)
    power = found.signals.std(axis=1)
    scale = np.maximum(noise_sd, 1e-9 * power.max() + 1e-30)
    slopes = np.gradient(running_mean(found.signals, recording.frame_rate_hz), axis=1)
    table = {
        "network_logit": np.where(seen, np.log(p / (1 - p)), NOTHING_SEEN),
        "separation_score": found.separation_scores,
        "agreement": found.agreement,
        "log_area": np.log(np.maximum(areas, LEAST) * recording.pixel_mm**2),
        "solidity": [solidity(shape) for shape in found.shapes],
        "contrast": _contrast(recording, found),
        "log_signal_to_noise": np.log(np.maximum(power / scale, LEAST)).clip(-3, 8),
        "explained": explained,
        "overlap": overlap,
        "copy": copy,
        "nested": nested,
        "smoothness": _slow_share(found.signals, recording.frame_rate_hz),
        "skewness": np.mean(slopes**3, axis=1) / np.maximum(np.mean(slopes**2, axis=1), 1e-30) ** 1.5,
        "network_confirmed": np.full(m, (sure & apart).sum() / max(sure.sum(), 1)),
        "separation_confirmed": np.full(m, (seen & apart).sum() / max(apart.sum(), 1)),
        "log_candidates": np.full(m, np.log(m)),
    }
    return np.stack([table[name] for name in FEATURES], axis=1).astype(np.float32)


def _likeness(found):
    """Of the better candidate that each is most like: (overlap, correlation, ratio of areas), each (m,); 0 for none."""
    order = np.argsort(-found.prior, kind="stable")
    masks = flat(found.shapes)
    areas = masks.sum(axis=1)
    shared = (masks @ masks.T) / np.maximum(np.minimum(areas[:, None], areas), 1)
    alike = correlations(found.signals)
    result = np.zeros((3, len(masks)))
    for place, i in enumerate(order[1:], start=1):
        better = order[:place]
        most = better[np.argmax(shared[i, better] * (1 + alike[i, better]))]
        result[:, i] = shared[i, most], alike[i, most], min(areas[i], areas[most]) / max(areas[i], areas[most])
    return result


def correlations(signals: np.ndarray) -> np.ndarray:
    """(m, m) of signals (m, T); 0 with one that is constant."""
    centred = signals - signals.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-12
    return centred @ centred.T


def _against_noise(recording, masks, separation):
    """(SD of the noise in a mean over each mask, share of the mask in the signal's subspace), each (m,)."""
    weights = masks / np.maximum(masks.sum(axis=1, keepdims=True), 1)
    fast = np.diff(recording.velocity.reshape(-1, recording.n_frames), n=3, axis=1)
    noise = np.std(weights @ fast, axis=1) / np.sqrt(20)  # of white noise, whose third differences have variance 20
    if separation is None:
        return noise, np.zeros(len(masks))
    basis = separation.subspace.basis
    return noise, np.sum((masks @ basis) ** 2, axis=1) / np.maximum(masks.sum(axis=1), 1)


def _contrast(recording, found):
    """Response in a ring of two pixels around each shape over that inside it: 0 for a territory with a sharp edge."""
    velocity = recording.velocity.reshape(-1, recording.n_frames)
    norms = np.maximum(np.sum(found.signals**2, axis=1), 1e-30)
    maps = (found.signals @ velocity.T) / norms[:, None]
    grown = dilate(dilate(found.shapes))
    everything = flat(found.shapes)
    others = everything.sum(axis=0)[None] - everything
    ring = flat(grown & ~found.shapes) * (others == 0)
    inside = flat(found.shapes)
    outside = np.sum(maps * ring, axis=1) / np.maximum(ring.sum(axis=1), 1)
    within = np.sum(maps * inside, axis=1) / np.maximum(inside.sum(axis=1), 1)
    return np.clip(outside / np.where(np.abs(within) < 1e-9, 1e-9, within), -1, 2)


def _slow_share(signals, frame_rate_hz, below_hz=40.0):
    """Share of the power of each signal below 40 Hz."""
    power = np.abs(np.fft.rfft(signals - signals.mean(axis=1, keepdims=True), axis=1)) ** 2
    frequency = np.fft.rfftfreq(signals.shape[1], 1 / frame_rate_hz)
    return power[:, frequency < below_hz].sum(axis=1) / np.maximum(power.sum(axis=1), 1e-30)
