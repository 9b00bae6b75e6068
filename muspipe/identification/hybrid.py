"""Blind source separation, joined by what a segmentation network sees beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.baselines.ica import TunedICA
from muspipe.identification.signals import SIGNALS, trains_of, twitch_networks
from muspipe.identification.windows import find_territories
from muspipe.models import pretrained
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from muspipe.territories import iou
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class Hybrid:
    """Settings of method `hybrid`."""

    segmentation: str = setting(
        "seg-centre", "segmentation network: one of the package's, a weight file or a run folder"
    )
    signals: str = setting(
        "ica", "how twitch trains are computed: ica, the separation's own", choices=("ica", *SIGNALS)
    )
    twitch: str = setting("twitch-refit", 'twitch network, for signals "network"')
    min_score: float | None = setting(None, "detections below are not used; default: as the network's preset", least=0)
    mask_level: float | None = setting(
        None, "where a mask of the network begins; default: as the network's preset", least=0, most=1
    )
    support_iou: float = setting(0.3, "the network confirms a unit by a mask with this IoU", least=0)
    alone_score: float = setting(0.3, "score that units need which the network does not confirm", least=0)
    ica: TunedICA = setting(TunedICA, "the separation", argument=False)

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {"segmentation": self.segmentation} | twitch_networks(self.signals, self.twitch)

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """Motor units of a recording of any size."""
        found = self.ica.separate(recording)
        if found is None:
            return MotorUnits.none(recording)
        seen = self.look(found.still)
        found = self.ica.join(found, seen)
        found = self.ica.resolve(found)
        return self.believed(self.ica.units(found), seen, recording)

    def look(self, still: Recording) -> np.ndarray:
        """Territories bool (m, H, W) that the network sees in a recording without the motion of the whole muscle."""
        network = pretrained.load(self.segmentation)
        return find_territories(network, still, self.min_score, self.mask_level)[0]

    def believed(self, units: MotorUnits, seen: np.ndarray, recording: Recording) -> MotorUnits:
        """The units that the network confirms or that score high enough, with the twitch trains that are wanted."""
        confirmed = (iou(units.territories, seen) >= self.support_iou).any(axis=1)
        kept = confirmed | (units.scores >= self.alone_score)
        territories, trains = units.territories[kept], units.twitch_trains[kept]
        if self.signals != "ica" and kept.any():
            trains = trains_of(self.signals, recording, territories, self.twitch)
        return MotorUnits.of(recording, territories, trains, units.scores[kept], units.warnings)
