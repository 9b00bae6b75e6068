"""Pictures of training batches: the truth lies where the batch says it is."""

import numpy as np
import pytest

from muspipe.figures.batches import draw_detection_batch, draw_twitch_batch
from simulator import SimulationConfig

CONFIG = SimulationConfig.scenario("paper", height_px=16, width_px=16, n_frames=20, diameter_mm=(2.5, 5.0))


def detection_batch(n):
    """n images that move in frame 7 alone, each with one unit of 4 x 8 px and a row of padding."""
    images = np.zeros((n, 16, 16, 20, 1), np.float32)
    images[:, :, :, 7] = 1
    masks = np.zeros((n, 2, 16, 16), bool)
    masks[:, 0, 4:8, 0:8] = True
    boxes = np.zeros((n, 2, 4), np.float32)
    boxes[:, 0] = 4, 0, 8, 8
    return {"images": images, "masks": masks, "boxes": boxes, "class_ids": np.tile([1, 0], (n, 1))}


def extent(x, y):
    return x.min(), x.max(), y.min(), y.max()


def test_frame_above_and_truth_below():
    figure = draw_detection_batch(detection_batch(3), CONFIG)
    axes = np.reshape(figure.axes, (2, 3))
    assert [axis.get_title(loc="left") for axis in axes[0]] == ["18 ms"] * 3  # frame 7 at 400 Hz: 17.5 ms
    assert [axis.get_title(loc="left") for axis in axes[1]] == ["1 motor unit"] * 3
    assert axes[0, 0].images[0].get_array().min() == 1
    (box,) = axes[1, 0].patches
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (0, 2.5, 5, 2.5)  # pixels of 0.625 mm
    (outline,) = axes[1, 0].collections
    (path,) = outline.get_paths()
    assert extent(*path.vertices.T) == pytest.approx((0, 5, 2.5, 5))  # closed at the image's left border


def test_no_more_than_asked_for():
    figure = draw_detection_batch(detection_batch(6), CONFIG, n_shown=5)
    axes = np.reshape(figure.axes, (4, 4))
    shown = [[bool(axis.images) for axis in row] for row in axes]
    assert shown == [[True] * 4, [True] * 4, [True, False, False, False], [True, False, False, False]]
    assert [[axis.axison for axis in row] for row in axes[2:]] == [[True, False, False, False]] * 2


def test_crops_have_their_trains_beside_them():
    masks = np.zeros((3, 16, 16), bool)
    masks[:, 4:8, 4:8] = True
    crops = np.zeros((3, 16, 16, 20, 1), np.float32)
    crops[:, 4:8, 4:8] = np.arange(20)[:, None]  # elsewhere nothing moves
    trains = np.stack([k * np.ones(20, np.float32) for k in range(3)])
    figure = draw_twitch_batch({"crops": crops, "masks": masks, "trains": trains}, CONFIG)
    axes = figure.axes
    assert [axis.get_ylabel() for axis in axes[0:6:2]] == ["crop 0", "crop 1", "crop 2"]
    mean, true = axes[5].lines
    assert mean.get_ydata().tolist() == list(range(20)) and true.get_ydata().tolist() == [2.0] * 20
    assert mean.get_xdata()[-1] == pytest.approx(19 / 400)
    assert [axis.axison for axis in axes] == [True] * 6 + [False] * 2  # three crops, room for four
