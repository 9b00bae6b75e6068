"""What online training simulates: a scenario, or several in turn.

Methods take off the motion of the whole muscle before a network sees a recording, so networks are trained on what is
left of it: little, and rough. Where sequences have echoes, their speckle is of a few hundred patterns, of which each
serves many sequences: to compute a pattern takes longer than a step.
"""

from __future__ import annotations

import dataclasses

MIXTURES = ("both", "all")
"""both: paper and physiological; all: six kinds, from paper to more than `echo`."""
PATTERNS = 240
"""Speckle patterns of a training; with the four flips, four times as many."""


def mixture(name: str, changes: dict) -> list:
    """SimulationConfigs that take turns, with some fields changed."""
    from simulator import SimulationConfig

    if name in ("paper", "physiological"):
        return [SimulationConfig.scenario(name, **changes)]
    if name == "both":
        return [SimulationConfig.scenario(scenario, **changes) for scenario in ("paper", "physiological")]
    echo = _without_most_motion(SimulationConfig.scenario("echo", **changes))
    if name == "echo":
        return [echo]
    return [*mixture("both", changes), echo, _compact(echo), _shapes(echo), _extremes(echo)]


def _without_most_motion(config):
    """As after the motion has been taken off: a tenth of it, with surfaces of higher order."""
    motion = dataclasses.replace(config.motion, relative_rms=(0.0, 0.4), order=(0, 5))
    return dataclasses.replace(config, motion=motion, echo=dataclasses.replace(config.echo, patterns=PATTERNS))


def _compact(config):
    """Discs seen by echoes, nothing dragged along."""
    tissue = dataclasses.replace(
        config.tissue, axis_ratio=(1.0, 1.0), irregularity=(0.0, 0.0), gaps=(0.0, 0.0), drag_share=(0.0, 0.1)
    )
    return dataclasses.replace(config, tissue=tissue)


def _shapes(config):
    """Any shape, with white noise and no echoes."""
    tissue = dataclasses.replace(config.tissue, drag_share=(0.0, 0.3), drag_sigma_mm=(1.0, 2.5))
    return dataclasses.replace(config, tissue=tissue, motion=None, echo=None)


def _extremes(config):
    """Small and large territories, slow and fast firings, quick and slow twitches."""
    return dataclasses.replace(
        config, diameter_mm=(1.5, 18.0), firing_rate_hz=(5.0, 30.0), contraction_time_s=(0.025, 0.09)
    )
