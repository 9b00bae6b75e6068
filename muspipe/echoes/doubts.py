"""What makes the velocity of echoes doubtful: no phase, axes in another order, aliasing, noise."""

from __future__ import annotations

import numpy as np

from muspipe.echoes.echoes import Echoes
from muspipe.echoes.options import Scan
from muspipe.errors import InputError

NEAR_LIMIT = 0.8
"""Of the aliasing limit: from here on a velocity counts as near it."""
COHERENT = 0.5
"""Coherence above which a window has an echo: below, noise has at least the echo's power."""
FIRST_FRAMES = 64


def refuse_odd_start(echoes: Echoes) -> None:
    """InputError where the first frames show what cannot be IQ: no imaginary part, no echo, another order of axes."""
    first = echoes.read(0, min(FIRST_FRAMES, echoes.n_frames))
    if not first.any():
        raise InputError(f"echoes: the first {len(first)} frames are 0 everywhere: expected IQ or RF")
    if not first.imag.any():
        raise InputError(
            "echoes: the imaginary part is 0 everywhere, so they have no phase: expected IQ before the envelope is "
            "taken, or RF as real numbers with its sampling_rate_hz (--sampling-rate-hz)"
        )
    if (first == first[0]).all():
        raise InputError(f"echoes: the first {len(first)} frames are all alike: expected a moving muscle")
    if not echoes.checked_axes:
        _refuse_odd_axes(np.abs(first))


def _refuse_odd_axes(envelope):
    """Speckle stands still over time and changes over a resolution cell in space: neighbours are most alike along time,
    however noisy they are."""
    alike = [_likeness(envelope, axis) for axis in range(3)]
    if alike[0] < 0.85 * max(alike[1:]):
        likely = "depth" if alike[1] > alike[2] else "width"
        raise InputError(
            f"echoes: neighbouring frames are less alike ({alike[0]:.2f}) than neighbours in {likely} "
            f"({max(alike[1:]):.2f}), so that the axes seem to be in another order: say which by axes (--axes THW, or "
            "--axes HWT if depth, width, time is right)"
        )


def _likeness(envelope, axis):
    """Correlation of neighbours along an axis of the envelope (T, H, W)."""
    here, there = (np.take(envelope, range(s, envelope.shape[axis] - 1 + s), axis).ravel() for s in (0, 1))
    here, there = here - here.mean(dtype=np.float64), there - there.mean(dtype=np.float64)
    power = np.sqrt((here @ here) * (there @ there))
    return float(here @ there / power) if power > 0 else 1.0


class Tally:
    """What is counted while velocity is estimated."""

    def __init__(self, scan: Scan):
        self.scan = scan
        self._coherent, self._power = 0.0, 0.0  # (H, W)
        self._n_near, self._n = 0, 0

    def add(self, channels, turns):
        """channels: sums over windows (n, channels, h, w); turns: their phases from frame to frame (n, h, w) [rad]."""
        coherent, power = np.hypot(channels[:, 0], channels[:, 1]), channels[:, 2]
        self._coherent = self._coherent + coherent.sum(axis=0, dtype=np.float64)
        self._power = self._power + power.sum(axis=0, dtype=np.float64)
        sure = coherent > COHERENT * power
        self._n += int(np.count_nonzero(sure))
        self._n_near += int(np.count_nonzero(sure & (np.abs(turns) > NEAR_LIMIT * np.pi)))

    def quality(self) -> np.ndarray:
        """float32 (H, W), 0-1; 0 where there is no echo at all."""
        ratio = np.divide(self._coherent, self._power, out=np.zeros_like(self._power), where=self._power > 0)
        return np.clip(ratio, 0, 1).astype(np.float32)

    def silent(self) -> np.ndarray:
        """bool (H, W): where there is no echo at all."""
        return self._power == 0

    def near_limit_share(self) -> float:
        return self._n_near / self._n if self._n else 0.0

    def warnings(self) -> tuple[str, ...]:
        """In plain words, a line each."""
        found, share, quality = [], self.near_limit_share(), self.quality()
        if share > 1e-4:
            found.append(
                f"{100 * share:.2g} % of the velocities are near the aliasing limit of {self.scan.fastest_mm_s:.3g} "
                f"mm/s ({self.scan.prf_hz:g} Hz at {self.scan.centre_frequency_hz / 1e6:.3g} MHz): faster tissue seems "
                "to move the other way; record at a higher frame rate"
            )
        silent = float(self.silent().mean())
        if silent:
            found.append(f"{100 * silent:.2g} % of the pixels have no echo and are left out (NaN)")
        noisy = float(((quality < COHERENT) & ~self.silent()).mean())
        if noisy > 0.1:
            found.append(
                f"in {100 * noisy:.2g} % of the pixels neighbouring frames are hardly alike (coherence below "
                f"{COHERENT:g}): noise, or a frame rate too low for the motion"
            )
        return tuple(found)
