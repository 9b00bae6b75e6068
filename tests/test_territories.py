"""Masks that a person can count."""

import numpy as np
import pytest

from muspipe.territories import centroid, discs, distinct, first_of, flat, iou, overlap, ray_lengths, stars


def mask(*columns, height=1, width=10):
    out = np.zeros((height, width), bool)
    out[:, list(columns)] = True
    return out


def test_iou_and_overlap_of_every_pair():
    a, b = np.array([mask(0, 1, 2, 3), mask()]), np.array([mask(2, 3, 4, 5, 6, 7), mask(), mask(1)])
    assert iou(a, b).tolist() == [[2 / 8, 0, 1 / 4], [0, 0, 0]]  # 2 shared of 8
    assert overlap(a, b).tolist() == [[2 / 4, 0, 1 / 1], [0, 0, 0]]
    np.testing.assert_array_equal(iou(flat(a), flat(b)), iou(a, b))
    none = np.zeros((0, 1, 10), bool)
    assert iou(none, b).shape == overlap(none, b).shape == (0, 3) and flat(none).shape == (0, 10)


def test_large_masks_are_counted_exactly():
    whole = np.ones((1, 1000, 1000), bool)
    part = whole.copy()
    part[0, 0, 0] = False
    assert iou(whole, part)[0, 0] == 999_999 / 1_000_000


def test_distinct_keeps_the_better_of_two():
    masks = np.array([mask(0, 1, 2, 3), mask(0, 1, 2), mask(), mask(2, 3), mask(0, 1, 2, 3, 4, 5)])
    # IoU with the first: 3/4, none, 2/4, 4/6
    assert distinct(masks, 0.7) == [0, 3, 4]
    assert distinct(masks, 0.75) == [0, 1, 3, 4]  # not above
    assert distinct(masks, 0.4) == [0]
    assert distinct(masks[:0], 0.5) == []


def test_a_mask_that_was_dropped_drops_no_other():
    masks = np.array([mask(0, 1, 2, 3), mask(2, 3, 4, 5), mask(4, 5, 6, 7)])  # neighbours share 2 of 6
    assert distinct(masks, 0.3) == [0, 2]


def test_first_of_those_that_are_the_same():
    same = np.eye(4, dtype=bool)
    same[0, 2] = same[2, 0] = same[2, 3] = same[3, 2] = True
    assert first_of(same) == [0, 1, 3]  # the third is the first again, and so cannot drop the fourth
    assert first_of(same[:0, :0]) == []


def test_centroid():
    assert centroid(mask(2, 3, 4, height=2)).tolist() == [1.0, 3.5]  # of pixels whose middles are at 2.5, 3.5, 4.5
    assert np.isnan(centroid(mask())).all()


def test_discs():
    # centre on a corner of pixels: the four whose middles are sqrt(1/2) away; on a middle: itself and four neighbours
    small, plus = discs([(2, 3), (1.5, 1.5)], [0.71, 1.0], (4, 5))
    assert np.argwhere(small).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert np.argwhere(plus).tolist() == [[0, 1], [1, 0], [1, 1], [1, 2], [2, 1]]
    assert discs(np.zeros((0, 2)), [], (4, 5)).shape == (0, 4, 5)
    (large,) = discs([(50, 50)], [20], (100, 100))
    assert large.sum() == pytest.approx(np.pi * 400, rel=0.01)
    np.testing.assert_allclose(centroid(large), (50, 50))


def test_rays_of_a_disc_are_its_radius_and_a_star_of_them_is_the_disc():
    (disc,) = discs(np.array([[20.0, 24.0]]), np.array([8.0]), (48, 48))
    rays = ray_lengths(disc, (20.0, 24.0), 16)
    np.testing.assert_allclose(rays, 8, atol=0.6)
    (star,) = stars(np.array([[20.0, 24.0]]), np.full((1, 16), 8.0), (48, 48))
    np.testing.assert_array_equal(star, disc)


def test_rays_go_right_first_and_then_down():
    rectangle = np.zeros((40, 40), bool)
    rectangle[18:22, 10:34] = True  # 2 px above and below the centre, 10 to the left, 14 to the right
    np.testing.assert_allclose(ray_lengths(rectangle, (20.0, 20.0), 4), [14, 2, 10, 2], atol=0.26)
    rectangle[22:30, 18:22] = True
    assert ray_lengths(rectangle, (20.0, 20.0), 4)[1] == pytest.approx(10, abs=0.26)


def test_a_star_lies_between_its_rays():
    """Rays of 4 and 12 px: halfway between two of them the outline is their mean."""
    (star,) = stars(np.array([[32.0, 32.0]]), np.array([[12.0, 4.0, 12.0, 4.0]]), (64, 64))
    assert star[31, 43] and not star[31, 45] and star[35, 31] and not star[37, 31]
    diagonal = 8 / np.sqrt(2)
    assert star[int(32 + diagonal - 1), int(32 + diagonal - 1)] and not star[int(32 + diagonal + 1), int(33 + diagonal)]


def test_a_centre_outside_its_mask_has_the_shortest_rays():
    ring = np.zeros((20, 20), bool)
    ring[2:18, 2:18] = True
    ring[6:14, 6:14] = False
    np.testing.assert_allclose(ray_lengths(ring, (10.0, 10.0), 4), 0.5)
