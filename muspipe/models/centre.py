"""Segmentation without anchors: a map that peaks at the centres of territories, and discs or outlines around its peaks.

B sequences of H x W px and T frames; the front end's grid has h x w cells. Territories that share a cell are told apart
by their size: the map has S channels, one for each class of radius, on a logarithmic scale. The design follows
CenterNet (Zhou et al. 2019, arXiv 1904.07850): focal loss on the peaks, L1 on what lies between cells. Outlines are
radii in R directions, as in StarDist (Schmidt et al. 2018, arXiv 1806.03535); one radius is a disc.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass

import keras
import numpy as np
from keras import layers, ops
from scipy.ndimage import maximum_filter

from muspipe.data.geometry import MOTOR_UNIT
from muspipe.errors import InputError
from muspipe.models.base import PresetNetwork
from muspipe.models.frontend import FRONT_END, frontend
from muspipe.models.segmentation import TerritoryPreset
from muspipe.models.weight_files import load_alike, load_into, stored_preset
from muspipe.territories import discs, distinct, ray_lengths, stars
from simulator.shared.settings import check, setting

LOSS_NAMES = ("peak_loss", "offset_loss", "radius_loss")
_RARE = 0.01  # the probability of a peak that every cell starts with


@dataclass(frozen=True)
class CentreDetector:
    """Numbers of what follows the front end."""

    maps: int = setting(64, "channels", least=1)
    dilations: tuple[int, ...] = setting((1, 2, 1, 4, 1, 1), "of the residual blocks", least=1)
    radii_px: tuple[float, ...] = setting((2.4, 3.4, 4.8, 6.8), "classes of radius", unit="px", above=0)
    rays: int = setting(1, "directions in which a radius is predicted; 1: territories are discs", least=1)
    spread: float = setting(0.2, "SD of a peak, as a share of the radius", above=0)
    radius_spread: float = setting(0.25, "SD of a peak over classes, of the logarithm of the radius", above=0)
    near: float = setting(0.5, "cells where a peak is at least this high learn its geometry", least=0, most=1)
    loss_weights: dict = setting(dict, "weight of each loss")
    lowest_score: float = setting(0.05, "lower peaks are no candidates", least=0, most=1)
    candidates: int = setting(200, "most peaks that are considered", least=1)
    same_iou: float = setting(
        0.7, "of two discs with a higher IoU the one with the lower score is dropped", least=0, most=1
    )

    def __post_init__(self):
        check(self)
        if set(self.loss_weights) != set(LOSS_NAMES):
            raise InputError(f"loss_weights: expected one for each of {', '.join(LOSS_NAMES)}, got {self.loss_weights}")


@dataclass(frozen=True, kw_only=True)
class CentrePreset(TerritoryPreset):
    """Numbers of a front end with a map of centres behind it."""

    centre: CentreDetector = setting(MISSING, "what follows the front end")

    @staticmethod
    def describes(values: dict) -> bool:
        """Whether plain values of a preset are those of such a network."""
        return "centre" in values

    def build(self, seed: int = 0) -> CentreNetwork:
        keras.utils.set_random_seed(seed)
        return CentreNetwork(self)


def centre_layers(preset: CentrePreset) -> keras.Model:
    """Sequences (B, H, W, T, 1) -> (B, h, w, S, 3 + R): logit of a peak, offset of the territory's centre from the
    cell's (y, x) [cells], logarithm of its radius over that of the class in each direction."""
    detector = preset.centre
    maps, classes = detector.maps, len(detector.radii_px)
    stem = frontend(preset.input_shape, preset.frontend)
    x = _convolution(stem.output, maps, 1, 1, "narrow")
    for i, dilation in enumerate(detector.dilations, start=1):
        residual = _convolution(x, maps, 3, dilation, f"block{i}_a")
        residual = _convolution(residual, maps, 3, 1, f"block{i}_b", activation=False)
        x = layers.ReLU(name=f"block{i}_relu")(layers.Add(name=f"block{i}_add")([x, residual]))
    x = _convolution(x, maps, 3, 1, "head")
    rare = keras.initializers.Constant(np.log(_RARE / (1 - _RARE)))
    peaks = layers.Conv2D(classes, 1, bias_initializer=rare, dtype="float32", name="peaks")(x)
    numbers = 2 + detector.rays
    geometry = layers.Conv2D(numbers * classes, 1, dtype="float32", name="geometry")(x)
    peaks = layers.Reshape((*peaks.shape[1:], 1), name="peaks_by_class")(peaks)
    geometry = layers.Reshape((*geometry.shape[1:3], classes, numbers), name="geometry_by_class")(geometry)
    return keras.Model(stem.input, layers.Concatenate(name="outputs")([peaks, geometry]), name="centre_layers")


