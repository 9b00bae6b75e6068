"""One training example before its pixels: small arrays, with every random choice already taken.

Both loaders turn equal records into equal examples, so whatever needs a decision is here, and what is left for them is
arithmetic: render, add noise, standardise. Flips and crops act on the maps (C, H, W) instead of the images, and the
moments of a sequence are had without rendering it; a crop therefore costs a crop and not a sequence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from muspipe.data.augment import N_FLIPS, flip
from muspipe.data.crops import crop, crop_corner
from muspipe.data.given import given_territories
from muspipe.data.noise import NoiseBank, draw_snr_db, noise_sd, shared_bank
from muspipe.data.options import BatchOptions
from muspipe.data.order import example_stream
from muspipe.data.standardise import clean_moments
from muspipe.data.truth import detection_truth
from muspipe.leastsquares import signal_weights


@dataclass(frozen=True)
class Parts:
    """What a sequence is made of; C components, n motor units."""

    maps: np.ndarray  # float32 (C, H, W)
    signals: np.ndarray  # float32 (C, T)
    masks: np.ndarray  # bool (n, H, W)
    trains: np.ndarray  # float32 (n, T)
    mean: float  # over all pixels and frames, without noise
    power: float  # mean square, likewise


def parts_of(sequence) -> Parts:
    """Parts of a MuscleSequence."""
    maps, signals = sequence.components
    return Parts(maps, signals, sequence.territories, sequence.twitch_trains, *clean_moments(maps, signals))


class RecordMaker:
    """Makes the records of a source; a record depends on (options.seed, epoch, index) and not on the calls before.

    Threads may share it.
    """

    def __init__(self, source, options: BatchOptions):
        self.source = source
        self.options = options
        self.bank: NoiseBank | None = None
        if options.noisy:
            self.bank = shared_bank(options.noise_bank_values, options.seed)
        # crops come in blocks of sequences; two blocks are in use where one gives way to the next
        self._recent_parts: Callable[[int], Parts] = functools.lru_cache(2 * options.shuffle_block)(self._parts)

    def _parts(self, sequence_index):
        return parts_of(self.source[sequence_index])

    def _draw(self, rng, n_values, power):
        """(flip code, noise offset, noise SD); all are always drawn, so that no option changes another's draws."""
        code = int(rng.integers(N_FLIPS))
        snr_db = draw_snr_db(rng, self.options.snr_db, self.options.clean_share)
        offset = self.bank.draw_offset(rng, n_values) if self.bank else 0
        return (code if self.options.flips else 0), offset, noise_sd(power, snr_db)

    def detection(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """Record of sequence `index`: maps (C, H, W), signals (C, T), noise_offset, noise_sd, and the truth
        (boxes, masks, class_ids; see truth.detection_truth)."""
        parts = self._parts(index)
        n_values = parts.maps[0].size * parts.signals.shape[1]
        rng = example_stream(self.options.seed, epoch, index)
        code, offset, sd = self._draw(rng, n_values, parts.power)
        return {
            "maps": np.ascontiguousarray(flip(parts.maps, code)),
            "signals": parts.signals,
            "noise_offset": np.int64(offset),
            "noise_sd": np.float32(sd),
            **detection_truth(flip(parts.masks, code), self.options.max_units),
        }

    def twitch(self, epoch: int, sequence_index: int, unit: int, index: int) -> dict[str, np.ndarray]:
        """Record of the crop round a motor unit; S = options.crop_px.

        maps (C', S, S) and signals (C', T) of the components in the crop, noise_offset, noise_sd; sequence_mean and
        sequence_sd, noise included, that standardise it; inside, float32 (S, S), 0 where the crop leaves the image;
        mask, bool (S, S), of the territory; train, float32 (T,), in standardised velocity (divided by sequence_sd);
        amplitude, the largest magnitude of train; with options.refit the signal, float32 (T,), standardised too.
        """
        parts = self._recent_parts(sequence_index)
        size = self.options.crop_px
        n_frames = parts.signals.shape[1]
        rng = example_stream(self.options.seed, epoch, index)
        code, offset, sd = self._draw(rng, size * size * n_frames, parts.power)
        masks, given = given_territories(parts.masks, unit, rng, self.options.territory_error)
        mask = flip(masks[given], code)
        corner = crop_corner(mask, size)
        maps = crop(flip(parts.maps, code), corner, size)
        present = maps.any(axis=(1, 2))
        sequence_sd = np.float32(np.sqrt(parts.power - parts.mean**2 + float(sd) ** 2))
        train = parts.trains[unit] / sequence_sd
        record = {
            "maps": maps[present],
            "signals": parts.signals[present],
            "noise_offset": np.int64(offset),
            "noise_sd": np.float32(sd),
            "sequence_mean": np.float32(parts.mean),
            "sequence_sd": sequence_sd,
            "inside": crop(np.ones(mask.shape, np.float32), corner, size),
            "mask": crop(mask, corner, size),
            "train": train,
            "amplitude": np.abs(train).max(),
        }
        if self.options.refit:
            weights = flip(signal_weights(_flat(masks), given).reshape(mask.shape), code)
            record["signal"] = self._signal(rng, parts, code, weights, corner, offset, sd) / sequence_sd
        return record

    def _signal(self, rng, parts, code, weights, corner, offset, sd):
        """Least-squares signal (T,), weights (H, W) times the velocity from which its sequence's mean is taken off.

        In the crop the noise is the crop's own; outside of it, another cut of the bank.
        """
        signal = _flat(flip(parts.maps, code)) @ weights.reshape(-1) @ parts.signals - parts.mean * weights.sum()
        if sd == 0 or self.bank is None:
            return signal.astype(np.float32)
        size, n_frames = self.options.crop_px, parts.signals.shape[1]
        inside = crop(weights, corner, size).reshape(-1)
        bank = self.bank.values
        own = bank[offset : offset + inside.size * n_frames].reshape(-1, n_frames)
        outside = weights.copy()
        (top, left), (height, width) = corner, weights.shape
        outside[max(top, 0) : max(min(top + size, height), 0), max(left, 0) : max(min(left + size, width), 0)] = 0
        rows = np.flatnonzero(outside)  # scattered pixels: which noise each gets does not matter
        start = self.bank.draw_offset(rng, max(len(rows) * n_frames, 1))
        other = bank[start : start + len(rows) * n_frames].reshape(-1, n_frames)
        # einsum: a threaded BLAS and the threads of tf.data would wait for each other
        noise = np.einsum("p,pt->t", inside, own) + np.einsum("p,pt->t", outside.reshape(-1)[rows], other)
        return (signal + sd * noise).astype(np.float32)


def _flat(masks):
    return masks.reshape(len(masks), -1).astype(np.float32)
