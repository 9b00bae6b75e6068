"""The choices of ablation.py: what Ali et al. 2020 leave open, what is taken here, and what else could be meant.

Each `Choice` has the value that is taken, in words, and `Variant`s. A variant changes the data (the simulation, its
noise), a method (its settings, its network) or the metric; all else stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from muspipe.evaluation.metrics import IOU_THRESHOLD, TOLERANCE_S
from simulator import MuscleSequence, SimulationConfig

SNR_DB = 10.0
TRAINED = "trained"
"""In a variant's `network`: a network of its own, with these anchors, after a short training."""
UNITS = (25, 5)
METHODS = {
    "ica": ("ica", {}),
    "stica": ("stica", {}),
    "compact": ("deep", {"segmentation": "seg-compact"}),
    "deep": ("deep", {}),
}
"""Label: (method, settings). compact is the Mask R-CNN."""
PAPER = SimulationConfig.scenario("paper")

Noise = Callable[[MuscleSequence, np.ndarray], float]
"""(sequence, its clean velocity (H, W, T)) -> SD of the noise."""


@dataclass(frozen=True)
class Judge:
    """How the found units are held against the true ones."""

    least_iou: float = IOU_THRESHOLD
    tolerance_s: float = TOLERANCE_S
    rule: str = "paper"
    reference: str = "train"
    """True firings: of the true twitch `train`, by the same rule; the `peaks` of velocity that the true discharges
    make; or the `discharges` themselves, about 27 ms before."""
    missed: bool = False
    """Whether a true unit that was not found counts as one with a rate of agreement of 0."""


@dataclass(frozen=True)
class Variant:
    """Another reading of a choice."""

    title: str
    config: dict = field(default_factory=dict)
    noise: Noise | None = None
    methods: dict = field(default_factory=dict)
    """Label: (method, settings), of the methods that it concerns; {} stands for all as they are."""
    network: dict = field(default_factory=dict)
    """Changes of the preset of seg-compact, whose weights stay, or {TRAINED: options}."""
    judge: Judge | None = None


@dataclass(frozen=True)
class Choice:
    """Something that the paper leaves open."""

    title: str
    taken: str
    variants: dict[str, Variant]
    against: str | None = None
    """The variant that stands for what is taken; None: everything as it is."""


def whole(sequence, velocity):
    """SD of noise of SNR_DB against the mean power over all pixels and frames, as taken here."""
    return np.sqrt(np.mean(velocity**2) / 10 ** (SNR_DB / 10))


def in_territories(sequence, velocity):
    """Against the mean power of the pixels that lie in any territory."""
    return np.sqrt(np.mean(velocity[sequence.territories.any(axis=0)] ** 2) / 10 ** (SNR_DB / 10))


def of_one_unit(sequence, velocity):
    """Against the mean power of a unit's train in its own territory, mean over units."""
    return np.sqrt(np.mean(sequence.twitch_trains**2) / 10 ** (SNR_DB / 10))


def of_peak(sequence, velocity):
    """Against the largest velocity: 20 log10(peak / SD)."""
    return np.abs(velocity).max() / 10 ** (SNR_DB / 20)


def of_amplitudes(sequence, velocity):
    """Of RMS values in place of powers: 10 log10(RMS / SD)."""
    return np.sqrt(np.mean(velocity**2)) / 10 ** (SNR_DB / 10)


def _data(title, **config):
    return Variant(title, config=config)


def _stica(title, **settings):
    return Variant(title, methods={"stica": ("stica", settings)})


def _compact(title, **settings):
    return Variant(title, methods={"compact": ("deep", {"segmentation": "seg-compact"} | settings)})


def _network(title, **options):
    changes = {f"mask_rcnn.{name}": value for name, value in options.items()}
    return Variant(title, methods={"compact": METHODS["compact"]}, network=changes)


def _trained(title, options):
    return Variant(title, methods={"compact": METHODS["compact"]}, network={TRAINED: options})


def _judged(title, **changes):
    return Variant(title, judge=Judge(**changes))


