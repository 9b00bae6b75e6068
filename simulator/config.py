"""Every constant of the simulation: value, unit, source.

"paper" below is Ali et al. 2020, IEEE Access 8:170595; what that paper leaves open is marked "chosen", with a reason.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from simulator.shared.errors import InputError

Range = tuple[float, float]


@dataclass(frozen=True)
class SimulationConfig:
    """Immutable description of what to simulate; its defaults are scenario `paper`.

    Ranges `(low, high)` are of uniform distributions. Use `SimulationConfig.scenario(name, **changes)` for a named
    scenario. Raises InputError, naming the field, for values that cannot be simulated.
    """

    name: str = "paper"
    """Name of the scenario, carried into every file and figure."""

    # Image (paper IV.B: 40 x 40 mm, 1 s)
    height_px: int = 64
    """Image height [px] (paper)."""
    width_px: int = 64
    """Image width [px] (paper)."""
    n_frames: int = 400
    """Images in a sequence (paper: 1 s)."""
    frame_rate_hz: float = 400.0
    """Images per second [Hz] (paper)."""
    pixel_mm: float = 0.625
    """Side of a pixel [mm] (paper: 40 mm over 64 px)."""

    # Motor units
    n_units: int | tuple[int, int] = (5, 30)
    """Number of motor units, or the inclusive range it is drawn from (paper: 5-30 in training)."""
    diameter_mm: Range = (2.5, 10.0)
    """Diameter of a territory [mm] (paper). Territories lie wholly inside the image (chosen: one cut off by the border
    would not have the diameter that its truth states)."""

    # Response of the tissue inside a territory
    plateau_fraction: float = 1.0
    """Share of the radius over which the response is 1. In scenario paper: 1, a flat disc."""
    edge_level: float = 1.0
    """Response at the radius, reached from the plateau by half a cosine; outside it is 0."""
    blur_sigma_px: float = 0.0
    """SD of the Gaussian point-spread function of the imaging [px]."""
    delay_span_s: float = 0.0
    """The onset delay grows linearly across the disc from -span to +span [s] in a random direction, as end plates are
    spread along the fibres (chosen). 0 makes the response separable, territory x twitch train, as in the paper."""

    # Firings
    firing_rate_hz: Range = (8.0, 13.0)
    """Mean firing rate of a motor unit [Hz] (paper)."""
    interval_sd: float = 0.2
    """SD of the inter-pulse interval as a fraction of its mean. Paper: N(0, 0.2/FR), read as an SD; read as a
    variance, a quarter of the intervals would be negative."""
    interval_clip: Range = (0.3, 1.7)
    """Inter-pulse intervals are clipped to these multiples of 1/FR (chosen: no violation of the refractory period, no
    pauses). A firing that is moved by synchronisation may still come closer to its neighbours."""
    synchronisation: Range = (0.0, 0.1)
    """Share of the firings that move to a firing of another motor unit, drawn for each sequence (paper: 0-10 %)."""
    synchronisation_jitter_s: float = 0.0015
    """SD of a moved firing about its new place [s] (chosen; synchrony of motor units is a matter of a few ms)."""

    # Twitch: x(t) = (u e^(1-u))^m, u = t / contraction time; the velocity is its derivative, scaled to peak 1
    contraction_time_s: Range = (0.040, 0.060)
    """Time to peak displacement [s] in biceps brachii (chosen; the paper does not print the waveform it measured)."""
    half_relaxation_ratio: Range = (0.5, 0.75)
    """Half-relaxation time as a multiple of the contraction time; sets m = ln 2 / (r - ln(1 + r)) (chosen)."""
    twitch_support_s: float = 0.4
    """A twitch is taken to be over after this time [s]; it is then below 1e-5 of its peak."""
    peak_velocity: Range = (0.5, 1.5)
    """Peak velocity of a twitch, arbitrary units standing for mm/s: uniform range, or (median, sigma) if lognormal."""
    peak_velocity_lognormal: bool = False
    """Whether peak velocities are lognormal: a few strong units among many weak ones (chosen)."""
    lead_in_s: float = 0.6
    """Firings start this long [s] before the first frame, which is therefore in steady state (chosen: longer than the
    support)."""

    @classmethod
    def scenario(cls, name: str = "paper", **changes) -> SimulationConfig:
        """The named scenario (`paper` or `physiological`), with some fields changed, e.g. `n_units=15`."""
        if name not in SCENARIOS:
            raise InputError(f"unknown scenario {name!r}: expected one of {', '.join(SCENARIOS)}")
        return dataclasses.replace(SCENARIOS[name], **changes)

    @classmethod
    def from_dict(cls, values: dict) -> SimulationConfig:
        """Inverse of `to_dict`; lists (from JSON) become tuples. Unknown or missing fields raise InputError."""
        known = {field.name for field in dataclasses.fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(set(values) ^ known))
            raise InputError(f"simulation settings do not fit this version: unknown or missing {odd}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @property
    def duration_s(self) -> float:
        """Length of the sequence [s]."""
        return self.n_frames / self.frame_rate_hz

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.height_px, self.width_px

    @property
    def n_units_range(self) -> tuple[int, int]:
        """Inclusive range of the number of motor units."""
        return self.n_units if isinstance(self.n_units, tuple) else (self.n_units, self.n_units)

    def __post_init__(self):
        for field in ("height_px", "width_px", "n_frames", "frame_rate_hz", "pixel_mm", "twitch_support_s"):
            self._require(getattr(self, field) > 0 and math.isfinite(getattr(self, field)), field, "a positive number")
        for field in ("blur_sigma_px", "delay_span_s", "interval_sd", "synchronisation_jitter_s"):
            self._require(getattr(self, field) >= 0, field, "zero or a positive number")
        for field in ("diameter_mm", "firing_rate_hz", "contraction_time_s", "half_relaxation_ratio", "interval_clip"):
            self._require(0 < getattr(self, field)[0] <= getattr(self, field)[1], field, "(low, high), 0 < low <= high")
        whole = len(self.n_units_range) == 2 and all(isinstance(n, int) for n in self.n_units_range)
        expected = "an integer from 1, or a range (low, high) of such"
        self._require(whole and 1 <= self.n_units_range[0] <= self.n_units_range[1], "n_units", expected)
        self._require(self.interval_clip[0] <= 1 <= self.interval_clip[1], "interval_clip", "a range that holds 1")
        self._require(0 <= self.synchronisation[0] <= self.synchronisation[1] <= 1, "synchronisation", "shares in 0-1")
        self._require(0 < self.plateau_fraction <= 1, "plateau_fraction", "a fraction of the radius in (0, 1]")
        self._require(0 < self.edge_level <= 1, "edge_level", "a response in (0, 1]")
        self._require(self.peak_velocity[0] > 0, "peak_velocity", "a positive first value")
        self._require(self.lead_in_s >= self.twitch_support_s + self.delay_span_s, "lead_in_s", "at least one twitch")
        side_mm = min(self.image_shape) * self.pixel_mm
        self._require(self.diameter_mm[1] <= side_mm, "diameter_mm", f"at most the image's {side_mm:g} mm")
        self._require(self.diameter_mm[0] >= 2 * self.pixel_mm, "diameter_mm", "at least two pixels")

    def _require(self, true: bool, field: str, expected: str):
        if not true:
            raise InputError(f"SimulationConfig.{field}: expected {expected}, got {getattr(self, field)!r}")


SCENARIOS = {
    "paper": SimulationConfig(),
    "physiological": SimulationConfig(
        name="physiological",
        plateau_fraction=0.7,
        edge_level=0.3,
        blur_sigma_px=0.7,
        delay_span_s=0.005,
        peak_velocity=(1.0, 0.5),
        peak_velocity_lognormal=True,
    ),
}
"""The named scenarios. `physiological` (chosen) softens the paper's assumptions: fibre density falls towards the rim of
a territory, the image is blurred, end plates are spread, and twitch amplitudes are skewed, as in recruited
populations."""
