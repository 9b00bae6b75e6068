"""Blind source separation and the segmentation network together.

The separation's territories follow the data to the pixel, but it has to tell units apart by what their signals are; the
network has learnt what units look like. What the network finds beyond the separation joins it before all is refitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from muspipe.baselines.ica import TunedICA
from muspipe.errors import InputError
from muspipe.evaluation.matching import mask_iou
from muspipe.identification.deep import SIGNALS, checksums, trains_of
from muspipe.methods import Units


@dataclass(frozen=True)
class Hybrid:
    """Settings of method `hybrid`."""

    segmentation: str = "seg-centre"
    """Segmentation network: one of the package's, a weight file, or a run folder of `muspipe-train seg`."""
    signals: str = "ica"
    """Whence the twitch trains: ica, the separation's own, or as of method deep: mean, least-squares, network."""
    twitch: str = "twitch-refit"
    """Twitch network, for signals "network"."""
    min_score: float | None = None
    """Detections of the network below are not used; None: as its preset says."""
    mask_level: float | None = None
    """Where a mask of the network, 0..1, begins; None: as its preset says."""
    support_iou: float = 0.3
    """The network speaks for a unit if one of its masks has this IoU with the unit's."""
    alone_score: float = 0.3
    """Units that the network does not speak for need this score of the separation; 0.3 is its own bound."""
    ica: TunedICA = field(default_factory=TunedICA)

    def __post_init__(self):
        if self.signals not in ("ica", *SIGNALS):
            raise InputError(f"signals: expected one of ica, {', '.join(SIGNALS)}, got {self.signals!r}")

    def weights(self) -> dict:
        """{setting: checksum} of the weights in use."""
        twitch = {"twitch": self.twitch} if self.signals == "network" else {}
        return checksums(segmentation=self.segmentation, **twitch)

    def find(self, velocity: np.ndarray, *, frame_rate_hz: float, pixel_mm: float) -> Units:
        """Motor units in velocity (H, W, T) of any size."""
        from muspipe.identification.segment import find_territories
        from muspipe.models import pretrained

        grid = {"frame_rate_hz": frame_rate_hz, "pixel_mm": pixel_mm}
        model, seen = pretrained.load(self.segmentation), np.zeros((0, *velocity.shape[:2]), bool)

        def look(still):
            nonlocal seen
            seen, _ = find_territories(model, still, **grid, min_score=self.min_score, mask_level=self.mask_level)
            return seen

        found = self.ica.separate(velocity, **grid, more=look)
        if found is None:
            return Units.none(velocity)
        units = self.ica.result(found)
        if not len(units.scores):
            return units
        supported = np.zeros(len(units.scores), bool)
        if len(seen):
            supported = mask_iou(units.territories, seen).max(axis=1) >= self.support_iou
        kept = supported | (units.scores >= self.alone_score)
        trains = units.twitch_trains[kept]
        if self.signals != "ica" and kept.any():
            trains = trains_of(self.signals, velocity, units.territories[kept], self.twitch, **grid)
        return Units(units.territories[kept], trains, units.scores[kept])
