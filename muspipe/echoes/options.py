"""What a person can say of echoes: how they were taken, and how their velocity is to be estimated. No NumPy: `--help`
asks here."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields

from muspipe.errors import InputError
from simulator.shared import settings
from simulator.shared.settings import setting

SPEED_OF_SOUND_M_S = 1540.0
"""Convention of scanners for soft tissue, to which their depths are scaled."""
ESTIMATORS = ("kasai", "loupas")
DIRECTIONS = {"towards": 1.0, "away": -1.0}


@dataclass(frozen=True, kw_only=True)
class Scan:
    """How echoes were taken. Each is an attribute or a variable of the file, or an option."""

    centre_frequency_hz: float = setting(
        MISSING,
        "centre frequency of the pulse, at which the echoes were demodulated",
        unit="Hz",
        least=0.5e6,
        most=50e6,
    )
    prf_hz: float = setting(MISSING, "frames a second, before any decimation", unit="Hz", least=100.0, most=100_000.0)
    pixel_mm: tuple[float, float] | float = setting(
        MISSING,
        "distance between samples in depth and in width; one number where they are alike; of RF the width is enough",
        unit="mm",
        least=1e-3,
        most=10.0,
    )
    speed_of_sound_m_s: float = setting(SPEED_OF_SOUND_M_S, "speed of sound", unit="m/s", least=1000.0, most=2000.0)
    first_depth_mm: float = setting(0.0, "depth of the first sample", unit="mm", least=0.0, most=500.0)
    carrier: str = setting(
        "removed",
        "whether the phase along the depth has been brought to 0 Hz (removed, the default) or still turns with the "
        "centre frequency (kept), as beamforming of IQ may leave it (PyMUST's dasmtx does); loupas needs to know",
        choices=("removed", "kept"),
    )
    sampling_rate_hz: float | None = setting(
        None, "samples a second along the depth, of RF only", unit="Hz", least=1e6, most=500e6
    )

    def __post_init__(self):
        for name in ("centre_frequency_hz", "prf_hz", "pixel_mm"):
            if getattr(self, name) is None:
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{name} is missing: it must be in the file, or given to muspipe velocity ({option})")
        settings.check(self)
        if self.sampling_rate_hz is not None:
            object.__setattr__(self, "pixel_mm", self._pixel_of_rf_mm())
        elif not isinstance(self.pixel_mm, tuple):
            object.__setattr__(self, "pixel_mm", (self.pixel_mm,) * 2)

    @classmethod
    def of(cls, values: dict) -> Scan:
        """From what a file and options say, {name: value}; what is missing is said in one line."""
        lacking = {field.name: None for field in fields(cls) if field.default is MISSING}
        return cls(**lacking | values)

    @property
    def fastest_mm_s(self) -> float:
        """Velocity at which the phase turns by half a cycle from frame to frame: faster tissue is aliased."""
        return 1e3 * self.speed_of_sound_m_s * self.prf_hz / (4 * self.centre_frequency_hz)

    def _pixel_of_rf_mm(self):
        depth_mm = 1e3 * self.speed_of_sound_m_s / (2 * self.sampling_rate_hz)
        if not isinstance(self.pixel_mm, tuple):
            return depth_mm, self.pixel_mm
        if abs(self.pixel_mm[0] / depth_mm - 1) > 0.02:
            raise InputError(
                f"pixel_mm: the sampling rate says {depth_mm:.4g} mm in depth, got {self.pixel_mm[0]:g} mm: one of "
                "the two is wrong"
            )
        return depth_mm, self.pixel_mm[1]


@dataclass(frozen=True)
class VelocityOptions:
    """How velocity is estimated. Windows of 1 mm hold some 2 x 2 resolution cells of a linear probe near 8 MHz, and
    leave a territory, 2-12 mm wide, its shape."""

    positive: str = setting(
        "towards",
        "direction of positive velocity: towards (default) the transducer, or away from it",
        choices=tuple(DIRECTIONS),
    )
    estimator: str = setting(
        "kasai",
        "kasai (default): phase of the lag-one autocorrelation, at the pulse's centre frequency (Kasai et al. 1985); "
        "loupas: at the echoes' own mean frequency in each window (Loupas et al. 1995)",
        choices=ESTIMATORS,
    )
    axial_window_mm: float = setting(
        1.0, "depth of the window over which echoes are summed", unit="mm", above=0, most=100
    )
    lateral_window_mm: float = setting(1.0, "width of that window", unit="mm", above=0, most=100)
    ensemble_frames: int = setting(
        2, "length of that window in frames, an even number; 2 is one pair", unit="frames", least=2, most=1000
    )
    image_pixel_mm: float = setting(
        0.625,
        "side of a (square) pixel of the velocity images; the default is that of the networks",
        unit="mm",
        least=0.01,
        most=10,
    )
    analysis_hz: float = setting(
        400.0,
        "images a second: a faster recording is decimated, by a whole number, to no less; the default is the rate of "
        "the networks",
        unit="Hz",
        least=100,
        most=100_000,
    )
    clutter_hz: float = setting(
        0.0,
        "high-pass of the echoes themselves, against reverberations that stand still; also takes off tissue that moves "
        "less than c * clutter / (2 fc), near 0.1 mm/s a hertz; 0 (default): none",
        unit="Hz",
        least=0,
        most=50_000,
    )
    drift_hz: float = setting(
        0.0,
        "high-pass of the velocity, against slow motion of the whole muscle; 0 (default): none",
        unit="Hz",
        least=0,
        most=50_000,
    )
    band_hz: tuple[float, float] | None = setting(
        None,
        "band-pass of the velocity, as 5 30 for stICA; default none",
        unit="Hz",
        above=0,
        most=50_000,
        rising=True,
    )

    def __post_init__(self):
        settings.check(self)
        if self.ensemble_frames % 2:
            raise InputError(
                f"ensemble_frames: expected an even number, so that its middle is between two frames, got "
                f"{self.ensemble_frames}"
            )
        if self.band_hz is not None and self.band_hz[0] == self.band_hz[1]:
            raise InputError(f"band_hz: expected a lower and a higher frequency, got {self.band_hz}")
