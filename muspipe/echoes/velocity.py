"""From echoes to velocity images: a block of frames at a time, whatever their number.

>>> with open_echoes("iq.h5") as echoes:
...     measured = measure(echoes, VelocityOptions(estimator="loupas"))
>>> measured.recording, measured.findings.quality, measured.findings.warnings
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from muspipe.echoes.autocorrelation import turns_of, velocity_of, window_sums
from muspipe.echoes.bmode import bmode_of
from muspipe.echoes.doubts import Tally, refuse_odd_start
from muspipe.echoes.echoes import Echoes
from muspipe.echoes.filters import decimation_taps, filter_velocity, without_clutter
from muspipe.echoes.options import DIRECTIONS, VelocityOptions
from muspipe.echoes.streams import convolved
from muspipe.echoes.windows import Windows, image_shape
from muspipe.recordings.recording import Recording
from muspipe.recordings.stored import StoredVelocity
from simulator.shared.threads import one_blas_thread

BLOCK_BYTES = 4 << 20
"""Of echoes worked on at a time: they stay in the processor's cache."""
UNIT = "mm/s"


@dataclass(frozen=True, eq=False)
class Plan:
    """What will come of echoes, known before any are read."""

    echoes: Echoes
    options: VelocityOptions

    @property
    def factor(self) -> int:
        """Velocities of which one image is made."""
        return max(1, int(self.echoes.scan.prf_hz / self.options.analysis_hz + 1e-9))

    @property
    def frame_rate_hz(self) -> float:
        return self.echoes.scan.prf_hz / self.factor

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, T) of the velocity images."""
        image = image_shape(self.echoes.frame_shape, self.echoes.scan.pixel_mm, self.options.image_pixel_mm)
        return *image, -(-(self.echoes.n_frames - 1) // self.factor)

    @property
    def first_image_s(self) -> float:
        """Instant of the first image: between the first two frames."""
        return 0.5 / self.echoes.scan.prf_hz


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known of the velocity besides its values."""

    quality: np.ndarray
    """float32 (H, W), 0-1: coherence, the share of the echoes' power that is alike from frame to frame"""
    near_limit_share: float
    """Of the samples with an echo, those near the aliasing limit."""
    bmode: np.ndarray
    """uint8 (h, w): see `Recording.bmode`"""
    warnings: tuple[str, ...]


def measure_into(velocity, plan: Plan, progress: Callable[[int], object] = lambda n_frames: None) -> Findings:
    """Fill velocity, float32 (H, W, T) of the plan's shape: an array or a data set of a file. progress: called with
    the number of frames done since the last call."""
    echoes, options, scan = plan.echoes, plan.options, plan.echoes.scan
    windows = Windows.of(echoes.frame_shape, scan.pixel_mm, options)
    tally = Tally(scan)

    def velocities(blocks):
        for channels in blocks:
            tally.add(channels, turns_of(channels))
            yield np.float32(DIRECTIONS[options.positive]) * velocity_of(channels, scan)

    with one_blas_thread():  # the same last digits everywhere
        bmode = bmode_of(echoes, options.image_pixel_mm)
        sums = window_sums(_frames(echoes, options, progress), windows, options.estimator == "loupas")
        sums = convolved(sums, np.ones(options.ensemble_frames - 1))
        done = 0
        for images in convolved(velocities(sums), decimation_taps(plan.factor), plan.factor):
            velocity[:, :, done : done + len(images)] = images.transpose(1, 2, 0)
            done += len(images)
    filter_velocity(velocity, plan.frame_rate_hz, options.drift_hz, options.band_hz)
    _mask(velocity, tally.silent())
    return Findings(tally.quality(), tally.near_limit_share(), bmode, tally.warnings())


def _mask(velocity, silent):
    """NaN in every image where there is no echo: a recording takes that as outside."""
    for row in np.flatnonzero(silent.any(axis=1)):
        images = velocity[row]
        images[silent[row]] = np.nan
        velocity[row] = images


def _frames(echoes, options, progress):
    """The frames in blocks of complex64 (n, H, W)."""
    n = max(1, BLOCK_BYTES // (8 * echoes.frame_shape[0] * echoes.frame_shape[1]))

    def read():
        for start in range(0, echoes.n_frames, n):
            stop = min(start + n, echoes.n_frames)
            yield echoes.read(start, stop)
            progress(stop - start)

    refuse_odd_start(echoes)
    return without_clutter(read(), options.clutter_hz, echoes.scan.prf_hz) if options.clutter_hz else read()


@dataclass(frozen=True, eq=False)
class Measured:
    """Velocity as a recording, with what is known of it."""

    recording: Recording
    findings: Findings


def measure(
    echoes: Echoes, options: VelocityOptions | None = None, progress=lambda n_frames: None, whole: bool = True
) -> Measured:
    """Velocity of echoes as a recording that every method takes. whole: in memory; False: in a temporary file, so that
    memory does not grow with the recording. InputError for echoes that cannot be used."""
    plan = Plan(echoes, options or VelocityOptions())
    velocity = np.empty(plan.shape, np.float32) if whole else StoredVelocity.temporary(plan.shape)
    findings = measure_into(velocity if whole else velocity.dataset, plan, progress)
    recording = Recording(
        velocity,
        frame_rate_hz=plan.frame_rate_hz,
        pixel_mm=plan.options.image_pixel_mm,
        velocity_unit=UNIT,
        source_name=echoes.source_name,
        source_sha256=echoes.source_sha256,
        bmode=findings.bmode,
    )
    return Measured(recording, findings)
