"""Spatio-temporal ICA as published for motor units in ultrafast ultrasound.

The algorithm is Stone, Porrill, Porter & Wilkinson 2002 (NeuroImage 15:407); Rohlén et al. 2020 and 2022 (BMC Research
Notes 15:207) apply it with 25 components and threshold the maps. It is here for comparison: it does not
estimate how many units there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from muspipe.baselines.shapes import connected_shape
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits
from simulator.shared.settings import check, setting
from simulator.shared.threads import one_blas_thread


@dataclass(frozen=True)
class SpatioTemporalICA:
    """Settings of method `stica`."""

    n_components: int = setting(
        25, "singular vectors kept, and components sought (Rohlén et al. 2022: 25)", least=1, most=500
    )
    alpha: float = setting(0.8, "weight of independence over space; the rest is that over time", least=0, most=1)
    """Of 0.2, 0.5, 0.8 and 1.0 the one that found most units in simulated sequences; Rohlén et al. 2022 too find
    spatial independence the more useful."""
    threshold_z: float = setting(3.0, "a territory is where a map exceeds this many of its SDs", above=0, most=1000)
    smallest_area_px: int = setting(8, "smaller territories are dropped", unit="px", least=1, most=1_000_000)
    """A disc of 2 mm has 8 pixels at 0.625 mm/px."""
    skew: float = setting(
        3.0, "the assumed density falls this much faster below its mode than above it", above=0, most=1000
    )
    """Maps of territories are skewed."""
    iterations: int = setting(200, "rounds of the optimisation at most", least=1, most=100_000)

    def __post_init__(self):
        check(self)

    def networks(self) -> dict[str, str]:
        return {}

    @one_blas_thread()
    def find(self, recording: Recording) -> MotorUnits:
        """At most n_components motor units of a recording."""
        velocity = recording.velocity
        image_shape = velocity.shape[:2]
        x = velocity.reshape(-1, velocity.shape[2]).astype(np.float64)
        left, values, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
        k = min(self.n_components, int(np.count_nonzero(values > 1e-6 * values[0])))
        if k == 0:  # every frame is one value all over
            return MotorUnits.none(recording)
        scale = np.sqrt(values[:k])
        maps, trains = self._separate(left[:, :k] * scale, right[:k].T * scale)
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

    def _separate(self, space: np.ndarray, time: np.ndarray):
        """Maps (P, k) and trains (T, k), maps @ trains.T = space @ time.T, as independent as alpha weighs them."""
        k = space.shape[1]
        space_rms, time_rms = np.sqrt(np.mean(space**2)), np.sqrt(np.mean(time**2))
        space, time = space / space_rms, time / time_rms
        start = np.concatenate([np.eye(k).ravel(), np.zeros(k)])
        best = minimize(
            self._cost, start, args=(space, time), jac=True, method="L-BFGS-B", options={"maxiter": self.iterations}
        )
        mixing = best.x[: k * k].reshape(k, k)
        return space_rms * (space @ mixing), time_rms * (time @ np.linalg.inv(mixing).T)

    def _cost(self, parameters, space, time):
        """Negative weighted log likelihood of the unmixed maps and trains, and its gradient.

        parameters: W (k, k) of the maps `space @ W`, and the logarithms of the k scales of the trains
        `time @ inv(W).T`, which the maps leave free.
        """
        k = space.shape[1]
        w, log_scale = parameters[: k * k].reshape(k, k), parameters[k * k :]
        inverse = np.linalg.inv(w).T
        log_det = np.linalg.slogdet(w)[1]
        maps, trains = space @ w, (time @ inverse) * np.exp(log_scale)
        value_space, slope_space = self._log_density(maps)
        value_time, slope_time = self._log_density(trains)
        likelihood = self.alpha * (log_det + value_space) + (1 - self.alpha) * (log_scale.sum() - log_det + value_time)
        by_inverse = time.T @ (slope_time * np.exp(log_scale)) / len(time)
        by_w = self.alpha * (inverse + space.T @ slope_space / len(space)) + (1 - self.alpha) * (
            -inverse - inverse @ by_inverse.T @ inverse
        )
        by_scale = (1 - self.alpha) * (1 + np.mean(slope_time * trains, axis=0))
        return -likelihood, -np.concatenate([by_w.ravel(), by_scale])

    def _log_density(self, y):
        """Mean over samples, summed over components, of log p(y), and its derivative.

        log p = -((s + 1) sqrt(y^2 + 1) - (s - 1) y) / 2: slope -1 far above zero, s far below; s = skew.
        """
        root = np.sqrt(y * y + 1)
        value = -0.5 * ((self.skew + 1) * root - (self.skew - 1) * y)
        return value.mean(axis=0).sum(), -0.5 * ((self.skew + 1) * y / root - (self.skew - 1))
