"""Every constant of the simulation: value, unit, source.

"paper" below is Ali et al. 2020, IEEE Access 8:170595; what that paper leaves open is marked "chosen", with a reason.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

from simulator.muscle_config import EchoSettings, MotionSettings, TissueSettings
from simulator.shared.errors import InputError
from simulator.shared.settings import check, setting

Range = tuple[float, float]
MOST_VALUES = 1 << 31
"""Velocities in a sequence, 8.6 GB, and as many twitch trains times frames."""
MOST_SECONDS = 3600.0
"""In a sequence. These two keep a slip of the hand, such as a frame rate as the number of frames, from all memory."""


@dataclass(frozen=True)
class SimulationConfig:
    """Immutable description of what to simulate; its defaults are scenario `paper`.

    Ranges `(low, high)` are of uniform distributions. Use `SimulationConfig.scenario(name, **changes)` for a named
    scenario. Raises InputError, naming the field, for values that cannot be simulated.
    """

    name: str = setting("paper", "of the scenario, carried into every file and figure")
    """Name of the scenario, carried into every file and figure."""

    # Image (paper IV.B: 40 x 40 mm, 1 s)
    height_px: int = setting(64, "image height", unit="px", least=1, most=1024)
    """Image height [px] (paper)."""
    width_px: int = setting(64, "image width", unit="px", least=1, most=1024)
    """Image width [px] (paper)."""
    n_frames: int = setting(400, "images in a sequence", least=1, most=10_000_000)
    """Images in a sequence (paper: 1 s)."""
    frame_rate_hz: float = setting(400.0, "images per second", unit="Hz", least=1, most=100_000)
    """Images per second [Hz] (paper)."""
    pixel_mm: float = setting(0.625, "side of a pixel", unit="mm", least=0.01, most=10)
    """Side of a pixel [mm] (paper: 40 mm over 64 px)."""

    # Motor units
    n_units: int | tuple[int, int] = setting(
        (5, 30), "motor units, or the range of their number", least=0, most=1000, rising=True
    )
    """Number of motor units, or the inclusive range it is drawn from (paper: 5-30 in training). At most 1,000 (chosen:
    no cross-section has more; all of a medial gastrocnemius has 579, Feinstein et al. 1955, Acta Anat 23:127)."""
    diameter_mm: Range = setting((2.5, 10.0), "diameter of a territory", unit="mm", above=0, most=1000, rising=True)
    """Diameter of a territory [mm] (paper)."""
    territory_placement: str = setting(
        "inside", "inside: territories lie wholly in the image; cut: its edge may cut them", choices=("inside", "cut")
    )
    """Where territories may lie. Paper: at a random place in the muscle's cross-section. `inside`: wholly in the image
    (chosen: one that the edge cuts has not the diameter that its truth states). `cut`: only the centre is in the image,
    as in a muscle that is larger than it; the mask is what is left of the disc."""

    # Response of the tissue inside a territory
    plateau_fraction: float = setting(1.0, "share of the radius over which the response is 1", above=0, most=1)
    """Share of the radius over which the response is 1. In scenario paper: 1, a flat disc."""
    edge_level: float = setting(1.0, "response at the radius", above=0, most=1)
    """Response at the radius, reached from the plateau by half a cosine; outside it is 0."""
    blur_sigma_px: float = setting(0.0, "SD of the point-spread function", unit="px", least=0, most=100)
    """SD of the Gaussian point-spread function of the imaging [px]."""
    delay_span_s: float = setting(0.0, "largest onset delay within a territory, either way", unit="s", least=0, most=1)
    """The onset delay grows linearly across the disc from -span to +span [s] in a random direction, as end plates are
    spread along the fibres (chosen). 0 makes the response separable, territory x twitch train, as in the paper."""

    delay_nodes: int = setting(5, "delays at which a train that is spread by delays is evaluated", least=2, most=50)
    """Chebyshev nodes between which delayed trains are interpolated: 5 are exact to 1e-4 of the peak over +-5 ms, 3 to
    4e-3 in a third less time."""

    # Firings
    firing_rate_hz: Range = setting(
        (8.0, 13.0), "mean firing rate of a unit", unit="Hz", least=0.1, most=200, rising=True
    )
    """Mean firing rate of a motor unit [Hz] (paper)."""
    interval_sd: float = setting(
        0.2, "SD of the intervals between firings, as a fraction of their mean", least=0, most=10
    )
    """SD of the inter-pulse interval as a fraction of its mean. Paper: N(0, 0.2/FR), read as an SD; read as a
    variance, a quarter of the intervals would be negative."""
    interval_clip: Range = setting(
        (0.3, 1.7), "shortest and longest interval, in means", least=0.05, most=100, rising=True
    )
    """Inter-pulse intervals are clipped to these multiples of 1/FR (chosen: no violation of the refractory period, no
    pauses). A firing that is moved by synchronisation may still come closer to its neighbours."""
    synchronisation: Range = setting((0.0, 0.1), "share of the firings that move", least=0, most=1, rising=True)
    """Share of the firings that move to a firing of another motor unit, drawn for each sequence (paper: 0-10 %)."""
    synchronisation_jitter_s: float = setting(
        0.0015, "SD of a moved firing about its new place", unit="s", least=0, most=1
    )
    """SD of a moved firing about its new place [s] (chosen; synchrony of motor units is a matter of a few ms)."""

    # Twitch: x(t) = (u e^(1-u))^m, u = t / contraction time; the velocity is its derivative, scaled to peak 1
    contraction_time_s: Range = setting(
        (0.040, 0.060), "time to peak displacement", unit="s", least=1e-3, most=10, rising=True
    )
    """Time to peak displacement [s] in biceps brachii (chosen; the paper does not print the waveform it measured)."""
    half_relaxation_ratio: Range = setting(
        (0.5, 0.75), "half-relaxation time in contraction times", least=0.1, most=100, rising=True
    )
    """Half-relaxation time as a multiple of the contraction time; sets m = ln 2 / (r - ln(1 + r)) (chosen)."""
    twitch_waveform: str | tuple[float, ...] | None = setting(
        None, "measured twitch velocity: a .csv or .npy file of one column, or a list of samples", metavar="FILE"
    )
    """Samples of a measured twitch's velocity, the first at the firing, the same for all units (paper: one, from
    electro-stimulation of biceps brachii; as it is not printed, none is here). They are scaled to peak 1, interpolated
    at the times of the images, and otherwise used as they are. Contraction times and half-relaxation ratios are still
    drawn, so that all else stays the same, but have no effect. A file is read at once: the config keeps the samples."""
    twitch_waveform_hz: float | None = setting(None, "sampling rate of twitch_waveform", unit="Hz", above=0, most=1e9)
    """Its sampling rate [Hz]."""
    twitch_support_s: float = setting(0.4, "a twitch is over after this time", unit="s", above=0, most=60)
    """A twitch is taken to be over after this time [s]; it is then below 1e-5 of its peak."""
    peak_velocity: Range = setting(
        (0.5, 1.5), "of a twitch: low and high, or median and sigma if lognormal", least=0, most=1e6
    )
    """Peak velocity of a twitch, arbitrary units standing for mm/s: uniform range, or (median, sigma) if lognormal."""
    peak_velocity_lognormal: bool = setting(False, "whether peak velocities are lognormal")
    """Whether peak velocities are lognormal: a few strong units among many weak ones (chosen)."""
    lead_in_s: float = setting(0.6, "firings start this long before the first frame", unit="s", least=0, most=60)
    """Firings start this long [s] before the first frame, which is therefore in steady state (chosen: longer than the
    support)."""

    # Parts of scenario `echo`, see muscle_config.py
    tissue: TissueSettings | None = setting(None, "shapes, dragging and varying twitches", argument=False)
    """Shapes of territories, tissue that is dragged along, twitches that vary; None: discs and equal twitches
    (paper)."""
    motion: MotionSettings | None = setting(None, "motion of the whole muscle and of an artery", argument=False)
    """Motion of the whole muscle and of an artery; None: none (paper)."""
    echo: EchoSettings | None = setting(None, "velocity as it is estimated from echoes", argument=False)
    """Velocity as it is estimated from echoes; None: the tissue's own (paper), with white noise."""

    @classmethod
    def scenario(cls, name: str = "paper", **changes) -> SimulationConfig:
        """The named scenario (`paper`, `physiological` or `echo`), with some fields changed, e.g. `n_units=15`."""
        if name not in SCENARIOS:
            raise InputError(f"unknown scenario {name!r}: expected one of {', '.join(SCENARIOS)}")
        return dataclasses.replace(SCENARIOS[name], **changes)

    @classmethod
    def from_dict(cls, values: dict) -> SimulationConfig:
        """Inverse of `to_dict`; lists (from JSON) become tuples. Unknown or missing fields raise InputError."""
        if not isinstance(values, dict):
            raise InputError(f"simulation settings: expected a dictionary of them, got {values!r}")
        known = {field.name for field in dataclasses.fields(cls)}
        odd = {*values} - known | known - ADDED - {*values}
        if odd:
            raise InputError(
                f"simulation settings do not fit this version: unknown or missing {', '.join(sorted(odd))}"
            )
        if isinstance(values.get("twitch_waveform"), str):  # stored settings name no files
            raise InputError(f"twitch_waveform: expected a list of samples, got {values['twitch_waveform']!r}")
        return cls(**values)

    def to_dict(self) -> dict:
        """Plain values, ready for JSON. A field in `ADDED` is left out where it has its default, so that what was
        stored before it came is stored the same today."""
        defaults = {field.name: field.default for field in dataclasses.fields(self) if field.name in ADDED}
        values = {k: v for k, v in dataclasses.asdict(self).items() if k not in defaults or v != defaults[k]}
        return _lists(values)

    @functools.lru_cache(maxsize=64)  # noqa: B019 - immutable and few; checking takes as long as drawing a sequence
    def with_units(self, n_units: int | tuple[int, int]) -> SimulationConfig:
        """The same with another number of motor units."""
        return dataclasses.replace(self, n_units=n_units)

    @property
    def duration_s(self) -> float:
        """Length of the sequence [s]."""
        return self.n_frames / self.frame_rate_hz

    @property
    def varied(self) -> bool:
        """Whether sequences have a `tissue_seed`, of what scenario `echo` adds."""
        return any(part is not None for part in (self.tissue, self.motion, self.echo))

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.height_px, self.width_px

    @property
    def n_units_range(self) -> tuple[int, int]:
        """Inclusive range of the number of motor units."""
        return self.n_units if isinstance(self.n_units, tuple) else (self.n_units, self.n_units)

    def __post_init__(self):
        check(self, "SimulationConfig.")
        self._take_waveform()
        self._require(self.interval_clip[0] <= 1 <= self.interval_clip[1], "interval_clip", "a range that holds 1")
        self._require(self.peak_velocity[0] > 0, "peak_velocity", "a positive first value")
        sigma = self.peak_velocity[1] if self.peak_velocity_lognormal else 0
        self._require(sigma <= 5, "peak_velocity", "a sigma of the logarithm of at most 5")
        self._require(self.duration_s <= MOST_SECONDS, "n_frames", f"at most {MOST_SECONDS:g} s of images")
        at_once = max(self.height_px * self.width_px, *self.n_units_range)
        self._require(
            self.n_frames * at_once <= MOST_VALUES, "n_frames", f"at most {MOST_VALUES // at_once} of this size"
        )
        self._require(self.lead_in_s >= self.twitch_support_s + self.delay_span_s, "lead_in_s", "at least one twitch")
        side_mm = min(self.image_shape) * self.pixel_mm
        self._require(self.diameter_mm[1] <= side_mm, "diameter_mm", f"at most the image's {side_mm:g} mm")
        self._require(self.diameter_mm[0] >= 2 * self.pixel_mm, "diameter_mm", "at least two pixels")

    def _take_waveform(self):
        """Read the waveform where it is a file, and scale it."""
        given = self.twitch_waveform
        both = (given is None) == (self.twitch_waveform_hz is None)
        self._require(both, "twitch_waveform_hz", "the rate [Hz] of twitch_waveform, and none without one")
        if given is None:
            return
        from simulator.waveform import read_waveform, scaled_to_peak  # here, as they load NumPy

        samples = read_waveform(given) if isinstance(given, str) else given
        scaled = scaled_to_peak(samples)
        if scaled is None:
            raise InputError(
                "SimulationConfig.twitch_waveform: expected two finite samples or more, the largest above 0"
            )
        object.__setattr__(self, "twitch_waveform", scaled)
        length_s = (len(scaled) - 1) / self.twitch_waveform_hz
        expected = f"at least the {length_s:g} s of the twitch_waveform"
        self._require(length_s <= self.twitch_support_s, "twitch_support_s", expected)

    def _require(self, true: bool, field: str, expected: str):
        if not true:
            raise InputError(f"SimulationConfig.{field}: expected {expected}, got {getattr(self, field)!r}")


