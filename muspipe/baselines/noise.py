"""The noise of a recording, measured where no twitch is: its size in every pixel, how far it is correlated over the
image and over time, and how large the components are that it makes by chance.

Twitches are slow: above 60 Hz they hold less than 1e-4 of their power. What moves above 80 Hz is noise, so that band
shows the noise's variance in each pixel (speckle makes it uneven) and its spectrum over the image (a window in which
velocity is estimated blurs it). Over time, noise is white, or the difference of successive white images, as velocity
from phase differences is, or something in between: the sum of both that fits the band above 80 Hz is carried on to the
band below 60 Hz, in which units are sought. Nothing of them is lost by that, and most of the noise is.

Shapes: velocity (P, T), P = H W pixels, T frames; coefficients (P, n) of the band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct, dctn, idct
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize_scalar, nnls
from scipy.special import polygamma

from muspipe.leastsquares import signal_weights
from muspipe.territories import flat

SIGNAL_BELOW_HZ, NOISE_ABOVE_HZ = 60.0, 80.0
"""In both scenarios of the simulator twitches have 1e-4.1 of their power above the first, 1e-4.7 above the second."""
NOISE_SHARE = 0.75
"""At low frame rates the signal's band ends, and the noise's begins, at this share of half the frame rate."""
SAMPLES = 2000
"""The spectrum over the image is smoothed until a value is the mean of this many samples: within 3 %."""
HALF = 0.5
"""Noise is made white over the image by this exponent of its spectrum. 1 would be whole; but where a blur leaves hardly
any noise, that blows up what no model of the units explains."""
TRACY_WIDOM = 3.27
"""Once in 1000 times the largest component of noise lies further above the edge, in units of its scale there
(Tracy-Widom law of order 1)."""
MARGIN = 0.02
"""The edge is raised by this and by 2 / (samples of a pixel), as the noise's covariance is itself an estimate."""
CAUTION = 1.5
"""Pixels count as uneven as far as their variances differ by more than so many times what chance makes of even ones:
those of blurred noise spread more, or less, than independent ones."""


