"""Discharge properties of each motor unit, by the definitions of openhdemg 0.1 (Valli et al. 2024).

openhdemg has no steady phase of its own: a person marks it. What it calls `_all` is over the whole recording, as here.
"""

from __future__ import annotations

import numpy as np

N_AT_ENDS = 4
"""Firings that the rates at recruitment and at derecruitment are of (openhdemg's default)."""

PROPERTIES = {
    # name: (unit, description, openhdemg's name)
    "n_firings": ("1", "number of firings", ""),
    "recruitment_s": ("s", "first firing", ""),
    "derecruitment_s": ("s", "last firing", ""),
    "rate_hz": ("Hz", "discharge rate: mean of the instantaneous rates", "DR_all"),
    "rate_cv_percent": ("%", "SD of the instantaneous rates over their mean", "DRvar_all"),
    "rate_recruitment_hz": ("Hz", f"discharge rate of the first {N_AT_ENDS} firings", "DR_rec"),
    "rate_derecruitment_hz": ("Hz", f"discharge rate of the last {N_AT_ENDS} firings", "DR_derec"),
    "interval_mean_ms": ("ms", "mean interval between firings", ""),
    "interval_cv_percent": ("%", "SD of the intervals over their mean", "COVisi_all"),
}
"""What `discharge_properties` gives. NaN where a unit has too few firings: rates and the mean need 2, CVs 3, the rates
at the ends N_AT_ENDS."""


def instantaneous_rates(firings_s: np.ndarray) -> np.ndarray:
    """(k - 1,) [Hz]: one over each interval of the k firings of a unit; the i-th belongs to firing i + 1."""
    with np.errstate(divide="ignore"):  # two firings at the same instant: infinite
        return 1 / np.diff(np.asarray(firings_s, np.float64))


def discharge_properties(firings: list[np.ndarray]) -> dict[str, np.ndarray]:
    """{name of PROPERTIES: float64 (n,)} of n motor units."""
    rows = [_of_unit(np.asarray(firings_s, np.float64)) for firings_s in firings]
    return {name: np.array([row[name] for row in rows], np.float64) for name in PROPERTIES}


def _of_unit(firings_s) -> dict[str, float]:
    rates_hz, intervals_ms = instantaneous_rates(firings_s), 1e3 * np.diff(firings_s)
    enough = len(firings_s) >= N_AT_ENDS
    return {
        "n_firings": len(firings_s),
        "recruitment_s": firings_s[0] if len(firings_s) else np.nan,
        "derecruitment_s": firings_s[-1] if len(firings_s) else np.nan,
        "rate_hz": _mean(rates_hz),
        "rate_cv_percent": _cv_percent(rates_hz),
        "rate_recruitment_hz": _mean(rates_hz[: N_AT_ENDS - 1]) if enough else np.nan,
        "rate_derecruitment_hz": _mean(rates_hz[1 - N_AT_ENDS :]) if enough else np.nan,
        "interval_mean_ms": _mean(intervals_ms),
        "interval_cv_percent": _cv_percent(intervals_ms),
    }


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def _cv_percent(values) -> float:
    """With the SD of a sample (n - 1). NaN of fewer than 2 values, or if one is infinite."""
    if len(values) < 2 or not np.isfinite(values).all():
        return np.nan
    return float(100 * np.std(values, ddof=1) / np.mean(values))
