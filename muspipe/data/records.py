"""One training example before its pixels: small arrays, with every random choice already taken.

Every decision is made here; what is left to the loaders is arithmetic: render, add noise, standardise. Both therefore
make equal examples of equal records. Flips and crops act on the maps (C, H, W) instead of the images, and the moments
of a sequence are computed without rendering it, so that a crop costs a crop and not a sequence.
"""

from __future__ import annotations

import dataclasses
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
from simulator.noise import MARGIN_PX, NoiseShape, smoothing


@dataclass(frozen=True)
class Parts:
    """What a sequence is made of; C components, n motor units."""

    maps: np.ndarray  # float32 (C, H, W)
    signals: np.ndarray  # float32 (C, T)
    masks: np.ndarray  # bool (n, H, W)
    trains: np.ndarray  # float32 (n, T)
    mean: float  # over all pixels and frames, without noise
    power: float  # mean square, likewise
    noise_shape: Callable[[float], NoiseShape | None]  # of an SNR [dB]; None: white


def parts_of(sequence) -> Parts:
    """Parts of a MuscleSequence."""
    maps, signals = sequence.components
    moments = clean_moments(maps, signals)
    return Parts(maps, signals, sequence.territories, sequence.twitch_trains, *moments, sequence.noise_shape)


@dataclass(frozen=True)
class Noise:
    """Noise of one example: a cut of the bank, and what is made of it."""

    offset: int
    sd: np.float32
    """of white noise; 0 none, and 1 where a shape says how strong it is"""
    shape: NoiseShape | None = None
    """flipped like the example"""

    @property
    def power(self) -> float:
        """Mean square over the image."""
        return float(self.sd) ** 2 * (1.0 if self.shape is None else float(np.mean(self.shape.sd**2)))

    def fields(self, corner=(0, 0), size=None) -> dict[str, np.ndarray]:
        """What a loader needs for the part of the image that begins at the corner, size x size; None: all of it.

        noise_offset, noise_sd; of shaped noise also noise_map (S, S), noise_rows and noise_columns (S, S + 8), which
        smooth white noise (S + 8, S + 8, T + 1) to (S, S, T + 1), noise_lag, and noise_shaped, which is true."""
        fields = {"noise_offset": np.int64(self.offset), "noise_sd": np.float32(self.sd)}
        if self.shape is None:
            return fields
        sd = self.shape.sd if size is None else crop(self.shape.sd, corner, size)
        rows, columns = (smoothing(side, sigma) for side, sigma in zip(sd.shape, self.shape.sigma_px, strict=True))
        scale = np.float32(1 / np.sqrt(1 + self.shape.lag**2))
        shaped = {"noise_map": sd * scale, "noise_rows": rows, "noise_columns": columns}
        return fields | shaped | {"noise_lag": np.float32(self.shape.lag), "noise_shaped": np.bool_(True)}


def not_shaped(side: tuple[int, int]) -> dict[str, np.ndarray]:
    """The fields of shaped noise in a record (H, W) whose noise is white, beside others whose noise is not."""
    height, width = side
    return {
        "noise_map": np.zeros(side, np.float32),
        "noise_rows": np.zeros((height, height + 2 * MARGIN_PX), np.float32),
        "noise_columns": np.zeros((width, width + 2 * MARGIN_PX), np.float32),
        "noise_lag": np.float32(0),
        "noise_shaped": np.bool_(False),
    }


def noise_values(height: int, width: int, n_frames: int, shaped: bool) -> int:
    """Normal numbers that the noise of an example takes."""
    return (height + 2 * MARGIN_PX) * (width + 2 * MARGIN_PX) * (n_frames + 1) if shaped else height * width * n_frames


def configs_of(source) -> list:
    """The SimulationConfigs of a source's sequences: of one that mixes several, all."""
    return [source.config] if not hasattr(source, "sources") else [inner.config for inner in source.sources]


