"""Whether a recording is like those that networks and scores were made for: if not, they may not hold, and a person
should know.

FACTS are numbers of a prepared recording. Their ranges over simulated recordings of all kinds were measured by
experiments/familiar.py; what lies well outside of them is said in words.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

from muspipe.identification.windows import to_grid
from muspipe.recordings.recording import Recording

FILE = Path(__file__).parent / "familiar.json"
"""{fact: [lowest, highest]} of simulated recordings."""
LARGEST_PX, LONGEST_FRAMES = 64, 800
"""So much of a recording is looked at: from the middle of the image and of the time, on the networks' grid."""
FACTS = {
    "slow_share": "share of the motion's power below 5 Hz",
    "twitch_share": "share of the motion's power at 5-40 Hz, where twitches are",
    "fast_share": "share of the power above 80 Hz, where noise alone is",
    "common_share": "share of the power that the whole image has in common",
    "spike_sd": "largest velocities (1 in 10,000), in SDs",
    "likeness_0_6_mm": "correlation of the motion 0.6 mm apart",
    "likeness_2_5_mm": "correlation of the motion 2.5 mm apart",
    "noise_likeness_0_6_mm": "correlation of the noise 0.6 mm apart",
    "noise_likeness_2_5_mm": "correlation of the noise 2.5 mm apart",
    "strongest_share": "share of the power that is in the strongest tenth of the pixels",
}


def facts(recording: Recording) -> dict[str, float]:
    """{name: value} for each of FACTS; {} for a recording in which nothing moves."""
    from muspipe.models.base import Grid  # it loads Keras, which its methods have loaded by then

    v = to_grid(_middle(recording), Grid())
    v = v - v.mean(axis=2, keepdims=True)
    power = np.mean(v**2, axis=2)
    total = float(power.mean())
    if not total > 0:
        return {}
    few = v[::4, ::4] if v[::4, ::4].any() else v  # without noise, what moves may lie between these
    spectrum = np.mean(np.abs(np.fft.rfft(few, axis=2)) ** 2, axis=(0, 1))
    frequency = np.fft.rfftfreq(v.shape[2], 1 / Grid().frame_rate_hz)
    share = spectrum / spectrum.sum()
    smooth = v[:, :, : v.shape[2] // 10 * 10].reshape(*v.shape[:2], -1, 10).mean(axis=3)
    rough = np.diff(v, axis=2)[:, :, ::10]
    values = {
        "slow_share": share[frequency < 5].sum(),
        "twitch_share": share[(frequency >= 5) & (frequency < 40)].sum(),
        "fast_share": share[frequency >= 80].sum(),
        "common_share": np.mean(v.mean(axis=(0, 1)) ** 2) / total,
        "spike_sd": np.quantile(np.abs(v[::2, ::2]), 1 - 1e-4) / np.sqrt(total),
        "likeness_0_6_mm": _likeness(smooth, 1),
        "likeness_2_5_mm": _likeness(smooth, 4),
        "noise_likeness_0_6_mm": _likeness(rough, 1),
        "noise_likeness_2_5_mm": _likeness(rough, 4),
        "strongest_share": np.sort(power, axis=None)[-(power.size // 10) :].sum() / power.sum(),
    }
    return {name: float(value) for name, value in values.items()}


def unfamiliar(recording: Recording, ranges: dict | None = None) -> tuple[str, ...]:
    """What is to be said of a prepared recording: () or one line. ranges: others than those of the package."""
    ranges = _stored() if ranges is None else ranges
    odd = [
        f"{FACTS[name]}: {value:.3g}, there {ranges[name][0]:.2g} to {ranges[name][1]:.2g}"
        for name, value in facts(recording).items()
        if not _within(value, *ranges[name])
    ]
    if not odd:
        return ()
    return (
        f"unlike the recordings that the networks and the scores were made for, which may not hold: {'; '.join(odd)}",
    )


def _within(value, lowest, highest):
    """With a margin of a tenth of the range on both sides."""
    margin = 0.1 * (highest - lowest)
    return lowest - margin <= value <= highest + margin


def _middle(recording):
    """The middle of a recording, on which its facts are measured."""
    ratio = recording.frame_rate_hz / 400
    sizes = [round(LARGEST_PX * 0.625 / recording.pixel_mm)] * 2 + [round(LONGEST_FRAMES * ratio)]
    shape = recording.velocity.shape
    starts = [max(0, (n - size) // 2) for n, size in zip(shape, sizes, strict=True)]
    parts = tuple(slice(start, start + max(size, 1)) for start, size in zip(starts, sizes, strict=True))
    return recording.with_velocity(recording.velocity[parts])


def _likeness(maps, distance_px):
    """Correlation of maps (H, W, n) with themselves, so far apart in depth or in width, whichever is less."""
    if min(maps.shape[:2]) <= distance_px or not maps.any():
        return 0.0
    down = np.mean(maps[distance_px:] * maps[:-distance_px])
    across = np.mean(maps[:, distance_px:] * maps[:, :-distance_px])
    return min(down, across) / np.mean(maps**2)


@functools.cache
def _stored():
    return json.loads(FILE.read_text(encoding="utf-8"))
