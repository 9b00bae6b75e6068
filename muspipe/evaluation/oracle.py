"""Twitch trains of the true territories: how good they are when nothing else can go wrong (Ali et al. 2020, Fig. 6).

No method of identification, as it is told what a method has to find.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from muspipe.data.given import wrong_territories
from muspipe.identification.signals import SIGNALS, trains_of, twitch_networks
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class TrueTerritories:
    """Settings of `twitch-true`."""

    signals: str = setting("network", "how twitch trains are computed", choices=SIGNALS)
    twitch: str = setting("twitch-refit", 'twitch network, for signals "network"')
    territory_error: float = setting(
        0.0, "errors of the territories given: 0 none, 1 those of a detector", least=0, most=10
    )
    """See muspipe.data.given."""

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return twitch_networks(self.signals, self.twitch)

    @one_blas_thread()
    def find(self, recording: Recording, true: MotorUnits) -> MotorUnits:
        """The true territories, with twitch trains that are computed from them, or from wrong ones in their place."""
        given = true.territories
        if self.territory_error:
            rng = np.random.default_rng(zlib.crc32(given.tobytes()))  # always the same for a sequence
            given = wrong_territories(given, rng, self.territory_error)
        trains = trains_of(self.signals, recording, given, self.twitch)
        return MotorUnits.of(recording, true.territories, trains, np.ones(true.n_units, np.float32))
