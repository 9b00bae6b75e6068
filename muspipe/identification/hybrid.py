"""Blind source separation and a segmentation network together: each is believed where it is right.

Both look for territories. Where the separation's model holds, its shapes follow the data to the pixel and it finds
nearly everything; where tissue is dragged along, it does not, and the network has seen such worlds. What either finds
is a candidate; `belief` says from what the data show of it how likely it is a motor unit, and that is its score. Copies
and parts of likelier units are dropped.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from muspipe.baselines.ica import TunedICA
from muspipe.identification.belief import belief
from muspipe.identification.candidates import Candidates, correlations, features, joined
from muspipe.identification.parts import borrowed
from muspipe.identification.signals import SIGNALS, clearest, trains_of, twitch_networks
from muspipe.identification.windows import find_territories
from muspipe.models import pretrained
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from muspipe.territories import first_of, iou
from simulator.shared.settings import check, setting
from simulator.shared.threads import beside, one_blas_thread


def _separation() -> TunedICA:
    """A separation that drops little: what it finds is judged later."""
    return TunedICA(diameter_mm=(1.2, 20.0), min_score=0.1)


@dataclass(frozen=True)
class Hybrid:
    """Settings of method `hybrid`."""

    segmentation: str = setting(
        "seg-outline", "segmentation network: one of the package's, a weight file or a run folder"
    )
    signals: str = setting(
        "clearest",
        "how twitch trains are computed; separation: its own, and by the network those of units that it has not found; "
        "clearest: of these two and their mean the one that a unit's twitches explain best",
        choices=("clearest", "separation", *SIGNALS),
    )
    twitch: str = setting("twitch-refit", 'twitch network, for signals "clearest", "separation" and "network"')
    min_score: float = setting(0.3, "units that are less likely motor units are dropped", least=0, most=1)
    seen_score: float = setting(0.2, "what the network sees with a lower score is no candidate", least=0, most=1)
    same_iou: float = setting(0.8, "of two units with a higher IoU the less likely one is dropped", least=0, most=1)
    copy_iou: float = setting(0.4, "likewise of two with a higher IoU whose signals are alike", least=0, most=1)
    copy_correlation: float = setting(0.8, "signals with a higher correlation are alike", least=-1, most=1)
    part_share: float = setting(
        0.8, "a unit that shares more of its pixels with a likelier one may be a part of it", least=0, most=1
    )
    part_borrowed: float = setting(
        0.9, "it is if so much of its signal is made of likelier units', shifted by up to 10 ms", least=0, most=1
    )
    ica: TunedICA = setting(_separation, "the separation", argument=False)

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {"segmentation": self.segmentation} | twitch_networks(self._kind, self.twitch)

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """Motor units of a recording of any size."""
        found, table, warnings = self.candidates(recording)
        likely = belief(table)
        kept = np.flatnonzero(likely >= self.min_score)
        kept = kept[np.argsort(-likely[kept], kind="stable")]
        if len(kept):
            kept = kept[self._distinct(found.shapes[kept], found.signals[kept])]
            kept = kept[self._whole(found.shapes[kept], found.signals[kept], recording.frame_rate_hz)]
        if not len(kept):
            return dataclasses.replace(MotorUnits.none(recording), warnings=warnings)
        territories = found.shapes[kept]
        trains = self._trains(recording, territories, found.trains[kept])
        return MotorUnits.of(recording, territories, trains, likely[kept], warnings)

    def _distinct(self, shapes, signals):
        """Indices of the units that are no copy of a likelier one. They are given likeliest first."""
        shared = iou(shapes, shapes)
        copies = (shared > self.copy_iou) & (correlations(signals) > self.copy_correlation)
        return first_of((shared > self.same_iou) | copies)

    def _whole(self, shapes, signals, frame_rate_hz):
        """bool (n,): which of the units are no part of likelier ones. They are given likeliest first."""
        return borrowed(shapes, signals, frame_rate_hz, self.part_share) <= self.part_borrowed

    @property
    def _kind(self):
        """Of SIGNALS: how trains are computed that the separation does not have, or all."""
        return self.signals if self.signals in SIGNALS else "network"

    def _trains(self, recording, territories, separated):
        """float32 (n, T). separated: those of the separation, NaN where it has none."""
        known = np.isfinite(separated).all(axis=1)
        if self.signals == "separation" and known.all():
            return separated
        trains = trains_of(self._kind, recording, territories, self.twitch)
        if self.signals == "clearest":
            return clearest(separated, trains, recording.frame_rate_hz)
        return np.where((known & (self.signals == "separation"))[:, None], separated, trains)

    def candidates(self, recording: Recording) -> tuple[Candidates, np.ndarray, tuple[str, ...]]:
        """All candidates of a recording, their features (m, F), and warnings of the separation."""
        with beside(self.look, recording) as seen:  # the network computes on the other cores while NumPy separates
            separation, units = self.ica.separate(recording), MotorUnits.none(recording)
            if separation is not None:
                separation = self.ica.resolve(separation)
                units = self.ica.units(separation)
            seen_units = seen()
        found = joined(recording, seen_units, (units.territories, units.scores, units.twitch_trains))
        return found, features(recording, found, separation), units.warnings

    def look(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """(territories bool (n, H, W), scores (n,)) that the network sees."""
        return find_territories(pretrained.load(self.segmentation), recording, self.seen_score)