class RecordMaker:
    """Makes the records of a source. A record depends on (options.seed, epoch, index) alone, not on earlier calls.

    Threads may share it.
    """

    def __init__(self, source, options: BatchOptions):
        self.source = source
        self.options = options
        self.mixed = options.noisy and any(config.echo is not None for config in configs_of(source))
        self.bank: NoiseBank | None = None
        if options.noisy:
            self.bank = shared_bank(options.noise_bank_values, options.seed)
        # crops come in blocks of sequences, and two blocks are in use while one gives way to the next
        self._recent_parts: Callable[[int], Parts] = functools.lru_cache(2 * options.shuffle_block)(self._parts)

    def _parts(self, sequence_index):
        return parts_of(self.source[sequence_index])

    def _draw(self, rng, side, parts):
        """(flip code, Noise) for images of `side` (height, width). Code, SNR and offset are always drawn, so that no
        option changes what another draws."""
        code = int(rng.integers(N_FLIPS))
        snr_db = draw_snr_db(rng, self.options.snr_db, self.options.clean_share)
        shape = parts.noise_shape(snr_db)
        code_used = code if self.options.flips else 0
        if shape is not None:
            shape = dataclasses.replace(shape, sd=np.ascontiguousarray(flip(shape.sd, code_used)))
        n_values = noise_values(*side, parts.signals.shape[1], shape is not None)
        offset = self.bank.draw_offset(rng, n_values) if self.bank else 0
        sd = noise_sd(parts.power, snr_db) if shape is None else np.float32(1)
        return code_used, Noise(offset, sd, shape)

    def _fields(self, noise, side, *part):
        """Of a record's noise; all records of a source have the same."""
        return (not_shaped(side) if self.mixed else {}) | noise.fields(*part)

    def detection(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """Record of sequence `index`: maps (C, H, W), signals (C, T), the noise (see `Noise.fields`), and the truth
        (boxes, masks, class_ids; see geometry.detection_truth)."""
        parts = self._parts(index)
        rng = example_stream(self.options.seed, epoch, index)
        code, noise = self._draw(rng, parts.maps.shape[1:], parts)
        return {
            "maps": np.ascontiguousarray(flip(parts.maps, code)),
            "signals": parts.signals,
            **self._fields(noise, parts.maps.shape[1:]),
            **detection_truth(flip(parts.masks, code), self.options.max_units),
        }

    def twitch(self, epoch: int, sequence_index: int, unit: int, index: int) -> dict[str, np.ndarray]:
        """Record of the crop around a motor unit; S = options.crop_px.

        maps (C', S, S) and signals (C', T) of the components present in the crop; the noise; sequence_mean
        and sequence_sd, the latter with noise, to standardise by; inside, float32 (S, S), 0 where the crop leaves the
        image; mask, bool (S, S), of the territory as it is given; train, float32 (T,), divided by sequence_sd;
        amplitude, the largest magnitude of train. With options.refit also signal, float32 (T,), divided likewise.
        """
        parts = self._recent_parts(sequence_index)
        size = self.options.crop_px
        rng = example_stream(self.options.seed, epoch, index)
        code, noise = self._draw(rng, (size, size), parts)
        masks, given = given_territories(parts.masks, unit, rng, self.options.territory_error)
        mask = flip(masks[given], code)
        corner = crop_corner(mask, size)
        maps = crop(flip(parts.maps, code), corner, size)
        present = maps.any(axis=(1, 2))
        sequence_sd = np.float32(np.sqrt(parts.power - parts.mean**2 + noise.power))
        train = parts.trains[unit] / sequence_sd
        record = {
            "maps": maps[present],
            "signals": parts.signals[present],
            **self._fields(noise, (size, size), corner, size),
            "sequence_mean": np.float32(parts.mean),
            "sequence_sd": sequence_sd,
            "inside": crop(np.ones(mask.shape, np.float32), corner, size),
            "mask": crop(mask, corner, size),
            "train": train,
            "amplitude": np.abs(train).max(),
        }
        if self.options.refit:
            weights = flip(signal_weights(_flat(masks), given).reshape(mask.shape), code)
            record["signal"] = self._signal(rng, parts, code, weights, corner, noise) / sequence_sd
        return record

    def _signal(self, rng, parts, code, weights, corner, noise):
        """Least-squares signal (T,): the pixels of the sequence, less its mean, summed with these weights (H, W).

        Inside the crop the noise is the crop's own; outside, it is another cut of the bank.
        """
        signal = _flat(flip(parts.maps, code)) @ weights.reshape(-1) @ parts.signals - parts.mean * weights.sum()
        if noise.sd == 0 or self.bank is None:
            return signal.astype(np.float32)
        size = self.options.crop_px
        inside = crop(weights, corner, size)
        outside = weights.copy()
        (top, left), (height, width) = corner, weights.shape
        outside[max(top, 0) : max(min(top + size, height), 0), max(left, 0) : max(min(left + size, width), 0)] = 0
        return (signal + self._summed_noise(rng, noise, (inside, corner), outside)).astype(np.float32)

    def _summed_noise(self, rng, noise, inside, outside):
        """(T,) noise of the pixels inside a crop, (weights, corner), and of all others, weights (H, W)."""
        (inside, corner), frames = inside, self._n_frames + (noise.shape is not None)
        parts = [inside, outside]
        if noise.shape is not None:  # weights of the white noise that the pixels' noise is made of
            own, all_pixels = noise.fields(corner, len(inside)), noise.fields()
            parts = [
                field["noise_rows"].T @ (part * field["noise_map"]) @ field["noise_columns"]
                for part, field in zip(parts, (own, all_pixels), strict=True)
            ]
        bank, total = self.bank.values, 0.0
        for part, start in zip(parts, (noise.offset, None), strict=True):
            weights = part.reshape(-1)
            if start is None:  # which of the pixels outside gets which noise does not matter
                weights = weights[weights != 0]
                start = self.bank.draw_offset(rng, max(len(weights) * frames, 1))
            # einsum, as threads of BLAS and those of tf.data would wait for each other
            total = total + np.einsum(
                "p,pt->t", weights, bank[start : start + weights.size * frames].reshape(-1, frames)
            )
        if noise.shape is not None:
            return total[1:] - noise.shape.lag * total[:-1]
        return noise.sd * total

    @property
    def _n_frames(self):
        return self.source.config.n_frames


def _flat(masks):
    return masks.reshape(len(masks), -1).astype(np.float32)
