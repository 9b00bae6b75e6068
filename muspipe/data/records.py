"""One training example before its pixels: small arrays, with every random choice already taken.

Every decision is made here; what is left to the loaders is arithmetic: render, add noise, standardise. Both therefore
make equal examples of equal records. Flips and crops act on the maps (C, H, W) instead of the images, and the moments
of a sequence are computed without rendering it, so that a crop costs a crop and not a sequence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from muspipe.data.geometry import N_FLIPS, crop, crop_corner, detection_truth, flip
from muspipe.data.given import given_territories
from muspipe.data.options import BatchOptions
from muspipe.data.pixels import NoiseBank, clean_moments, draw_snr_db, noise_sd, shared_bank
from muspipe.data.sources import example_stream
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
    """Makes the records of a source. A record depends on (options.seed, epoch, index) alone, not on earlier calls.

    Threads may share it.
    """

    def __init__(self, source, options: BatchOptions):
        self.source = source
        self.options = options
        self.bank: NoiseBank | None = None
        if options.noisy:
            self.bank = shared_bank(options.noise_bank_values, options.seed)
        # crops come in blocks of sequences, and two blocks are in use while one gives way to the next
        self._recent_parts: Callable[[int], Parts] = functools.lru_cache(2 * options.shuffle_block)(self._parts)

    def _parts(self, sequence_index):
        return parts_of(self.source[sequence_index])

    def _draw(self, rng, n_values, power):
        """(flip code, noise offset, noise SD). All are always drawn, so that no option changes what another draws."""
        code = int(rng.integers(N_FLIPS))
        snr_db = draw_snr_db(rng, self.options.snr_db, self.options.clean_share)
        offset = self.bank.draw_offset(rng, n_values) if self.bank else 0
        return (code if self.options.flips else 0), offset, noise_sd(power, snr_db)

    def detection(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """Record of sequence `index`: maps (C, H, W), signals (C, T), noise_offset, noise_sd, and the truth
        (boxes, masks, class_ids; see geometry.detection_truth)."""
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
        """Record of the crop around a motor unit; S = options.crop_px.

        maps (C', S, S) and signals (C', T) of the components present in the crop; noise_offset, noise_sd; sequence_mean
        and sequence_sd, the latter with noise, to standardise by; inside, float32 (S, S), 0 where the crop leaves the
        image; mask, bool (S, S), of the territory as it is given; train, float32 (T,), divided by sequence_sd;
        amplitude, the largest magnitude of train. With options.refit also signal, float32 (T,), divided likewise.
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
        """Least-squares signal (T,): the pixels of the sequence, less its mean, summed with these weights (H, W).

        Inside the crop the noise is the crop's own; outside, it is another cut of the bank.
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
        rows = np.flatnonzero(outside)  # which of them gets which noise does not matter
        start = self.bank.draw_offset(rng, max(len(rows) * n_frames, 1))
        other = bank[start : start + len(rows) * n_frames].reshape(-1, n_frames)
        # einsum, as threads of BLAS and those of tf.data would wait for each other
        noise = np.einsum("p,pt->t", inside, own) + np.einsum("p,pt->t", outside.reshape(-1)[rows], other)
        return (signal + sd * noise).astype(np.float32)


def _flat(masks):
    return masks.reshape(len(masks), -1).astype(np.float32)
