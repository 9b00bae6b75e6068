"""stJADE and stSOBI: one rotation of maps and trains that makes statistics of both as diagonal as can be.

Theis, Gruber, Keck, Meyer-Bäse & Lang 2005 (EUSIPCO) separate in space and time at once by joint diagonalisation of
matrices of both, weighted by alpha. Rohlén et al. 2022 (BMC Research Notes 15:207) use two kinds of matrices for motor
units in ultrafast ultrasound: fourth-order cumulants (stJADE) and 12 symmetrised autocovariances, of images along both
axes (stSOBI), with alpha 0 (time), 0.5 and 1 (space). Cumulants are those of Cardoso & Souloumiac 1993 (IEE
Proceedings F 140:362), autocovariances those of Belouchrani et al. 1997 (IEEE Trans. Signal Process. 45:434).

Ours: the velocity's singular values go to maps and trains by alpha, U S^(1-alpha) and V S^alpha, so that the rotation
leaves uncorrelated what counts alone; each side's matrices have together the norm alpha or 1 - alpha, squared; which
12 autocovariances.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from muspipe.baselines.components import ComponentMethod
from muspipe.baselines.diagonalisation import joint_rotation
from simulator.shared.settings import setting

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (1, 2), (1, -2), (2, 1), (2, -1), (2, 2), (2, -2))
"""Of the images [px]: the 12 shortest, of which one is not the other backwards."""
LAGS = tuple(range(1, 13))
"""Of the trains [frames]."""


@dataclass(frozen=True)
class JointDiagonalisation(ComponentMethod):
    """What stJADE and stSOBI share."""

    alpha: float = setting(1.0, "weight of the matrices of space; the rest is that of those of time", least=0, most=1)

    @abstractmethod
    def of_space(self, maps: np.ndarray, image_shape) -> np.ndarray:
        """float64 (n, k, k): what is to be diagonal of maps (P, k), each of mean zero."""

    @abstractmethod
    def of_time(self, trains: np.ndarray) -> np.ndarray:
        """float64 (m, k, k): the same of trains (T, k), each of mean zero."""

    def separate(self, vectors, k, recording):
        part = vectors.first(k)
        maps, trains = part.left * part.values ** (1 - self.alpha), part.right * part.values**self.alpha
        matrices = []
        if self.alpha > 0:
            matrices.append(self.alpha * _of_norm_one(self.of_space(maps, part.image_shape)))
        if self.alpha < 1:
            matrices.append((1 - self.alpha) * _of_norm_one(self.of_time(trains - trains.mean(axis=0))))
        rotation = joint_rotation(np.concatenate(matrices))
        return maps @ rotation, trains @ rotation


@dataclass(frozen=True)
class SpatioTemporalJADE(JointDiagonalisation):
    """Settings of method `stjade`."""

    def of_space(self, maps, image_shape):
        return cumulants(maps)

    def of_time(self, trains):
        return cumulants(trains)


@dataclass(frozen=True)
class SpatioTemporalSOBI(JointDiagonalisation):
    """Settings of method `stsobi`."""

    def of_space(self, maps, image_shape):
        images = maps.reshape(*image_shape, -1)
        return np.array([_symmetric(*_shifted(images, dy, dx)) for dy, dx in SHIFTS])

    def of_time(self, trains):
        return np.array([_symmetric(trains[lag:], trains[:-lag]) for lag in LAGS if lag < len(trains)])


def cumulants(samples: np.ndarray) -> np.ndarray:
    """(n, k, k), n = k (k + 1) / 2: the fourth-order cumulants of samples (N, k) of mean zero, as matrices of two of
    the four indices for each pair of the others. A pair of two different ones stands for both its orders."""
    n_samples, k = samples.shape
    first, second = np.triu_indices(k)
    pairs = samples[:, first] * samples[:, second]
    moments = np.zeros((len(first), k, k))
    moments[:, first, second] = moments[:, second, first] = pairs.T @ pairs / n_samples
    covariance = samples.T @ samples / n_samples
    one, other = covariance[first], covariance[second]
    crossed = one[:, :, None] * other[:, None, :]
    gaussian = covariance[first, second][:, None, None] * covariance + crossed + crossed.transpose(0, 2, 1)
    return (moments - gaussian) * np.where(first == second, 1.0, np.sqrt(2))[:, None, None]


def _shifted(images, dy, dx):
    """The overlap of images (H, W, k) with themselves moved by (dy, dx), dy >= 0, as two of (N, k)."""
    height, width, k = images.shape
    left, right = slice(max(0, dx), width + min(0, dx)), slice(max(0, -dx), width - max(0, dx))
    return images[dy:, left].reshape(-1, k), images[: height - dy, right].reshape(-1, k)


def _symmetric(one, other):
    covariance = one.T @ other / len(one)
    return (covariance + covariance.T) / 2


def _of_norm_one(matrices):
    return matrices / (np.linalg.norm(matrices) + 1e-300)
