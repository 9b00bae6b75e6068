"""Spatio-temporal ICA as published for motor units in ultrafast ultrasound.

The algorithm is Stone, Porrill, Porter & Wilkinson 2002 (NeuroImage 15:407); Rohlén et al. 2020 and 2022 (BMC Research
Notes 15:207) apply it with 25 components and threshold the maps. It is here for comparison: it does not
estimate how many units there are.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from muspipe.baselines.components import ComponentMethod
from muspipe.progress import tell
from simulator.shared.settings import setting


@dataclass(frozen=True)
class SpatioTemporalICA(ComponentMethod):
    """Settings of method `stica`."""

    alpha: float = setting(0.8, "weight of independence over space; the rest is that over time", least=0, most=1)
    """Of 0.2, 0.5, 0.8 and 1.0 the one that found most units in simulated sequences; Rohlén et al. 2022 too find
    spatial independence the more useful."""
    skew: float = setting(
        3.0, "the assumed density falls this much faster below its mode than above it", above=0, most=1000
    )
    """Maps of territories are skewed."""
    iterations: int = setting(200, "rounds of the optimisation at most", least=1, most=100_000)

    def separate(self, vectors, k, recording):
        """maps @ trains.T is the velocity in k singular vectors; as independent as alpha weighs space and time."""
        part = vectors.first(k)
        space, time = part.left * np.sqrt(part.values), part.right * np.sqrt(part.values)
        space_rms, time_rms = np.sqrt(np.mean(space**2)), np.sqrt(np.mean(time**2))
        space, time = space / space_rms, time / time_rms
        start = np.concatenate([np.eye(k).ravel(), np.zeros(k)])
        rounds = itertools.count()
        best = minimize(
            self._cost,
            start,
            args=(space, time),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.iterations},
            callback=lambda _: tell(next(rounds), self.iterations, "round", most=True),
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
