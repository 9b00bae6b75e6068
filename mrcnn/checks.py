"""Checks of inputs. Errors say what was expected and what came."""

import numpy as np


def _expect(name, array, shape, meaning):
    """shape: None where any size will do. Sizes that a tensor does not know fit anything."""
    got = tuple(array.shape)
    fits = len(got) == len(shape) and all(g is None or s is None or g == s for g, s in zip(got, shape, strict=True))
    if not fits:
        expected = "(" + ", ".join("*" if s is None else str(s) for s in shape) + ")"
        raise ValueError(f"{name}: expected shape {expected}, {meaning}; got {got}")


def expected_shapes(config, mode, with_stem=False):
    """{input name: (shape, meaning)} of a model's inputs."""
    n_anchors = sum(
        -(-h // config.RPN_ANCHOR_STRIDE) * -(-w // config.RPN_ANCHOR_STRIDE) for h, w in config.feature_shapes
    )
    n_anchors *= config.anchors_per_cell
    shapes = {"input_image_meta": ((None, config.IMAGE_META_SIZE), "a meta vector an image")}
    if not with_stem:
        meaning = "(images, height, width, channels) of the network's input"
        shapes["input_image"] = (None, *config.input_shape), meaning
    if mode == "inference":
        return shapes
    n = config.MAX_GT_INSTANCES
    mask_shape = tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else config.IMAGE_SHAPE[:2]
    shapes |= {
        "input_rpn_match": ((None, n_anchors, 1), "one value an anchor"),
        "input_rpn_bbox": ((None, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), "deltas of the positive anchors"),
        "input_gt_class_ids": ((None, n), "a class id an instance"),
        "input_gt_boxes": ((None, n, 4), "a box an instance"),
        "input_gt_masks": ((None, *mask_shape, n), "a mask an instance, as many as boxes"),
    }
    if not config.USE_RPN_ROIS:
        shapes["input_rois"] = ((None, None, 4), "boxes in pixels")
    return shapes


def check_inputs(inputs, config, mode, with_stem=False):
    """Names and shapes of a model's inputs."""
    shapes = expected_shapes(config, mode, with_stem)
    missing = sorted(set(shapes) - set(inputs))
    if missing:
        raise ValueError(f"inputs: expected {sorted(shapes)}, got {sorted(inputs)}; missing: {missing}")
    for name, (shape, meaning) in shapes.items():
        _expect(name, inputs[name], shape, meaning)


def check_image(name, image, channels):
    """A picture before molding is an array of this shape."""
    if not hasattr(image, "shape"):
        raise ValueError(f"{name}: expected an array (height, width, {channels}), got {type(image).__name__}")
    advice = ""
    if len(image.shape) == 2 and channels in (1, 3):
        advice = f", for a grey picture np.repeat(picture[..., None], {channels}, -1)"
    elif len(image.shape) == 3 and (image.shape[2], channels) == (4, 3):
        advice = ", without an alpha channel picture[..., :3]"
    _expect(name, image, (None, None, channels), f"(height, width, channels) of a picture{advice}")


def check_values(inputs, config):
    """Ground truth given as NumPy arrays: boxes must lie inside the image, class ids below NUM_CLASSES."""
    if not isinstance(inputs, dict):
        return
    ids, boxes = inputs.get("input_gt_class_ids"), inputs.get("input_gt_boxes")
    if isinstance(ids, np.ndarray) and (np.abs(ids) >= config.NUM_CLASSES).any():
        raise ValueError(
            f"input_gt_class_ids: expected ids below NUM_CLASSES = {config.NUM_CLASSES}, got {np.abs(ids).max()}"
        )
    if isinstance(boxes, np.ndarray):
        check_boxes("input_gt_boxes", boxes, config.IMAGE_SHAPE[:2])


def check_boxes(name, boxes, shape):
    """Boxes (..., 4)  (y1, x1, y2, x2) [px] must lie inside an image of (height, width), y1 <= y2 and x1 <= x2."""
    height, width = shape
    y1, x1, y2, x2 = np.moveaxis(np.asarray(boxes), -1, 0)
    bad = (y1 < 0) | (x1 < 0) | (y2 > height) | (x2 > width) | (y2 < y1) | (x2 < x1)
    if bad.any():
        first = np.asarray(boxes)[bad][0].tolist()
        raise ValueError(f"{name}: expected (y1, x1, y2, x2) inside an image of {height} x {width} px, got {first}")