CHOICES = {
    "amplitude": Choice(
        "amplitudes of the units' twitches",
        "uniform 0.5-1.5",
        {
            "equal": _data("all equal", peak_velocity=(1.0, 1.0)),
            "wide": _data("uniform 0.1-1.9", peak_velocity=(0.1, 1.9)),
            "lognormal-0.5": _data("lognormal, sigma 0.5", peak_velocity=(1.0, 0.5), peak_velocity_lognormal=True),
            "lognormal-1": _data("lognormal, sigma 1", peak_velocity=(1.0, 1.0), peak_velocity_lognormal=True),
        },
    ),
    "waveform": Choice(
        "waveform of the twitch",
        "one for each unit, contraction times 40-60 ms",
        {
            "one": _data("one for all, 50 ms", contraction_time_s=(0.05, 0.05), half_relaxation_ratio=(0.62, 0.62)),
            "fast": _data("27-40 ms", contraction_time_s=(0.04 / 1.5, 0.04)),
            "slow": _data("80-120 ms", contraction_time_s=(0.08, 0.12), twitch_support_s=0.8, lead_in_s=1.0),
        },
    ),
    "delay": Choice(
        "onset delay over a territory",
        "none",
        {
            "5-ms": _data("up to 5 ms either way", delay_span_s=0.005),
            "10-ms": _data("up to 10 ms either way", delay_span_s=0.010),
        },
    ),
    "profile": Choice(
        "response inside a territory",
        "flat",
        {
            "soft": _data("falls to 0.3 at the rim", plateau_fraction=0.7, edge_level=0.3),
            "blurred": _data("the same, blurred 0.7 px", plateau_fraction=0.7, edge_level=0.3, blur_sigma_px=0.7),
            "hill": _data("a hill: falls from the centre to 0.05", plateau_fraction=0.05, edge_level=0.05),
        },
    ),
    "place": Choice(
        "place of a territory",
        "wholly in the image",
        {"cut": _data("the edge may cut it", territory_placement="cut")},
    ),
    "intervals": Choice(
        "N(0, 0.2/FR) of the intervals",
        "0.2/FR is the SD",
        {"variance": _data("the variance", interval_sd=1.45)},  # sqrt(0.2 / FR) * FR at the middle rate, 10.5 Hz
    ),
    "shared": Choice(
        "shared firings",
        "0-10 %, jitter 1.5 ms",
        {"exact": _data("10 %, no jitter", synchronisation=(0.1, 0.1), synchronisation_jitter_s=0.0)},
    ),
    "noise": Choice(
        "SNR of 10 dB",
        "against the power of all pixels and frames",
        {
            "territories": Variant("against the power in territories", noise=in_territories),
            "unit": Variant("against the power of one unit", noise=of_one_unit),
            "peak": Variant("against the largest velocity", noise=of_peak),
            "amplitudes": Variant("10 log10 of RMS values", noise=of_amplitudes),
        },
    ),
    "anchors": Choice(
        "anchors of the Mask R-CNN, each trained briefly",
        "5 squares a level, from 4 px",
        {
            "own": _trained("those of preset compact", {}),
            "territory-sized": _trained("3 ratios, 6-96 px: territory-sized", {"anchors": "territory-sized"}),
            "matterport-ratio": _trained(
                "3 ratios, 16-256 px: Matterport's size by stride", {"anchors": "matterport-ratio"}
            ),
            "matterport-default": _trained("3 ratios, 32-512 px: Matterport's", {"anchors": "matterport-default"}),
        },
        against="own",
    ),
    "nms": Choice(
        "NMS of the Mask R-CNN",
        "0.8 of proposals, 0.6 of detections",
        {
            "detections-0.3": _network("0.3 of detections (Matterport)", DETECTION_NMS_THRESHOLD=0.3),
            "detections-0.8": _network("0.8 of detections", DETECTION_NMS_THRESHOLD=0.8),
            "matterport": _network(
                "0.7 of proposals, 0.3 of detections (Matterport)", RPN_NMS_THRESHOLD=0.7, DETECTION_NMS_THRESHOLD=0.3
            ),
        },
    ),
    "mask-level": Choice(
        "where a mask begins",
        "0.3",
        {"0.5": _compact("0.5 (Matterport)", mask_level=0.5), "0.15": _compact("0.15", mask_level=0.15)},
    ),
    "components": Choice(
        "components of stICA",
        "25",
        {"15": _stica("15", n_components=15), "50": _stica("50", n_components=50)},
    ),
    "space": Choice(
        "stICA: weight of space against time",
        "0.8",
        {
            "0": _stica("0: time alone", alpha=0.0),
            "0.2": _stica("0.2", alpha=0.2),
            "0.3": _stica("0.3", alpha=0.3),
            "0.5": _stica("0.5", alpha=0.5),
            "1": _stica("1: space alone", alpha=1.0),
        },
    ),
    "threshold": Choice(
        "threshold of stICA's maps",
        "3 SDs",
        {
            "2": _stica("2 SDs", threshold_z=2.0),
            "4": _stica("4 SDs", threshold_z=4.0),
            "5": _stica("5 SDs", threshold_z=5.0),
        },
    ),
    "iou": Choice(
        "IoU from which a unit is found",
        "0.5",
        {
            "0.3": _judged("0.3", least_iou=0.3),
            "0.7": _judged("0.7", least_iou=0.7),
            "0.9": _judged("0.9", least_iou=0.9),
        },
    ),
    "window": Choice(
        "two firings agree within",
        "15 ms",
        {
            "5-ms": _judged("5 ms", tolerance_s=0.005),
            "10-ms": _judged("10 ms", tolerance_s=0.010),
            "30-ms": _judged("30 ms", tolerance_s=0.030),
        },
    ),
    "rule": Choice(
        "rule of firings",
        "every positive maximum of the running mean",
        {"discharges": _judged("the train deconvolved with its twitch", rule="discharges")},
    ),
    "reference": Choice(
        "true firings",
        "those of the true train, by the same rule",
        {
            "peaks": _judged("peaks that the true discharges make", reference="peaks"),
            "discharges": _judged("the true discharges, 27 ms earlier", reference="discharges"),
        },
    ),
    "missed": Choice(
        "RoA of a unit that was not found",
        "left out of the mean",
        {"zero": _judged("0", missed=True)},
    ),
}
