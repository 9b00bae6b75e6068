"""How a result is compared with a reference. Light: `muspipe compare --help` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.shared import settings
from simulator.shared.settings import setting

DELAYS = ("each", "one")


@dataclass(frozen=True)
class PairingOptions:
    """Of `muspipe.evaluation.reference.pair_units`."""

    delay: str = setting(
        "each",
        "each (default): every pair has the delay that suits it best; one: all pairs have the same",
        choices=DELAYS,
    )
    delay_range_ms: tuple[float, float] = setting(
        (0.0, 100.0),
        "delays from the reference's firing to the ultrasound's that are tried; default 0 100, electromechanical delay "
        "and the rise of the twitch",
        unit="ms",
        least=-1000,
        most=1000,
        rising=True,
    )
    tolerance_ms: float = setting(
        15.0,
        "firings agree within this time, once the delay is taken off (Ali et al. 2020)",
        unit="ms",
        above=0,
        most=50,
    )
    least_roa: float = setting(0.3, "pairs with a lower rate of agreement are none (ours)", least=0, most=1)
    start_s: float = setting(
        0.0, "when the ultrasound's first frame was, on the reference's clock", unit="s", least=-1e6, most=1e6
    )

    def __post_init__(self):
        settings.check(self)
