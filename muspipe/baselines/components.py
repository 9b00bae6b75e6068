"""What the published separations into components share: singular vectors before, thresholded maps after.

Rohlén et al. 2020 and 2022 (BMC Research Notes 15:207) separate a velocity into 25 components, each a map times a
train, and threshold the maps. None of these methods estimates how many units there are.

Shapes: P pixels, T frames, k components; maps (P, k), trains (T, k).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from muspipe.baselines.shapes import connected_shape
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class SingularVectors:
    """Of a velocity without each frame's mean over the image: left @ diag(values) @ right.T."""

    left: np.ndarray
    """(P, r), each of mean zero"""
    values: np.ndarray
    """(r,), falling, none of them nothing"""
    right: np.ndarray
    """(T, r)"""
    image_shape: tuple[int, int]

    @staticmethod
    def of(recording: Recording) -> SingularVectors:
        x = recording.velocity.reshape(-1, recording.n_frames).astype(np.float64)
        left, values, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
        rank = int(np.count_nonzero(values > 1e-6 * values[0]))
        return SingularVectors(left[:, :rank], values[:rank], right[:rank].T, recording.image_shape)

    def first(self, k: int) -> SingularVectors:
        return SingularVectors(self.left[:, :k], self.values[:k], self.right[:, :k], self.image_shape)


@dataclass(frozen=True)
class ComponentMethod(ABC):
    """A separation into components: settings that all of them have, and `find`."""

    n_components: int = setting(
        25, "singular vectors kept, and components sought (Rohlén et al. 2022: 25)", least=1, most=500
    )
    threshold_z: float = setting(3.0, "a territory is where a map exceeds this many of its SDs", above=0, most=1000)
    smallest_area_px: int = setting(8, "smaller territories are dropped", unit="px", least=1, most=1_000_000)
    """A disc of 2 mm has 8 pixels at 0.625 mm/px."""

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def separate(self, vectors: SingularVectors, k: int, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """k maps and k trains; vectors: at least k of them."""

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """At most n_components motor units of a recording."""
        vectors = SingularVectors.of(recording)
        k = min(self.n_components, len(vectors.values))
        if k == 0:  # every frame is one value all over
            return MotorUnits.none(recording)
        return self._units(recording, *self.separate(vectors, k, recording))

    def _units(self, recording, maps, trains):
        """Territories where maps stand out, best first; trains as large as the velocity there."""
        image_shape = recording.image_shape
        z = (maps - maps.mean(axis=0)) / (maps.std(axis=0) + 1e-12)
        sign = np.where((z**3).mean(axis=0) < 0, -1, 1)
        above = [(image > self.threshold_z).reshape(image_shape) for image in (z * sign).T]
        shapes = np.array([connected_shape(shape, shape) for shape in above]).reshape(-1, *image_shape)
        peaks = (z * sign).max(axis=0)
        scores = np.clip(1 - self.threshold_z / np.maximum(peaks, self.threshold_z), 0, 1).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        order = order[shapes[order].sum(axis=(1, 2)) >= self.smallest_area_px]
        amplitude = np.array([(maps[:, i] * sign[i])[shapes[i].ravel()].mean() for i in order])
        trains = ((trains * sign).T[order] * amplitude[:, None]).astype(np.float32)
        return MotorUnits.of(recording, shapes[order], trains, scores[order])
