"""Pictures of detections: where everything is drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mrcnn import masks, visualize
from tests.mrcnn.test_images import rectangle


def test_drawing_shows_every_detection():
    image = np.full((40, 60, 3), 100, np.uint8)
    both = np.stack([rectangle((40, 60), 5, 5, 20, 20), rectangle((40, 60), 1, 30, 35, 55)], -1)
    names = ["background", "disc", "square"]
    figure = visualize.draw_detections(image, masks.extract_bboxes(both), both, [2, 1], names, [0.9, 0.8], title="two")
    axes, colors = figure.axes[0], visualize.instance_colors(2)
    assert [text.get_text() for text in axes.texts] == ["square 0.90", "disc 0.80"]
    assert len(axes.collections) == 2  # outlines
    boxes = [patch.get_bbox().extents.tolist() for patch in axes.patches]
    assert boxes == [[4.5, 4.5, 19.5, 19.5], [29.5, 0.5, 54.5, 34.5]]  # x, y of two corners; pixels are around theirs
    assert [(*text.get_position(), text.get_va()) for text in axes.texts] == [
        (4.5, 4.5, "bottom"),  # above the box
        (29.5, 0.5, "top"),  # there is no room above it
    ]
    shown = axes.images[0].get_array()
    assert np.allclose(shown[0, 0], 100 / 255)
    for place, color in zip(((10, 10), (30, 50)), colors, strict=True):
        np.testing.assert_allclose(shown[place], 0.6 * 100 / 255 + 0.4 * color)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 59.5), (39.5, -0.5))
    assert axes.get_title() == "two" and not axes.axison
    assert figure.get_size_inches().tolist() == [6, 4.4]


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1)])
def test_drawing_of_grey_pictures_into_axes_of_your_own(shape):
    """Masks of nothing and of all have no outline."""
    axes = Figure().add_subplot()
    both = np.stack([np.zeros((40, 60), bool), np.ones((40, 60), bool)], -1)
    rois = masks.extract_bboxes(both)
    figure = visualize.draw_detections(np.zeros(shape, np.uint8), rois, both, [0, 0], ["a"], axes=axes)
    assert figure is axes.figure and [text.get_text() for text in axes.texts] == ["a", "a"] and not axes.collections
    nothing = visualize.draw_detections(np.zeros(shape, int), [], both[..., :0], [], [])
    assert not nothing.axes[0].texts


def test_neighbouring_colours_are_very_different():
    colors = visualize.instance_colors(12)
    assert colors.shape == (12, 3) and colors.max(axis=1).min() == 1
    apart = np.linalg.norm(colors[:, None] - colors, axis=-1) + 9 * np.eye(12)
    assert apart.min() > 0.2 and np.linalg.norm(np.diff(colors, axis=0), axis=1).min() > 0.8
    assert visualize.instance_colors(0).shape == (0, 3)