def _convolution(x, maps, kernel, dilation, name, activation=True):
    """Conv2D + batch normalisation (+ ReLU)."""
    x = layers.Conv2D(maps, kernel, dilation_rate=dilation, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def focal_loss(target, logits):
    """Sum over all cells (); target 0..1, where 1 is a peak and values below are near one, and cost less."""
    log_p, log_q = -ops.softplus(-logits), -ops.softplus(logits)
    p = ops.sigmoid(logits)
    peak = ops.cast(target >= 1, "float32")
    hit = peak * ops.square(1 - p) * log_p
    miss = (1 - peak) * (1 - target) ** 4 * ops.square(p) * log_q
    return -ops.sum(hit + miss)


@keras.saving.register_keras_serializable(package="muspipe")
class CentreNetwork(PresetNetwork):
    """Takes a dict of images (B, H, W, T, 1), standardised -> (B, h, w, S, 3 + R), see `centre_layers`. To train, the
    dict also holds target (B, h, w, S, 3 + R): peak 0..1 and the geometry, which counts where the peak is at least
    `near`."""

    preset_class = CentrePreset
    loss_names = LOSS_NAMES
    pixels = "images"

    def __init__(self, preset: CentrePreset, name: str = "centre"):
        super().__init__(preset, centre_layers(preset), name)

    def call(self, inputs, training=False):
        return self.layers_model(inputs["images"], training=training)

    def losses_of(self, inputs, outputs):
        """The three losses by name, unweighted, each a mean over the territories of the batch."""
        target, near = inputs["target"], self.preset.centre.near
        peak = target[..., 0]
        n = ops.maximum(ops.sum(ops.cast(peak >= 1, "float32")), 1.0)
        weight = ops.where(peak >= near, peak, 0.0)[..., None]
        error = weight * ops.abs(outputs[..., 1:] - target[..., 1:])
        total = ops.maximum(ops.sum(weight), 1.0)
        return {
            "peak_loss": focal_loss(peak, outputs[..., 0]) / n,
            "offset_loss": ops.sum(error[..., :2]) / total,
            "radius_loss": ops.sum(error[..., 2:]) / (total * self.preset.centre.rays),
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = 0.0
        for name, loss in self.losses_of(x, y_pred).items():
            self.loss_trackers[name].update_state(loss)
            total = total + self.preset.centre.loss_weights[name] * loss
        return total

    def batch_inputs(self, batch: dict) -> dict:
        """What the network trains on, from a batch of `detection_batches`."""
        return {self.pixels: batch["images"]} | self.truth_inputs(batch)

    def truth_inputs(self, truth: dict) -> dict[str, np.ndarray]:
        """The same without the images, from a batch's truth."""
        examples = zip(truth["masks"], truth["class_ids"], strict=True)
        return {"target": np.stack([self._target(masks[class_ids == MOTOR_UNIT]) for masks, class_ids in examples])}

    def load_initial_weights(self, path) -> None:
        """All weights from a file of muspipe of the same preset; of another preset of centres, those of all layers that
        are alike; of another segmentation network, those of the front end. InputError if they do not fit."""
        stored = stored_preset(path)
        if CentrePreset.describes(stored) and stored["centre"].get("rays", 1) != self.preset.centre.rays:
            load_alike(self, path)
        else:
            load_into(self, path, part="" if CentrePreset.describes(stored) else FRONT_END)

    def territories(self, images: np.ndarray, mask_level: float | None = None):
        """Yields (territories bool (n, H, W), scores float32 (n,)), best first, of each of the images (B, H, W, T),
        standardised. InputError for a mask_level: an outline has none."""
        if mask_level is not None:
            raise InputError(
                f"mask_level: expected none, as {self.preset.name} gives outlines and no masks, got {mask_level}"
            )
        for output in self.outputs_of({"images": images[..., None]}).astype(np.float32, copy=False):
            yield shapes_of(output, self.preset.centre, images.shape[1:3])

    def _target(self, masks):
        """float32 (h, w, S, 3 + R) of the territories bool (n, H, W) of a sequence."""
        detector, (height, width) = self.preset.centre, self.layers_model.output.shape[1:3]
        radii_px = np.asarray(detector.radii_px, np.float32)
        target = np.zeros((height, width, len(radii_px), 3 + detector.rays), np.float32)
        stride = masks.shape[1] / height
        y, x = np.ogrid[:height, :width]
        for mask in masks:
            rows, columns = np.nonzero(mask)
            if not len(rows):
                continue
            cy, cx = (rows.mean() + 0.5) / stride, (columns.mean() + 0.5) / stride
            radius = np.sqrt(len(rows) / np.pi)
            rays = ray_lengths(mask, (cy * stride, cx * stride), detector.rays) if detector.rays > 1 else radius
            apart = np.log(radius / radii_px)
            spread = max(detector.spread * radius / stride, 0.4)
            away = ((y + 0.5 - cy) ** 2 + (x + 0.5 - cx) ** 2)[..., None]
            distance = away / spread**2 + (apart / detector.radius_spread) ** 2
            nearest = np.unravel_index(distance.argmin(), distance.shape)
            peak = np.exp(-0.5 * distance)
            peak[nearest] = 1
            own = peak > target[..., 0]
            offset = np.stack(np.broadcast_arrays(cy - y - 0.5, cx - x - 0.5), axis=-1)[:, :, None, :]
            lengths = np.log(rays / radii_px[:, None])
            numbers = [peak[..., None], *(np.broadcast_to(a, (*peak.shape, a.shape[-1])) for a in (offset, lengths))]
            target[own] = np.concatenate(numbers, axis=-1)[own]
        return target


def shapes_of(output: np.ndarray, detector: CentreDetector, image_shape) -> tuple[np.ndarray, np.ndarray]:
    """(territories bool (n, H, W), scores float32 (n,)), best first, of one image's output (h, w, S, 3 + R).

    A cell that is the highest of its 3 x 3 neighbours is a unit; of two with an IoU above detector.same_iou the lower
    is dropped.
    """
    with np.errstate(over="ignore"):
        scores = 1 / (1 + np.exp(-output[..., 0]))
    peaks = (scores == maximum_filter(scores, (3, 3, 1))) & (scores >= detector.lowest_score)
    i, j, k = np.nonzero(peaks)
    order = np.argsort(-scores[i, j, k], kind="stable")[: detector.candidates]
    i, j, k = i[order], j[order], k[order]
    stride = image_shape[0] / output.shape[0]
    cy, cx = (i + 0.5 + output[i, j, k, 1]) * stride, (j + 0.5 + output[i, j, k, 2]) * stride
    centres = np.stack([cy, cx], axis=-1)
    rays_px = np.asarray(detector.radii_px)[k, None] * np.exp(np.clip(output[i, j, k, 3:], -1.5, 1.5))
    found = stars(centres, rays_px, image_shape) if detector.rays > 1 else discs(centres, rays_px[:, 0], image_shape)
    kept = distinct(found, detector.same_iou)
    return found[kept], scores[i, j, k][kept].astype(np.float32)
