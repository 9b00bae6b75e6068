"""Flips, crops and boxes, by numbers that a person can verify."""

import numpy as np
import pytest

from muspipe.data.geometry import boxes_of_masks, crop, crop_corner, detection_truth, flip
from muspipe.errors import InputError
from simulator import SimulationConfig, simulate


def disc(rows, columns, shape=(10, 12)):
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def test_four_flips_by_hand():
    image = np.array([[1, 2], [3, 4]])
    flipped = [flip(image, code).tolist() for code in range(4)]
    assert flipped == [[[1, 2], [3, 4]], [[3, 4], [1, 2]], [[2, 1], [4, 3]], [[4, 3], [2, 1]]]
    with pytest.raises(ValueError, match="0-3"):
        flip(image, 4)


@pytest.mark.parametrize("code", range(4))
def test_flipped_maps_render_to_flipped_images(code):
    sequence = simulate(SimulationConfig.scenario("physiological", n_units=3), 0)
    maps, signals = sequence.components
    rendered = np.tensordot(flip(maps, code), signals, axes=(0, 0))
    np.testing.assert_allclose(rendered, flip(sequence.render(), code, axes=(0, 1)), atol=1e-5)


def test_boxes_end_one_past_the_last_pixel():
    masks = np.stack([disc(slice(2, 5), slice(3, 4)), disc(slice(0, 10), slice(0, 12)), disc([], [])])
    assert boxes_of_masks(masks).tolist() == [[2, 3, 5, 4], [0, 0, 10, 12], [0, 0, 0, 0]]
    assert boxes_of_masks(flip(masks, 1))[0].tolist() == [5, 3, 8, 4]
    assert boxes_of_masks(flip(masks, 2))[0].tolist() == [2, 8, 5, 9]


def test_truth_is_padded_to_a_fixed_size():
    truth = detection_truth(np.stack([disc(1, 1), disc(2, slice(2, 4))]), max_units=3)
    assert truth["class_ids"].tolist() == [1, 1, 0]
    assert truth["boxes"].tolist() == [[1, 1, 2, 2], [2, 2, 3, 4], [0, 0, 0, 0]]
    assert truth["masks"].shape == (3, 10, 12) and truth["masks"].sum(axis=(1, 2)).tolist() == [1, 2, 0]
    with pytest.raises(InputError, match="max_units: expected at least 2"):
        detection_truth(truth["masks"][:2], max_units=1)


def test_crop_corner_by_hand():
    # rows 4-7 have their centre at 6.0, columns 3-5 at 4.5: a crop of 4 px begins at 4 and at 2.5, rounded up to 3
    assert crop_corner(disc(slice(4, 8), slice(3, 6)), 4) == (4, 3)
    assert crop_corner(disc(slice(0, 2), slice(10, 12)), 4) == (-1, 9)  # centres 1.0 and 11.0
    assert crop_corner(disc(5, 5), 5) == (3, 3)  # an odd crop has the pixel in its middle
    with pytest.raises(ValueError, match="empty"):
        crop_corner(disc([], []), 4)


def test_crops_are_zero_outside_the_image():
    image = np.arange(1, 13).reshape(3, 4)
    assert crop(image, (0, 1), 2).tolist() == [[2, 3], [6, 7]]
    assert crop(image, (-1, -1), 2).tolist() == [[0, 0], [0, 1]]
    assert crop(image, (2, 3), 2).tolist() == [[12, 0], [0, 0]]
    assert crop(image, (-1, 2), 5).tolist() == [
        [0, 0, 0, 0, 0], [3, 4, 0, 0, 0], [7, 8, 0, 0, 0], [11, 12, 0, 0, 0], [0, 0, 0, 0, 0],
    ]  # fmt: skip
    assert crop(image, (5, 9), 2).tolist() == crop(image, (-5, 0), 2).tolist() == [[0, 0], [0, 0]]
    stack = np.stack([image, 10 * image], axis=2)
    assert crop(stack, (-1, -1), 2, axes=(0, 1))[1, 1].tolist() == [1, 10]
