"""Joint diagonalisation finds the rotation that was put in, and the separations by it the sources of a mixture."""

import numpy as np
import pytest

from muspipe.baselines.diagonalisation import joint_rotation
from muspipe.baselines.spatiotemporal import LAGS, SHIFTS, SpatioTemporalJADE, SpatioTemporalSOBI, cumulants


def rotation_of(k, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


def best_cosines(found, true):
    """(k,): of each true column with the found one that is most like it."""
    found, true = (a / np.linalg.norm(a, axis=0) for a in (found, true))
    return np.abs(true.T @ found).max(axis=1)


def test_two_matrices_on_paper():
    """[[2, 1], [1, 2]] has its axes at 45 degrees, whatever the second matrix with the same axes."""
    found = joint_rotation(np.array([[[2.0, 1.0], [1.0, 2.0]], [[0.0, 3.0], [3.0, 0.0]]]))
    np.testing.assert_allclose(np.abs(found), np.full((2, 2), np.sqrt(0.5)), atol=1e-6)


@pytest.mark.parametrize(("k", "n"), [(1, 3), (3, 1), (6, 20)])
def test_the_common_axes_are_found(k, n):
    true, rng = rotation_of(k, 1), np.random.default_rng(2)
    matrices = np.array([true @ np.diag(rng.standard_normal(k)) @ true.T for _ in range(n)])
    found = joint_rotation(matrices, tolerance=1e-8)
    np.testing.assert_allclose(found.T @ found, np.eye(k), atol=1e-12)
    np.testing.assert_allclose(best_cosines(found, true), 1, atol=1e-9)


def test_axes_that_noise_blurs_are_met_on_average():
    """No matrix alone has the axes; the first one's own are far off, those of all together are near."""
    true, rng = rotation_of(5, 3), np.random.default_rng(4)
    noise = rng.standard_normal((200, 5, 5))
    matrices = np.array([true @ np.diag(rng.standard_normal(5)) @ true.T for _ in noise])
    matrices += 0.3 * (noise + noise.transpose(0, 2, 1))
    together, alone = (best_cosines(joint_rotation(m), true).min() for m in (matrices, matrices[:1]))
    assert together > 0.99 > 0.95 > alone


def test_cumulants_of_independent_sources_are_those_of_each():
    """Uniform on [-1, 1] has the fourth cumulant 1/5 - 3/9 = -2/15, a normal number none."""
    rng = np.random.default_rng(5)
    samples = np.stack([rng.uniform(-1, 1, 200_000), rng.standard_normal(200_000)], axis=1)
    found = cumulants(samples)
    assert found.shape == (3, 2, 2)
    expected = np.zeros((3, 2, 2))
    expected[0, 0, 0] = -2 / 15
    np.testing.assert_allclose(found, expected, atol=0.05)
    np.testing.assert_allclose(found[0, 0, 0], -2 / 15, atol=0.002)


def test_cumulants_turn_with_their_samples():
    rng, turn = np.random.default_rng(6), rotation_of(3, 7)
    samples = rng.exponential(size=(500, 3))
    samples -= samples.mean(axis=0)
    before, after = np.sum(cumulants(samples) ** 2), np.sum(cumulants(samples @ turn) ** 2)
    assert after == pytest.approx(before, rel=1e-9)  # the whole tensor's norm, whatever the axes


def mixture(kind, seed=8, k=4):
    """(sources (N, k), the same turned, N): of unit power; alike in all that a rotation of them leaves as it is."""
    rng = np.random.default_rng(seed)
    if kind == "skewed":
        sources = rng.exponential(size=(4096, k))
    else:  # numbers that are alike over 1, 2, 4 and 8 samples
        sources = np.stack(
            [np.convolve(rng.standard_normal(4200), np.ones(2**i), "same")[:4096] for i in range(k)], axis=1
        )
    sources -= sources.mean(axis=0)
    left, _, right = np.linalg.svd(sources, full_matrices=False)
    white = left @ right * 64
    return white, white @ rotation_of(k, seed + 1)


def test_jade_separates_what_is_not_normal():
    sources, mixed = mixture("skewed")
    rotation = joint_rotation(SpatioTemporalJADE().of_time(mixed))
    assert best_cosines(mixed @ rotation, sources).min() > 0.99


def test_sobi_separates_normal_sources_of_other_spectra():
    sources, mixed = mixture("smooth")
    rotation = joint_rotation(SpatioTemporalSOBI().of_time(mixed))
    assert best_cosines(mixed @ rotation, sources).min() > 0.99
    by_cumulants = joint_rotation(SpatioTemporalJADE().of_time(mixed))
    assert best_cosines(mixed @ by_cumulants, sources).min() < 0.95


def test_sobi_of_images_takes_both_axes():
    """Stripes down, stripes across and both, as images of 64 x 64."""
    rng = np.random.default_rng(9)
    down, across = np.repeat(rng.standard_normal((1, 64)), 64, 0), np.repeat(rng.standard_normal((64, 1)), 64, 1)
    images = np.stack([down, across, rng.standard_normal((64, 64))], axis=-1).reshape(-1, 3)
    images -= images.mean(axis=0)
    left, _, right = np.linalg.svd(images, full_matrices=False)
    sources = left @ right * 64
    mixed = sources @ rotation_of(3, 10)
    rotation = joint_rotation(SpatioTemporalSOBI().of_space(mixed, (64, 64)))
    assert best_cosines(mixed @ rotation, sources).min() > 0.99


def test_shifted_covariance_on_paper():
    """An image that is 1 in one pixel only, and one that is 1 one pixel to the right of it: alike at the shift (0, 1),
    in one order, so that half of it is left when both orders are taken."""
    images = np.zeros((4, 5, 2))
    images[1, 2, 0] = images[1, 3, 1] = 1
    found = SpatioTemporalSOBI().of_space(images.reshape(-1, 2), (4, 5))
    expected = np.zeros((len(SHIFTS), 2, 2))
    expected[0, 0, 1] = expected[0, 1, 0] = 0.5 / 16
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_there_are_twelve_of_each():
    backwards = {(-dy, -dx) for dy, dx in SHIFTS}
    assert len(SHIFTS) == len(set(SHIFTS)) == len(LAGS) == 12 and not backwards & set(SHIFTS)
