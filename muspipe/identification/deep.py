"""The paper's pipeline as a method: a segmentation network finds territories, then each gets its twitch train."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from muspipe.data.given import wrong_territories
from muspipe.errors import InputError
from muspipe.identification import signals
from muspipe.methods import Units

SIGNALS = ("mean", "least-squares", "network")


def trains_of(
    kind: str, velocity: np.ndarray, territories: np.ndarray, twitch: str, *, frame_rate_hz: float, pixel_mm: float
) -> np.ndarray:
    """Twitch trains float32 (n, T) of territories (n, H, W); kind: one of SIGNALS; twitch: the network's weights."""
    if kind == "mean":
        return signals.mean_velocity(velocity, territories)
    if kind == "least-squares":
        return signals.least_squares(velocity, territories)
    from muspipe.models import pretrained

    network = pretrained.load(twitch)
    return signals.network_signals(network, velocity, territories, frame_rate_hz=frame_rate_hz, pixel_mm=pixel_mm)


def checksums(**names: str) -> dict[str, str]:
    """{setting: checksum} of weight files by name or path."""
    from muspipe.models import pretrained
    from muspipe.models.weights import checksum_of

    return {setting: checksum_of(pretrained.path_of(name)) for setting, name in names.items()}


@dataclass(frozen=True)
class Deep:
    """Settings of method `deep`."""

    segmentation: str = "seg-centre"
    """Segmentation network: one of the package's, a weight file, or a run folder of `muspipe-train seg`."""
    signals: str = "network"
    """Whence the twitch trains: mean (over the territory), least-squares or network."""
    twitch: str = "twitch-refit"
    """Twitch network, for signals "network"; as for segmentation."""
    min_score: float | None = None
    """Detections below are dropped; None: as the network's preset says."""
    mask_level: float | None = None
    """Where a mask of the network, 0..1, begins; None: as the network's preset says."""

    def __post_init__(self):
        if self.signals not in SIGNALS:
            raise InputError(f"signals: expected one of {', '.join(SIGNALS)}, got {self.signals!r}")

    def weights(self) -> dict:
        """{setting: checksum} of the weights in use."""
        return checksums(
            segmentation=self.segmentation, **({"twitch": self.twitch} if self.signals == "network" else {})
        )

    def find(self, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float) -> Units:
        """Motor units in velocity (H, W, T) of any size, resampled to what the network was trained with."""
        from muspipe.identification.segment import find_territories
        from muspipe.models import pretrained

        territories, scores = find_territories(
            pretrained.load(self.segmentation),
            velocity,
            frame_rate_hz=frame_rate_hz,
            pixel_mm=pixel_mm,
            min_score=self.min_score,
            mask_level=self.mask_level,
        )
        if not len(territories):
            return Units.none(velocity)
        grid = {"frame_rate_hz": frame_rate_hz, "pixel_mm": pixel_mm}
        return Units(territories, trains_of(self.signals, velocity, territories, self.twitch, **grid), scores)


@dataclass(frozen=True)
class TrueTerritories:
    """Twitch trains of the true territories: how good the signals are by themselves (Ali et al. 2020, Fig. 6)."""

    signals: str = "network"
    """Whence the twitch trains: mean, least-squares or network."""
    twitch: str = "twitch-refit"
    """Twitch network, for signals "network"."""
    territory_error: float = 0.0
    """How wrong the territories are that the twitch trains are taken of: 0 true, 1 as of a detector; see
    muspipe.data.given."""

    needs_truth = True

    def __post_init__(self):
        if self.territory_error < 0:
            raise InputError(f"territory_error: expected a number from 0, got {self.territory_error!r}")
        if self.signals not in SIGNALS:
            raise InputError(f"signals: expected one of {', '.join(SIGNALS)}, got {self.signals!r}")

    def weights(self) -> dict:
        """{setting: checksum} of the weights in use."""
        return checksums(twitch=self.twitch) if self.signals == "network" else {}

    def find(self, velocity, *, frame_rate_hz: float, pixel_mm: float, territories) -> Units:
        """territories: bool (n, H, W), the true ones, which are also the result's."""
        given = territories
        if self.territory_error:
            rng = np.random.default_rng(zlib.crc32(territories.tobytes()))  # of a sequence always the same
            given = wrong_territories(territories, rng, self.territory_error)
        grid = {"frame_rate_hz": frame_rate_hz, "pixel_mm": pixel_mm}
        trains = trains_of(self.signals, velocity, given, self.twitch, **grid)
        return Units(territories, trains, np.ones(len(territories), np.float32))
