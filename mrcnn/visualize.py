"""Pictures of detections."""

import colorsys

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def instance_colors(n):
    """n bright colours (n, 3), 0..1, neighbours very different."""
    golden = 0.618034
    return np.array([colorsys.hsv_to_rgb(i * golden % 1, 0.85, 1.0) for i in range(n)]).reshape(n, 3)


def draw_detections(image, rois, masks, class_ids, class_names, scores=None, *, axes=None, title=""):
    """Figure of a picture with its instances: masks tinted and outlined, boxes, classes and scores.

    image (H, W, 3) of 0..255, or grey (H, W, 1) or (H, W); rois (N, 4)  (y1, x1, y2, x2) [px]; masks bool (H, W, N);
    class_ids (N,) index class_names; scores (N,). axes: matplotlib's, to draw into instead of a new figure.
    """
    image = _as_rgb(image)
    rois, class_ids = np.reshape(rois, (-1, 4)), np.asarray(class_ids, int)
    _check(image, rois, masks, class_ids, class_names, scores)
    if axes is None:
        height, width = image.shape[:2]
        figure = Figure(figsize=(6, 6 * height / width + (0.4 if title else 0)), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
    colors = instance_colors(len(rois))
    tinted = image / 255
    for i, color in enumerate(colors):
        tinted[masks[..., i]] = 0.6 * tinted[masks[..., i]] + 0.4 * color
    axes.imshow(tinted, interpolation="nearest")
    for i, (box, color) in enumerate(zip(rois, colors, strict=True)):
        if masks[..., i].any() and not masks[..., i].all():
            axes.contour(masks[..., i], levels=[0.5], colors=[color], linewidths=1.2)
        _draw_box(axes, box, color)
        label = class_names[class_ids[i]] + ("" if scores is None else f" {scores[i]:.2f}")
        _draw_label(axes, label, box, color, image.shape[0])
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5), title=title)
    axes.set_axis_off()
    return axes.figure


def display_instances(image, boxes, masks, class_ids, class_names, scores=None, title="", figsize=(16, 16), ax=None):
    """Matterport's call: draw_detections into `ax`, or into a new pyplot figure that is shown. -> the Figure"""
    import matplotlib.pyplot as plt

    axes = plt.subplots(figsize=figsize)[1] if ax is None else ax
    figure = draw_detections(image, boxes, masks, class_ids, class_names, scores, axes=axes, title=title)
    if ax is None:
        plt.show()
    return figure


def _draw_box(axes, box, color):
    y1, x1, y2, x2 = box
    axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, ec=color, lw=1, ls="--"))


def _draw_label(axes, label, box, color, height):
    """Above the box, or inside it at the top of the picture."""
    inside = box[0] < 0.07 * height
    axes.text(
        box[1] - 0.5,
        box[0] - 0.5,
        label,
        fontsize=7,
        color="black",
        va="top" if inside else "bottom",
        clip_on=True,
        bbox={"facecolor": color, "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _as_rgb(image):
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"image: expected (height, width, 3), or 1 channel or none, got shape {image.shape}")
    if image.dtype.kind not in "iu" or image.min() < 0 or image.max() > 255:
        raise ValueError(
            f"image: expected whole numbers from 0 to 255, got {image.dtype}, {image.min()} to {image.max()}"
        )
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _check(image, rois, masks, class_ids, class_names, scores):
    n = len(rois)
    if np.shape(masks) != (*image.shape[:2], n):
        raise ValueError(f"masks: expected shape {(*image.shape[:2], n)}, one a box, got {np.shape(masks)}")
    if class_ids.shape != (n,) or (scores is not None and len(scores) != n):
        raise ValueError(f"class_ids and scores: expected {n}, one a box, got {class_ids.shape} and {np.shape(scores)}")
    if n and (class_ids.min() < 0 or class_ids.max() >= len(class_names)):
        raise ValueError(f"class_ids: expected 0 to {len(class_names) - 1}, got {class_ids.min()} to {class_ids.max()}")
