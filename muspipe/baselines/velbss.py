"""A fast separation in the spirit of velBSS.

Rohlén, Lundsberg, Malesevic & Antfolk 2023 (J. Neural Eng. 20:034001) present velBSS: a blind source separation of
velocity images into maps and trains of single units, at least 20 times as fast as stICA, whose maps and twitches are
much like those of stICA. That is what its abstract says, and all that this takes from it: the steps were not at hand.
Ours: 25 components as in stICA, uncorrelated over pixels, rotated by fixed-point ICA until the maps are as skewed as
can be (`maps.skewed_maps`), trains by projection, territories as in stICA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muspipe.baselines.components import ComponentMethod
from muspipe.baselines.maps import skewed_maps
from simulator.shared.settings import setting


@dataclass(frozen=True)
class FastVelocityBSS(ComponentMethod):
    """Settings of method `velbss`."""

    seed: int = setting(0, "of the rotation's start; the result hardly depends on it", least=0)

    def separate(self, vectors, k, recording):
        part = vectors.first(k)
        maps = skewed_maps(part.left.astype(np.float32), np.random.default_rng(self.seed))
        return maps, part.right * part.values @ (part.left.T @ maps) / np.sum(maps * maps, axis=0)
