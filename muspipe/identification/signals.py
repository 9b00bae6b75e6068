"""Twitch trains of given territories. velocity (H, W, T), territories bool (n, H, W) -> float32 (n, T), in the
velocity's unit."""

from __future__ import annotations

import numpy as np

from muspipe.data.crops import crop, crop_corner
from muspipe.leastsquares import fit_signals

BATCH = 32
"""Crops a call of the network: 25 units are one call."""


def mean_velocity(velocity: np.ndarray, territories: np.ndarray) -> np.ndarray:
    """Mean over each territory; whatever overlaps it is in it too."""
    areas = territories.sum(axis=(1, 2))
    pixels = territories.reshape(len(territories), -1).astype(np.float32)
    return pixels @ velocity.reshape(-1, velocity.shape[2]) / np.maximum(areas, 1)[:, None].astype(np.float32)


def least_squares(velocity: np.ndarray, territories: np.ndarray) -> np.ndarray:
    """All units together, each one signal times its flat territory: the exact inverse of such a sequence."""
    pixels = territories.reshape(len(territories), -1).astype(np.float32)
    return fit_signals(pixels, np.ascontiguousarray(velocity.reshape(-1, velocity.shape[2]), np.float32))


def network_signals(model, velocity: np.ndarray, territories: np.ndarray) -> np.ndarray:
    """By a twitch network, from a crop around each territory of the standardised sequence."""
    mean, sd = float(velocity.mean(dtype=np.float64)), float(velocity.std(dtype=np.float64))
    if len(territories) == 0 or sd == 0:
        return np.zeros((len(territories), velocity.shape[2]), np.float32)
    inputs = crop_inputs(model.preset, (velocity - np.float32(mean)) / np.float32(sd), territories)
    trains = []
    for start in range(0, len(territories), BATCH):
        part = {name: array[start : start + BATCH] for name, array in inputs.items()}
        n = len(territories[start : start + BATCH])
        rest = -n % 8  # few batch sizes, or each would be compiled anew
        part = {name: np.concatenate([array, np.zeros_like(array[:1]).repeat(rest, 0)]) for name, array in part.items()}
        trains.append(np.asarray(model.predict_on_batch(part))[:n])
    return (np.concatenate(trains) * np.float32(sd)).astype(np.float32)


def crop_inputs(preset: dict, standardised: np.ndarray, territories: np.ndarray) -> dict[str, np.ndarray]:
    """What a twitch network sees of each territory (n): crops (n, S, S, T, 1), and as the preset asks
    masks (n, S, S) and signals (n, T)."""
    size = preset["input_shape"][0]
    corners = [crop_corner(territory, size) for territory in territories]
    crops = np.stack([crop(standardised, corner, size, axes=(0, 1)) for corner in corners])[..., None]
    inputs = {"crops": crops}
    if preset["mask_channel"]:
        masks = [crop(territory, corner, size) for territory, corner in zip(territories, corners, strict=True)]
        inputs["masks"] = np.stack(masks).astype(np.float32)
    if preset["refit"]:
        inputs["signals"] = least_squares(standardised, territories)
    return inputs