@dataclass(frozen=True)
class Noise:
    """Noise of a recording: independent from one coefficient to the next, and over the image a field of this spectrum
    times `sd`."""

    sd: np.ndarray
    """float32 (H, W), SD of each pixel's noise in a coefficient; its mean square is 1"""
    spectrum: np.ndarray
    """float32 (H, W), power of the noise over `sd` at the frequencies of the 2-D cosine transform; its mean is 1"""
    into_band: np.ndarray
    """float32 (T, n): velocity @ into_band is what the velocity holds below 60 Hz, as coefficients"""
    edge: float
    """Squared singular values of `evened` coefficients above this are signal; noise alone has one in 1 of 1000."""

    def evened(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients (P, n) as (P, n) frequencies of the image, noise of variance `spectrum ** (1 - HALF)`."""
        images = (coefficients / self.sd.reshape(-1, 1)).reshape(*self.sd.shape, -1)
        divisor = self.spectrum ** np.float32(HALF / 2)
        return (dctn(images, axes=(0, 1), norm="ortho") / divisor[..., None]).reshape(coefficients.shape)

    def variance_of(self, weights: np.ndarray) -> np.ndarray:
        """(m,) variances of the noise in the sums of the pixels with weights (m, P), in a coefficient."""
        images = (weights * self.sd.ravel()).reshape(-1, *self.sd.shape)
        return np.sum(dctn(images, axes=(1, 2), norm="ortho") ** 2 * self.spectrum, axis=(1, 2), dtype=np.float64)


def power_over_noise(noise: Noise, territories: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """(n,) how far each of the territories bool (n, H, W) stands out of the noise of a velocity (P, T): the power below
    60 Hz of its least-squares signal over that which noise alone would give it, 1."""
    if not len(territories):
        return np.zeros(0)
    weights = signal_weights(flat(territories), slice(None))
    coefficients = (weights @ velocity) @ noise.into_band
    return np.mean(coefficients**2, axis=1, dtype=np.float64) / np.maximum(noise.variance_of(weights), 1e-30)


def measure_noise(velocity: np.ndarray, image_shape, frame_rate_hz: float, snr_ceiling_db: float) -> Noise:
    """The noise of a velocity (P, T).

    snr_ceiling_db: white noise this far below the mean power is always taken to be there, or the small change that a
    delay makes within a territory would count as signal without end.
    """
    n_frames = velocity.shape[1]
    step_hz = frame_rate_hz / 2 / n_frames
    ends_hz = [min(limit_hz, NOISE_SHARE * frame_rate_hz / 2) for limit_hz in (SIGNAL_BELOW_HZ, NOISE_ABOVE_HZ)]
    n_band, first = (int(np.ceil(end_hz / step_hz)) for end_hz in ends_hz)
    noisy = dct(velocity, axis=1, norm="ortho")[:, first:]
    variances = _variances(noisy)
    images = (noisy / np.sqrt(variances, dtype=np.float32)[:, None]).reshape(*image_shape, -1)
    spectrum, powers = _over_image_and_time(images)
    floor = max(float(np.mean(velocity**2, dtype=np.float64)) * 10 ** (-snr_ceiling_db / 10), 1e-30)
    powers *= np.mean(noisy**2, dtype=np.float64)
    into_band, share = _whitening_over_time(powers, n_frames, n_band, floor)
    sd = np.sqrt(share * variances + 1 - share).astype(np.float32)
    spectrum = (share * spectrum + 1 - share).astype(np.float32)
    edge = largest_eigenvalue(spectrum.ravel() ** (1 - HALF), n_band, TRACY_WIDOM)
    return Noise(sd.reshape(image_shape), spectrum, into_band, (1 + MARGIN + 2 / images.shape[2]) * edge)


def largest_eigenvalue(variances: np.ndarray, n: int, scales: float = 0.0) -> float:
    """Where the eigenvalues of Y'Y end, Y (P, n) independent Gaussian numbers with the variances (P,) of their rows; so
    many scales of its fluctuation above that.

    El Karoui 2007 (Annals of Probability 35:663); equal variances s^2 give s^2 (sqrt P + sqrt n)^2.
    """
    variances = np.asarray(variances, np.float64)
    largest = variances.max()

    def end(inverse):
        return 1 / inverse + np.sum(variances / (1 - variances * inverse)) / n

    # the sum falls, then rises without end towards 1 / largest
    inverse = (
        minimize_scalar(
            lambda u: end(u / largest), bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-9}
        ).x
        / largest
    )
    ratio = variances * inverse / (1 - variances * inverse)
    scale = np.cbrt(1 + np.sum(ratio**3) / n) / inverse
    return float(n * end(inverse) + scales * np.cbrt(n) * scale)


def _whitening_over_time(powers, n_frames, n_band, floor):
    """(matrix float32 (T, n) into the band, share of the noise there that was measured rather than added).

    powers: mean over the pixels of the squared coefficients of the noise's band, the last ones of n_frames.
    """
    white, differenced = _white_and_differenced(powers, n_frames)
    cosines = idct(np.eye(n_frames, n_band), axis=0, norm="ortho")  # (T, n), orthonormal columns
    ends = cosines[[0, -1]]
    # the covariance of differences would be diagonal here, if the first and the last had half the variance
    difference = np.diag((2 * np.sin(np.pi * np.arange(n_band) / 2 / n_frames)) ** 2) + ends.T @ ends
    covariance = (white + floor) * np.eye(n_band) + differenced * difference
    measured = 1 - floor * n_band / np.trace(covariance)
    return np.linalg.solve(np.linalg.cholesky(covariance), cosines.T).T.astype(np.float32), measured


def _white_and_differenced(powers, n_frames, rounds: int = 3):
    """Variances (a, b) of white noise and of noise whose difference is taken, from the powers of the last coefficients
    of n_frames: least squares relative to the fit, in the lower half of the band.

    b is 0 unless it is 6 times as large as its error: then no noise is expected where there may be some.
    """
    first = n_frames - len(powers)
    near = np.arange(first, first + max(2, min(first, len(powers))))
    angle, powers = np.pi * near / 2 / n_frames, powers[: len(near)]
    design = np.stack([np.ones(len(near)), (2 * np.sin(angle)) ** 2 + 4 / n_frames * np.cos(angle) ** 2], axis=1)
    fit = np.full(len(near), max(powers.mean(), 1e-30))
    for _ in range(rounds):
        relative = design / fit[:, None]
        parts, misfit = nnls(relative, powers / fit)
        error = misfit * np.sqrt(np.linalg.inv(relative.T @ relative)[1, 1] / max(1, len(near) - 2))
        fit = np.maximum(design @ parts, 1e-30)
    return parts if parts[1] > 6 * error else (powers.mean(), 0.0)


def _variances(noisy):
    """(P,) relative variance of each pixel's noise (P, m), mean 1: drawn together as far as chance explains their
    spread."""
    variances = np.mean(noisy**2, axis=1, dtype=np.float64)
    variances = np.maximum(variances, 1e-6 * variances.mean() + 1e-30)
    logs = np.log(variances)
    by_chance = CAUTION * polygamma(1, noisy.shape[1] / 2)  # variance of the log of a mean of m squares
    true_share = max(0.0, 1 - by_chance / max(logs.var(), 1e-30))
    even = np.exp(true_share * (logs - logs.mean()))
    return even / even.mean()


def _over_image_and_time(images):
    """(power (H, W) over the frequencies of the images (H, W, m); mean power (m,) of each image, in which all
    frequencies count that have noise); the means of both are 1."""
    squares = dctn(images, axes=(0, 1), norm="ortho", overwrite_x=True)
    squares *= squares
    spectrum = np.mean(squares, axis=2, dtype=np.float64)
    spectrum = gaussian_filter(spectrum, np.sqrt(SAMPLES / images.shape[2] / (4 * np.pi)), mode="nearest")
    spectrum /= max(spectrum.mean(), 1e-30)
    powers = np.tensordot(1 / (spectrum + 0.01), squares, 2)
    return spectrum, powers / max(powers.mean(), 1e-30)
