"""The paper's pipeline as a method: a segmentation network finds territories, then each gets its twitch train."""

from __future__ import annotations

from dataclasses import dataclass

from muspipe.identification.signals import SIGNALS, trains_of, twitch_networks
from muspipe.identification.windows import find_territories
from muspipe.models import pretrained
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class Deep:
    """Settings of method `deep`."""

    segmentation: str = setting(
        "seg-outline", "segmentation network: one of the package's, a weight file or a run folder"
    )
    signals: str = setting("network", "how twitch trains are computed", choices=SIGNALS)
    twitch: str = setting("twitch-refit", 'twitch network, for signals "network"')
    min_score: float | None = setting(
        None, "detections below are dropped; default: as the network's preset", least=0, most=1
    )
    mask_level: float | None = setting(
        None, "where a mask of the network begins; default: as the network's preset", least=0, most=1
    )

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {"segmentation": self.segmentation} | twitch_networks(self.signals, self.twitch)

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """Motor units of a recording of any size, resampled to what the networks were trained with."""
        network = pretrained.load(self.segmentation)
        territories, scores = find_territories(network, recording, self.min_score, self.mask_level)
        if not len(territories):
            return MotorUnits.none(recording)
        trains = trains_of(self.signals, recording, territories, self.twitch)
        return MotorUnits.of(recording, territories, trains, scores)