def _lists(value):
    """Plain values with lists in place of tuples, within dictionaries too."""
    if isinstance(value, dict):
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, tuple) else value


ADDED = frozenset(
    {"territory_placement", "twitch_waveform", "twitch_waveform_hz", "delay_nodes", "tissue", "motion", "echo"}
)
"""Fields that came after the first stored configs. They are stored only where they differ from their defaults."""

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
    "echo": SimulationConfig(
        name="echo",
        diameter_mm=(2.5, 12.0),
        plateau_fraction=0.7,
        edge_level=0.3,
        delay_span_s=0.005,
        delay_nodes=3,
        contraction_time_s=(0.040, 0.090),
        half_relaxation_ratio=(0.5, 0.9),
        peak_velocity=(2.0, 0.5),
        peak_velocity_lognormal=True,
        tissue=TissueSettings(),
        motion=MotionSettings(),
        echo=EchoSettings(),
    ),
}
"""The named scenarios. `physiological` (chosen) softens the paper's assumptions: fibre density falls towards the rim of
a territory, the image is blurred, end plates are spread, and twitch amplitudes are skewed, as in recruited
populations. `echo` (chosen) is what a scanner sees: territories of any shape that drag tissue along in a muscle that
moves, and velocity estimated from the echoes of its speckle."""
