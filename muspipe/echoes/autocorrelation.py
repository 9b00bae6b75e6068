"""Velocity from the phase of echoes: the lag-one autocorrelation over windows (Kasai et al. 1985, IEEE Trans. Sonics
Ultrason. 32:458), and its two-dimensional form, which measures the mean frequency too (Loupas et al. 1995, IEEE Trans.
Ultrason. Ferroelectr. Freq. Control 42:672).

Sums over windows travel as channels, float32 (n, channels, h, w): the real and imaginary part of the autocorrelation
over a frame, the power, and for Loupas the real and imaginary part of the autocorrelation over a sample in depth.
"""

from __future__ import annotations

import numpy as np

from muspipe.echoes.options import Scan
from muspipe.echoes.windows import Windows


def window_sums(blocks, windows: Windows, with_depth: bool):
    """Channels of every pair of neighbouring frames, in blocks. blocks: complex64 (n, H, W), the frames in turn;
    with_depth: whether Loupas needs its channels."""
    last = None
    for block in blocks:
        frames = block if last is None else np.concatenate([last, block])
        last = block[-1:]
        if len(frames) > 1:
            yield _channels(frames, windows, with_depth)


def _channels(frames, windows, with_depth):
    """float32 (n - 1, channels, h, w) of n frames."""
    conjugates = frames.conj()
    over_time = windows.sums(frames[1:] * conjugates[:-1])
    power = windows.real_sums(frames.real**2 + frames.imag**2)
    channels = [over_time.real, over_time.imag, (power[1:] + power[:-1]) / 2]
    if with_depth:
        over_depth = windows.sums(frames[:, 1:] * conjugates[:, :-1])
        over_depth = over_depth[1:] + over_depth[:-1]
        channels += [over_depth.real, over_depth.imag]
    return np.stack(channels, axis=1)


def turns_of(channels: np.ndarray) -> np.ndarray:
    """Phase from frame to frame, float32 (n, h, w), [rad] within -pi to pi; positive towards the transducer."""
    return np.arctan2(channels[:, 1], channels[:, 0])


def velocity_of(channels: np.ndarray, scan: Scan) -> np.ndarray:
    """Velocity towards the transducer, float32 (n, h, w) [mm/s]: c PRF / (4 pi fc) times the phase from frame to frame.
    Without the channels of depth fc is the pulse's centre frequency."""
    velocity = np.float32(scan.fastest_mm_s / np.pi) * turns_of(channels)
    if channels.shape[1] > 3:
        velocity /= _frequency_ratio(channels, scan)
    return velocity


def _frequency_ratio(channels, scan):
    """Mean frequency of the echoes over the pulse's: a sample in depth is 2 dz / c of time. Noise alone has any
    frequency: half and one and a half are the limits."""
    between_samples_s = 2e-3 * scan.pixel_mm[0] / scan.speed_of_sound_m_s
    turn = np.arctan2(channels[:, 4], channels[:, 3])
    if scan.carrier == "kept":
        turn -= np.float32(2 * np.pi * scan.centre_frequency_hz * between_samples_s % (2 * np.pi))
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
    offset_hz = turn / (2 * np.pi * between_samples_s)
    return np.clip(1 + offset_hz / scan.centre_frequency_hz, 0.5, 1.5)
