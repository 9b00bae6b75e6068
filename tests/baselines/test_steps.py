"""The steps of the tuned separation, each on data where the answer is known."""

import numpy as np
import pytest
from scipy.fft import idct

from muspipe.baselines import fitting, linking, shapes
from muspipe.baselines.maps import SparseSettings, signal_subspace, skewed_maps, smooth_motion, sparse_maps
from muspipe.baselines.noise import measure_noise
from muspipe.leastsquares import fit_signals
from muspipe.territories import flat
from simulator import SimulationConfig, simulate


def noise(n_pixels, n_frames, sd=1.0, seed=0):
    return (sd * np.random.default_rng(seed).standard_normal((n_pixels, n_frames))).astype(np.float32)


def disc(row, column, radius, side=32):
    y, x = np.ogrid[:side, :side]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def trains(n, seed=1):
    return simulate(SimulationConfig.scenario("paper", n_units=n, synchronisation=(0.0, 0.0)), seed).twitch_trains


def mixture(rng, image_shape, n_frames, scales=(1,) * 6):
    """(P, T): random maps times random sums of sines below 40 Hz at 400 Hz, one for each scale."""
    maps = rng.standard_normal((np.prod(image_shape), len(scales))) * scales
    cosines = idct(np.eye(n_frames, n_frames // 5), axis=0, norm="ortho")
    return maps @ rng.standard_normal((len(scales), cosines.shape[1])) @ cosines.T


def subspace(velocity, image_shape, max_components=100, snr_ceiling_db=40.0):
    velocity = velocity.astype(np.float32)
    return signal_subspace(velocity, measure_noise(velocity, image_shape, 400.0, snr_ceiling_db), max_components)


@pytest.mark.parametrize(
    "image_shape, n_frames", [((32, 32), 400), ((16, 16), 400), ((50, 30), 1400), ((40, 40), 5000)]
)
def test_rank_of_a_known_mixture(image_shape, n_frames):
    """The last one is decomposed only as far as needed."""
    signal = mixture(np.random.default_rng(2), image_shape, n_frames)
    found = subspace(signal + noise(len(signal), n_frames, 0.5), image_shape)
    assert found.rank == 6
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(6), atol=1e-3)
    cosines = np.linalg.svd(np.linalg.qr(signal)[0][:, :6].T @ found.basis)[1]
    assert cosines.min() > 0.98


def test_noise_floor_bounds_the_rank_of_clean_data():
    scales = 10.0 ** -np.arange(8)  # each direction 20 dB below the one before
    assert subspace(mixture(np.random.default_rng(3), (30, 30), 300, scales), (30, 30)).rank < 5


def test_noise_sd_of_a_map():
    """The map U w of mixture + noise deviates from the clean one by the predicted SD, twice that in half the pixels."""
    rng = np.random.default_rng(4)
    signal = mixture(rng, (40, 50), 500, (1, 1, 1))
    uneven = np.where(np.arange(2000) % 50 < 25, 1.0, 2.0)
    found = subspace(signal + uneven[:, None] * noise(2000, 500, 1.0), (40, 50))
    weights = np.array([1.0, -2.0, 0.5])
    image = found.basis @ weights
    left, _, _ = np.linalg.svd(signal, full_matrices=False)
    residual = image - left[:, :3] @ (left[:, :3].T @ image)
    for level in (1.0, 2.0):
        expected = np.sqrt(np.mean(found.noise_sd(weights)[uneven == level] ** 2))
        assert np.std(residual[uneven == level]) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("n_units, moves, expected", [(25, False, 0), (5, True, 2), (25, True, 2)])
def test_motion_is_told_from_units(n_units, moves, expected):
    velocity = simulate(SimulationConfig.scenario("paper", n_units=n_units), 1).render(20)
    if moves:  # a drift and, in another rhythm, a rotation's part along x: two maps
        time = np.arange(400)
        velocity = velocity + np.sin(time / 60) + np.linspace(-1, 1, 64)[:, None, None] * np.cos(time / 40)
    space = subspace(velocity.reshape(-1, 400), (64, 64), snr_ceiling_db=30.0)
    found = smooth_motion(space, (64, 64))
    assert found.shape == (4096, expected)
    if moves:
        plane = np.stack([np.ones((64, 64)), np.linspace(-1, 1, 64)[:, None] * np.ones(64)]).reshape(2, -1)
        left = plane - (plane @ found) @ found.T
        assert np.linalg.norm(left) < 0.1 * np.linalg.norm(plane)


def test_rotation_separates_disjoint_patches():
    maps = np.stack([disc(8, 8, 4), disc(22, 20, 5), disc(8, 24, 3)]).reshape(3, -1).T.astype(np.float32)
    mixed, _ = np.linalg.qr(maps @ np.random.default_rng(5).standard_normal((3, 3)))
    got = skewed_maps(mixed.astype(np.float32), np.random.default_rng(0))
    match = np.abs(np.corrcoef(got.T, maps.T)[:3, 3:])
    assert (match.max(axis=1) > 0.99).all() and set(match.argmax(axis=1)) == {0, 1, 2}
    assert ((got**3).sum(axis=0) > 0).all()


def test_sparse_maps_undo_overlap():
    """Two discs that share half their area: uncorrelated maps cannot be right, the sparse ones are."""
    true = np.stack([disc(15, 12, 6), disc(15, 18, 6)])
    velocity = true.reshape(2, -1).T.astype(np.float32) @ trains(2) + noise(1024, 400, 0.05)
    space, rng = subspace(velocity, (32, 32)), np.random.default_rng(0)
    maps, cores = sparse_maps(space, (32, 32), (8, 300), SparseSettings(), rng)
    assert len(cores) == 2
    order = [int((core & ~true[0]).sum() > (core & ~true[1]).sum()) for core in cores]
    assert sorted(order) == [0, 1]
    for image, core, k in zip(maps.T, cores, order, strict=True):
        np.testing.assert_array_equal(core, true[k])
        assert np.median(image[core.ravel()]) == pytest.approx(1, abs=1e-5)
        assert abs(image[~true[k].ravel()].mean()) < 0.02


def test_shapes():
    image = np.zeros((20, 20))
    image[5:10, 5:10] = 1.0
    image[7, 7] = 0.0  # a hole
    image[15:17, 15:17] = 1.0  # a smaller patch
    above = image > 0.5
    large = shapes.connected_shape(above, above)
    assert large.sum() == 25 and large[7, 7]
    assert shapes.connected_shape(above, image[::-1, ::-1] > 2).sum() == 25  # near nothing: the largest
    assert shapes.connected_shape(above, shapes.dilate(above[None] & (np.arange(20) > 12))[0]).sum() == 4
    assert shapes.plateau(np.array([[1.0, 2.0, 3.0, 4.0]]), np.ones((1, 4), bool)) == 3.5
    assert shapes.plateau(image, np.zeros((20, 20), bool)) == 0


def test_a_bright_shape_is_bright_above_the_rest():
    image = 10.0 + disc(15, 15, 5)
    np.testing.assert_array_equal(shapes.bright_shape(image, 0.5, 20), disc(15, 15, 5))


def test_solidity():
    assert shapes.solidity(disc(15, 15, 8)) > 0.93
    assert shapes.solidity(np.ones((4, 6), bool)) == 1
    crescent = disc(15, 15, 8) & ~disc(15, 20, 8)
    assert shapes.solidity(crescent) < 0.75
    assert shapes.solidity(np.eye(1, 5, dtype=bool)) == 1  # one pixel


def test_shifted_copies_are_alike_and_other_units_are_not():
    a, b = trains(2)
    shifted = np.roll(a, 3)
    difference = np.roll(a, 2) - a
    got = linking.lagged_similarity(np.stack([a, shifted, difference, b]), 4)
    assert got[0, 1] > 0.99 and got[0, 2] > 0.9 and got[0, 3] < 0.4
    np.testing.assert_allclose(got, got.T)


def test_only_touching_patches_are_linked():
    similar = np.array([[1, 0.9, 0.9], [0.9, 1, 0.9], [0.9, 0.9, 1]])
    patches = np.stack([disc(10, 8, 3), disc(10, 14, 3), disc(25, 25, 3)])
    group = linking.link_patches(patches, similar, 0.55)
    assert group[0] == group[1] != group[2]
    assert len(set(linking.link_patches(patches, np.eye(3), 0.55))) == 3
    assert linking.link_patches(patches[:1], np.ones((1, 1)), 0.55).tolist() == [0]


def test_main_source_of_two_halves():
    a, _ = trains(2)
    left, right = disc(15, 13, 5) & (np.arange(32) < 13), disc(15, 13, 5) & (np.arange(32) >= 13)
    maps = np.stack([left, right]).reshape(2, -1).T.astype(np.float32)
    image, signal = linking.main_source(maps, np.stack([np.roll(a, 1), np.roll(a, -1)]))
    assert np.corrcoef(signal, a)[0, 1] > 0.98
    np.testing.assert_array_equal(image.reshape(32, 32) > 0.5 * image.max(), left | right)


def test_nested_units_get_their_shapes_back():
    """Found as 'B without A' and A, whose signal is then the sum of both."""
    b, a = trains(2, seed=6)
    b, a = b / b.std(), a / a.std()
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.2
    outer, inner = disc(15, 15, 8), disc(15, 19, 4)
    velocity = outer.reshape(-1, 1) * b + inner.reshape(-1, 1) * a
    wrong = np.stack([outer & ~inner, inner])
    maps = wrong.reshape(2, -1).T.astype(np.float32)
    got_maps, got, signals = linking.mend_nested(velocity, maps, wrong, 300, 0.25, 0.03)
    np.testing.assert_array_equal(got, np.stack([outer, inner]))
    np.testing.assert_allclose(got_maps[:, 0], outer.ravel())
    np.testing.assert_allclose(signals, np.stack([b, a]), atol=0.01)


def test_neighbours_are_not_mended():
    a, b = trains(2)
    pair = np.stack([disc(15, 10, 5), disc(15, 21, 5)])
    velocity = pair[0].reshape(-1, 1) * a + pair[1].reshape(-1, 1) * b
    _, got, _ = linking.mend_nested(velocity, pair.reshape(2, -1).T.astype(np.float32), pair, 300, 0.25, 0.03)
    np.testing.assert_array_equal(got, pair)


def test_what_would_be_too_large_is_not_mended():
    """The outer disc has 197 pixels."""
    b, a = (train / train.std() for train in trains(2, seed=6))
    outer, inner = disc(15, 15, 8), disc(15, 19, 4)
    assert outer.sum() == 197
    velocity = outer.reshape(-1, 1) * b + inner.reshape(-1, 1) * a
    wrong = np.stack([outer & ~inner, inner])
    for most_px, mended in ((197, True), (196, False)):
        _, got, _ = linking.mend_nested(velocity, flat(wrong).T, wrong, most_px, 0.25, 0.03)
        np.testing.assert_array_equal(got[0], outer if mended else wrong[0])


def test_a_part_that_moves_less_is_not_mended():
    """0.4 of the outer signal and a little of its own: taken from it, -0.6 are left, which are as much the outer's."""
    b, a = (train / train.std() for train in trains(2, seed=6))
    outer, inner = disc(15, 15, 8), disc(15, 19, 4)
    velocity = (outer & ~inner).reshape(-1, 1) * b + inner.reshape(-1, 1) * (0.4 * b + 0.1 * a)
    wrong = np.stack([outer & ~inner, inner])
    _, got, _ = linking.mend_nested(velocity, flat(wrong).T, wrong, 300, 0.25, 0.03)
    np.testing.assert_array_equal(got, wrong)


def test_copies_are_merged():
    a, b = trains(2)
    units = np.stack([disc(15, 12, 5), disc(15, 15, 5), disc(15, 13, 5)])
    signals = np.stack([a, 3 * np.roll(a, 1), b])
    kept, merged = linking.merge_copies(signals, units, linking.lagged_similarity(signals, 4), 0.6, 0.3)
    assert kept.tolist() == [1, 2]  # the copy with more energy stands for both
    np.testing.assert_array_equal(merged, np.stack([units[0] | units[1], units[2]]))


def test_of_copies_the_one_with_most_energy_stays_and_those_apart_are_none():
    """A third of the amplitude on 12 times the area: more energy by 12 / 9."""
    signals = np.stack([np.ones(9), 3 * np.ones(9), np.ones(9)])
    units = np.zeros((3, 32, 32), bool)
    units[0, :12, :10], units[1, :1, :10], units[2, 20:, :10] = True, True, True
    kept, merged = linking.merge_copies(signals, units, np.ones((3, 3)), 0.6, 0.3)
    assert kept.tolist() == [0, 2]
    np.testing.assert_array_equal(merged, units[[0, 2]])


def test_of_copies_anywhere_only_the_best_stays():
    similarity = np.array([[1, 0.2, 0.95, 0.1], [0.2, 1, 0.3, 0.1], [0.95, 0.3, 1, 0.92], [0.1, 0.1, 0.92, 1]])
    assert linking.first_of_copies(similarity, 0.9).tolist() == [True, True, False, True]
    assert linking.first_of_copies(np.zeros((0, 0)), 0.9).shape == (0,)


def test_share_of_the_power_above_10_hz():
    """Waves of 3 and 30 Hz, the second half as large: a fifth of the power; the mean does not count."""
    time_s = np.arange(400) / 400
    slow, quick = (np.cos(np.pi * 2 * hz * time_s) for hz in (3, 30))
    got = linking.quick_share(np.stack([slow + 5, quick, slow + 0.5 * quick]), 400.0)
    np.testing.assert_allclose(got, [0, 1, 0.2], atol=0.01)


def test_signals_of_known_maps_and_maps_of_known_signals():
    masks = np.stack([disc(15, 12, 6), disc(15, 18, 6)]).reshape(2, -1).astype(np.float32)
    signals = trains(2)
    velocity = masks.T @ signals
    np.testing.assert_allclose(fit_signals(masks, velocity), signals, atol=2e-3)
    fitted = fitting.fit_maps(signals, velocity) / np.linalg.norm(signals, axis=1, keepdims=True)
    np.testing.assert_allclose(fitted, masks, atol=5e-3)


def test_alternation_repairs_shapes_and_keeps_the_velocity_unit():
    masks = np.stack([disc(15, 10, 5), disc(15, 19, 5)])
    signals = 2.5 * trains(2)
    velocity = masks.reshape(2, -1).T.astype(np.float32) @ signals + noise(1024, 400, 0.1)
    start = np.stack([disc(15, 10, 4), disc(16, 19, 6)])
    first = fit_signals(flat(start), velocity)
    got, found = fitting.alternate(velocity, first, start, np.zeros(2, bool), 0.3, 2)
    np.testing.assert_array_equal(found, masks)
    np.testing.assert_allclose(got, signals, atol=0.15)


def test_delayed_units_keep_their_whole_territory():
    """Onset delays of +-5 ms: the slope's map takes up the delay, the first map stays the response."""
    config = SimulationConfig.scenario("physiological", n_units=1, diameter_mm=(9.0, 10.0), blur_sigma_px=0.0)
    sequence = simulate(config, 3)
    velocity = sequence.render(20).reshape(-1, 400)
    half = sequence.territories & (np.arange(64) < sequence.centres_mm[0, 1] / 0.625)
    _, found = fitting.alternate(velocity, sequence.twitch_trains, half, np.ones(1, bool), 0.25, 1)
    common = (found & sequence.territories).sum()
    assert common / (found | sequence.territories).sum() > 0.95


def test_imprint_of_a_nested_unit_is_taken_off():
    """The outer map is 0.4 lower where the inner one is; a unit that sticks out, or a smooth profile, is left alone."""
    y, x = np.mgrid[:32, :32] / 32
    outer, inner, beside = disc(15, 15, 9), disc(15, 18, 4), disc(15, 24, 4)
    profile = outer * (1 - 0.5 * ((y - 0.5) ** 2 + (x - 0.5) ** 2))
    shapes_ = np.stack([outer, inner, beside])
    maps = np.stack([profile - 0.4 * inner, inner, beside]).reshape(3, -1).astype(np.float32)
    got = fitting.without_nested(maps, shapes_)
    np.testing.assert_allclose(got[0], profile.ravel(), atol=1e-5)
    np.testing.assert_array_equal(got[1:], maps[1:])


def test_nested_units_keep_their_own_signals():
    """A start in which the inner unit's signal holds half of the outer one's: the fit alone would keep it."""
    b, a = trains(2, seed=6)
    pair = np.stack([disc(15, 15, 9), disc(15, 18, 4)])
    velocity = pair.reshape(2, -1).T.astype(np.float32) @ np.stack([b, a])
    signals, _ = fitting.alternate(velocity, np.stack([b, a + 0.5 * b]), pair, np.zeros(2, bool), 0.3, 1)
    np.testing.assert_allclose(signals, np.stack([b, a]), atol=0.02)
