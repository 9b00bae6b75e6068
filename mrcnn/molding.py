"""From pictures to what the network sees, and back: resizing, padding, mean subtraction, meta vectors, detections.

Pictures are (h, w, C), of any size. A molded image float32 (H, W, C) has the network's size; the mean pixel is
subtracted, in the padding too. The window  (y1, x1, y2, x2) [px]  is the picture's place in it. A meta vector holds
image id, original shape (3), molded shape (3), window (4), scale, and for each class 1 if it is active in the image's
source, else 0.
"""

import numpy as np

from mrcnn import checks
from mrcnn.boxes import denorm_boxes, norm_boxes
from mrcnn.config import RESIZE_MODES
from mrcnn.masks import resize, unmold_mask

_META_PARTS = {
    "image_id": (slice(0, 1), np.int32),
    "original_image_shape": (slice(1, 4), np.int32),
    "image_shape": (slice(4, 7), np.int32),
    "window": (slice(7, 11), np.int32),
    "scale": (slice(11, 12), np.float32),
    "active_class_ids": (slice(12, None), np.int32),
}


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square", rng=None):
    """Resizes and pads a picture (h, w, C) without changing its proportions or its dtype.

    A picture is enlarged if its shorter side is below min_dim or its scale below min_scale, and shrunk only if it does
    not fit into max_dim (mode "square"). mode: "none": as it is; "square": zero-padded to max_dim x max_dim; "pad64":
    zero-padded to multiples of 64, not enlarged if min_dim is 0; "crop": a random min_dim x min_dim part, for training,
    with rng a numpy Generator.
    -> image, window, scale, padding ((top, bottom), (left, right), (0, 0)), crop (y, x, height, width) or None
    """
    image = np.asarray(image)
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"image: expected (height, width, channels) with at least one pixel, got shape {image.shape}")
    if mode not in RESIZE_MODES:
        raise ValueError(f"mode: expected one of {RESIZE_MODES}, got {mode!r}")
    if mode == "none":
        return image, (0, 0, *image.shape[:2]), 1.0, [(0, 0)] * 3, None
    scale = _scale(image.shape, min_dim, max_dim, min_scale, mode)
    if scale != 1:
        shape = tuple(max(1, round(n * scale)) for n in image.shape[:2])
        image = resize(image, shape).astype(image.dtype)
    if mode == "crop":
        return _random_crop(image, scale, min_dim, rng)
    height, width = image.shape[:2]
    if mode == "square":
        if not max_dim or max(height, width) > max_dim:
            raise ValueError(f"max_dim: expected the side of a square that holds {height} x {width} px, got {max_dim}")
        target = max_dim, max_dim
    else:
        if min_dim and min_dim % 64:
            raise ValueError(f"min_dim: expected a multiple of 64, or 0, in mode 'pad64', got {min_dim}")
        target = -(-height // 64) * 64, -(-width // 64) * 64
    top, left = (target[0] - height) // 2, (target[1] - width) // 2
    padding = [(top, target[0] - height - top), (left, target[1] - width - left), (0, 0)]
    return np.pad(image, padding), (top, left, top + height, left + width), scale, padding, None


def _scale(shape, min_dim, max_dim, min_scale, mode):
    short, long = min(shape[:2]), max(shape[:2])
    scale = max(1.0, min_dim / short) if min_dim else 1.0
    scale = max(scale, min_scale or 0)
    if mode == "square" and max_dim and round(long * scale) > max_dim:
        scale = max_dim / long
    return scale


def _random_crop(image, scale, side, rng):
    if not side or min(image.shape[:2]) < side:
        raise ValueError(f"min_dim: expected a side of at most {min(image.shape[:2])} px for mode 'crop', got {side}")
    if rng is None:
        raise ValueError(
            "rng: expected a numpy Generator for mode 'crop', which is for training; got None. To detect, use 'square' "
            "or 'pad64'"
        )
    y, x = (int(rng.integers(0, n - side + 1)) for n in image.shape[:2])
    window = 0, 0, side, side
    return image[y : y + side, x : x + side], window, scale, [(0, 0)] * 3, (y, x, side, side)


def resize_for(image, config, rng=None, any_size=False):
    """resize_image by a configuration; unless of any size, the result has that of config.IMAGE_SHAPE."""
    checks.check_image("image", image, config.IMAGE_CHANNEL_COUNT)
    resized = resize_image(
        image, config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, config.IMAGE_MIN_SCALE, config.IMAGE_RESIZE_MODE, rng
    )
    if not any_size and resized[0].shape != tuple(config.IMAGE_SHAPE):
        raise ValueError(
            f"image: expected {tuple(config.IMAGE_SHAPE)} (IMAGE_SHAPE) after IMAGE_RESIZE_MODE "
            f"{config.IMAGE_RESIZE_MODE!r}, got {resized[0].shape} from a picture of {np.shape(image)}"
        )
    return resized


def mold_image(image, config):
    """float32, the mean pixel subtracted."""
    image, mean = np.asarray(image), _mean_pixel(config)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError("image: expected finite values, got some that are not")
    if image.dtype.kind in "fb" and image.any() and image.max() <= 1 < mean.max():
        raise ValueError(f"image: expected values of 0 to 255, as MEAN_PIXEL has, got {image.dtype} of 0 to 1")
    return image.astype(np.float32) - mean


def unmold_image(molded, config):
    """uint8: the inverse of mold_image, rounded."""
    return np.clip(np.rint(np.asarray(molded) + _mean_pixel(config)), 0, 255).astype(np.uint8)


def _mean_pixel(config):
    mean = np.asarray(config.MEAN_PIXEL, np.float32)
    if mean.shape not in ((), (1,), (config.IMAGE_CHANNEL_COUNT,)):
        raise ValueError(f"MEAN_PIXEL: expected {config.IMAGE_CHANNEL_COUNT} values, one a channel, got {mean.shape}")
    return mean


def compose_image_meta(image_id, original_image_shape, image_shape, window, scale, active_class_ids):
    """Meta vector float64 (12 + classes,). active_class_ids: 1 or 0 for each class."""
    parts = [[image_id], original_image_shape, image_shape, window, [scale], active_class_ids]
    return np.concatenate([np.asarray(part, np.float64) for part in parts])


def parse_image_meta(metas):
    """Parts by name of meta vectors (B, 12 + classes); each (B,) or (B, n)."""
    metas = np.asarray(metas)
    if metas.ndim != 2 or metas.shape[1] < 12:
        raise ValueError(f"metas: expected shape (images, 12 + classes), got {metas.shape}")
    parts = {name: metas[:, part].astype(kind) for name, (part, kind) in _META_PARTS.items()}
    return parts | {name: parts[name][:, 0] for name in ("image_id", "scale")}


def mold_inputs(images, config):
    """Molded images float32 (B, H, W, C), metas float64 (B, 12 + classes), windows int64 (B, 4) of a list of pictures.

    No class is flagged active: the flags matter in training only.
    """
    molded, metas, windows = [], [], []
    for image in images:
        resized, window, scale, _, _ = resize_for(image, config, any_size=config.any_size)
        molded.append(mold_image(resized, config))
        metas.append(compose_image_meta(0, np.shape(image), resized.shape, window, scale, [0] * config.NUM_CLASSES))
        windows.append(window)
    if not molded:
        raise ValueError("images: expected at least one picture, got none")
    if len({image.shape for image in molded}) > 1:
        shapes = [image.shape for image in molded]
        raise ValueError(
            f"images: expected one size after IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r}, got {shapes}"
        )
    return np.stack(molded), np.stack(metas), np.array(windows)


def unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window):
    """One image's detections, mapped back to its picture.

    detections (D, 6)  (y1, x1, y2, x2, class id, score), boxes normalised to the molded image, zero rows at the end;
    mrcnn_mask (D, h, w, classes), or (D, h, w) with the masks of the detected classes; window [px] in the molded image.
    Boxes without area are left out.
    -> boxes int32 (n, 4) [px], class_ids int32 (n,), scores float32 (n,), masks bool (H, W, n)
    """
    detections, mrcnn_mask = np.asarray(detections), np.asarray(mrcnn_mask)
    if detections.ndim != 2 or detections.shape[1] != 6:
        raise ValueError(f"detections: expected shape (D, 6), got {detections.shape}")
    n = np.argmin(np.append(detections[:, 4], 0) > 0)
    if mrcnn_mask.ndim not in (3, 4) or len(mrcnn_mask) < n:
        raise ValueError(f"mrcnn_mask: expected (D, h, w, classes) of {n} detections, got {mrcnn_mask.shape}")
    class_ids, scores = detections[:n, 4].astype(np.int32), detections[:n, 5].astype(np.float32)
    small = mrcnn_mask[:n] if mrcnn_mask.ndim == 3 else mrcnn_mask[np.arange(n), :, :, class_ids]
    window = norm_boxes(window, image_shape)
    height, width = window[2:] - window[:2]
    relative = (detections[:n, :4] - np.tile(window[:2], 2)) / np.array([height, width, height, width])
    boxes = denorm_boxes(relative, original_image_shape)
    kept = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    masks = np.zeros((len(kept), *original_image_shape[:2]), bool)
    for full, row in zip(masks, kept, strict=True):
        full[:] = unmold_mask(small[row], boxes[row], original_image_shape)
    return boxes[kept], class_ids[kept], scores[kept], np.moveaxis(masks, 0, -1)
