"""Constants of scenario `echo`: tissue, motion of the whole muscle, and the echoes that a scanner sees.

Three frozen dataclasses that SimulationConfig holds, each or none. Ranges `(low, high)` are of uniform distributions,
drawn once a sequence unless a field says "of each unit". "Chosen" marks what no publication that we know states as a
number.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.shared.errors import InputError
from simulator.shared.settings import check, setting

Range = tuple[float, float]


@dataclass(frozen=True)
class TissueSettings:
    """Territories that are no discs, tissue that is dragged along, twitches that are not alike."""

    axis_ratio: Range = setting((1.0, 2.4), "long over short axis of a territory", least=1, rising=True, most=10)
    """Long over short axis of the ellipse, of each unit. Motor units of the lower leg measured 10.7 mm by 4.5 mm on
    average, most of them elliptic (magnetic resonance imaging, Birkbeck et al. 2020, Clin Neurophysiol 131:1399); 1 is
    the paper's disc."""
    irregularity: Range = setting(
        (0.0, 0.2), "SD of the outline's radius, as a share of it", least=0, rising=True, most=1
    )
    """Relative SD of the outline's radius about the ellipse, by harmonics 2 to 5 of the angle (chosen; the measured
    areas of Birkbeck et al. 2020 are 70 % of those of ellipses with their axes)."""
    gaps: Range = setting((0.0, 0.4), "share of a territory's area without fibres", least=0, most=0.9, rising=True)
    """Share of the area inside an outline that holds no fibres of the unit: territories are scattered (chosen). The
    truth is the outline."""
    gap_size_mm: float = setting(1.0, "correlation length of these gaps", unit="mm", least=0.01, most=100)
    """Correlation length [mm] of the gaps (chosen: a fascicle is about 1 mm across)."""
    drag_share: Range = setting((0.0, 0.5), "share of the response that is dragged along", least=0, most=1, rising=True)
    """Share c of the response that belongs to tissue outside: profile = (1 - c) own + c (own blurred), the latter
    scaled to the same peak. Tissue around an active unit is seen to move along passively (Heskamp et al. 2021, NMR
    Biomed, 10.1002/nbm.4466); how much and how far is not published (chosen)."""
    drag_sigma_mm: Range = setting(
        (1.0, 5.0), "how far tissue is dragged along, an SD", unit="mm", rising=True, least=0.01, most=100
    )
    """SD of that blur [mm] (chosen)."""
    amplitude_sd: Range = setting(
        (0.0, 0.3), "SD of the logarithm of a twitch's amplitude", least=0, rising=True, most=5
    )
    """SD of the natural logarithm of the amplitude from firing to firing of a unit (chosen: that successive twitches of
    a unit differ is reported, Lubel et al. 2023, IEEE TNSRE 31:3699, but no number)."""
    interaction: Range = setting(
        (0.0, 0.02), "share that each concurrent twitch takes from another", least=0, rising=True, most=1
    )
    """Each twitch of another unit that began within the last `interaction_s` makes a twitch smaller by this share:
    summation is less than linear: twitch velocities get smaller as more units are active (Lubel et al. 2023); by how
    much is chosen."""
    interaction_s: float = setting(0.1, "twitches this close in time are concurrent", unit="s", above=0, most=10)
    """Two twitches are concurrent when they begin within this time [s] (chosen: the duration of a twitch's rise and
    fall)."""
    still_mm: Range = setting(
        (0.0, 6.0), "thickness of still layers above and below the muscle", unit="mm", least=0, rising=True, most=100
    )
    """Thickness [mm] of the layer above the muscle (skin and fat; half a skinfold over biceps is 1-10 mm, de la Barrera
    & Milner 1994, Electroencephalogr Clin Neurophysiol 93:91), and of that below, which do not move; drawn for each
    (chosen). In a low image they are thinner, so that the largest territory has room."""
    still_edge_mm: float = setting(0.5, "over which motion begins at such a layer", unit="mm", least=0.01, most=100)
    """SD [mm] of the transition (chosen)."""

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class MotionSettings:
    """Motion that is no motor unit's: of the muscle as a whole, and of an artery."""

    relative_rms: Range = setting(
        (0.0, 5.0), "motion over twitches, root mean squares", least=0, rising=True, most=1000
    )
    """Root mean square of the whole muscle's velocity over that of all twitches together, over image and time."""
    order: tuple[int, int] = setting((0, 3), "order of its surface over the image", least=0, most=5, rising=True)
    """Order of the polynomial surface by which the motion varies over the image, drawn from this inclusive range
    (chosen)."""
    band_hz: Range = setting((0.3, 4.0), "its frequencies", unit="Hz", above=0, rising=True, most=1000)
    """Frequencies [Hz] of the motion (chosen: drift, tremor below the alpha band, breathing)."""
    n_waves: int = setting(8, "sinusoids of random phase that each term of the surface follows", least=1, most=1000)
    """Sinusoids that make up the motion of each term of the surface (chosen)."""
    pulse_chance: float = setting(0.3, "chance of an artery in the image", least=0, most=1)
    """Chance that a sequence has an artery in view (chosen)."""
    pulse_hz: Range = setting((0.8, 1.7), "heart rate", unit="Hz", above=0, rising=True, most=20)
    """Heart rate [Hz], 50-100 beats a minute at rest."""
    pulse_diameter_mm: Range = setting(
        (2.0, 5.0), "diameter of the pulsating disc", unit="mm", above=0, rising=True, most=100
    )
    """Diameter [mm] of the tissue that pulsates (chosen; the brachial artery is 3-5 mm wide)."""
    pulse_velocity: Range = setting(
        (0.5, 2.0), "its peak velocity, in medians of the twitches'", above=0, rising=True, most=1000
    )
    """Its peak velocity over the median peak velocity of twitches (chosen)."""

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class EchoSettings:
    """A linear array, what its echoes look like, and how velocity is estimated from them."""

    centre_frequency_mhz: float = setting(7.8, "centre frequency", unit="MHz", least=0.5, most=50)
    """Centre frequency [MHz] of the pulse (chosen: usual linear arrays have 5-10)."""
    speed_of_sound_m_s: float = setting(1540.0, "speed of sound", unit="m/s", least=1000, most=2000)
    """Speed of sound [m/s] in soft tissue."""
    axial_sd_mm: Range = setting(
        (0.10, 0.20), "SD of the pulse's envelope in depth", unit="mm", rising=True, least=0.01, most=10
    )
    """Axial SD of the point spread [mm]: pulses of two to four periods at 7.8 MHz (chosen)."""
    lateral_sd_mm: Range = setting(
        (0.25, 0.50), "SD of the point spread across, in focus", unit="mm", rising=True, least=0.01, most=10
    )
    """Lateral SD of the point spread [mm] at the focus: widths of 0.6-1.2 mm, F-numbers of 3 to 6 (chosen)."""
    focus_mm: Range = setting((10.0, 30.0), "depth of the focus", unit="mm", above=0, rising=True, most=500)
    """Depth of the focus [mm]; away from it the lateral SD grows as in a Gaussian beam."""
    focal_length_mm: float = setting(
        25.0, "distance from the focus at which the width has grown by 1.4", unit="mm", least=0.1, most=1000
    )
    """Distance from the focus [mm] at which the lateral SD is sqrt(2) times that at the focus (chosen)."""
    attenuation_db_cm_mhz: Range = setting(
        (0.0, 0.3), "attenuation, one way", unit="dB/cm/MHz", least=0, rising=True, most=10
    )
    """Attenuation that the gain makes up for, so that noise grows with depth (chosen below the 0.5-1 dB/cm/MHz of
    muscle across its fibres: apertures that grow with depth make up for a part)."""
    texture_db: float = setting(3.0, "SD of the echogenicity over the image", unit="dB", least=0, most=60)
    """SD of slow variation of the scatterers' strength [dB], over 3 mm (chosen)."""
    fasciae: tuple[int, int] = setting((0, 4), "bright lines in the image", least=0, rising=True, most=100)
    """Number of bright fasciae, from this inclusive range (chosen)."""
    fascia_db: float = setting(12.0, "their brightness", unit="dB", least=0, most=100)
    """Their power over that of the muscle [dB] (chosen)."""
    window_mm: Range = setting(
        (0.8, 1.6), "window of the velocity estimate, both ways", unit="mm", above=0, rising=True, most=20
    )
    """Axial and lateral width [mm] of the window over which the autocorrelation is summed, as a box; the sum is
    weighted by a Gaussian of the same SD."""
    renewal: Range = setting(
        (0.0, 0.002), "share of the echo's power that is renewed a frame", least=0, most=1, rising=True
    )
    """Share of the scatterers' power that is replaced from frame to frame, as tissue moves through the image's plane
    (chosen; unknown in twitches)."""
    patterns: int | None = setting(
        None, "number of different speckle patterns; none: each sequence has its own", least=1, most=1_000_000
    )
    """To train on many sequences, speckle of so many patterns serves all of them: the costly part is then computed once
    a pattern."""
    grid_mm: Range = setting(
        (0.1, 0.3), "spacing of scatterers and echo samples in depth and width", unit="mm", least=0.02, most=5
    )
    """Spacing of scatterers and of echo samples [mm], in depth and across."""

    def __post_init__(self):
        check(self)
        if self.grid_mm[0] > 1.5 * self.axial_sd_mm[0] or self.grid_mm[1] > 1.5 * self.lateral_sd_mm[0]:
            raise InputError(
                f"EchoSettings.grid_mm: expected at most 1.5 times the smallest SDs of the point spread, got "
                f"{self.grid_mm}"
            )
