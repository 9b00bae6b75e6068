"""Twitch trains of given territories: float32 (n, T), in the velocity's unit, for territories bool (n, H, W)."""

from __future__ import annotations

import numpy as np

from muspipe.data.geometry import crop, crop_corner
from muspipe.firings.find import find_firings
from muspipe.identification import windows
from muspipe.leastsquares import fit_signals
from muspipe.models import pretrained
from muspipe.progress import tell
from muspipe.recordings.recording import Recording
from muspipe.territories import flat

SIGNALS = ("mean", "least-squares", "network")
"""How twitch trains can be computed from territories."""
BATCH = 32
"""Crops per call of the network: 25 units are one call."""


def trains_of(kind: str, recording: Recording, territories: np.ndarray, twitch: str) -> np.ndarray:
    """Twitch trains of the territories. kind: one of SIGNALS; twitch: name or path of the network for "network"."""
    if kind == "mean":
        return mean_velocity(recording.velocity, territories)
    if kind == "least-squares":
        return least_squares(recording.velocity, territories)
    return network_signals(pretrained.load(twitch), recording, territories)


def twitch_networks(kind: str, twitch: str) -> dict[str, str]:
    """What `trains_of` needs of networks: {"twitch": name or path} or {}."""
    return {"twitch": twitch} if kind == "network" else {}


def clearest(separated: np.ndarray, predicted: np.ndarray, frame_rate_hz: float) -> np.ndarray:
    """float32 (n, T): of each unit's train by the separation, its train by a network and the mean of both, the one of
    which the unit's twitches explain most. separated, predicted: (n, T); NaN in the first where it has none.

    Where tissue is dragged along, or firings are fast, sometimes the one and sometimes the other holds a rest of the
    neighbours, which no twitch train explains.
    """
    chosen, explained = predicted.astype(np.float32), _explained(predicted, frame_rate_hz)
    known = np.flatnonzero(np.isfinite(separated).all(axis=1))
    own, other = separated[known], predicted[known]
    scales = [np.maximum(trains.std(axis=1, keepdims=True), 1e-30) for trains in (own, other)]
    both = 0.5 * scales[0] * (own / scales[0] + other / scales[1])
    for trains in (both.astype(np.float32), own.astype(np.float32)):
        share = _explained(trains, frame_rate_hz)
        better = share >= explained[known]
        chosen[known[better]], explained[known[better]] = trains[better], share[better]
    return chosen


def _explained(trains, frame_rate_hz):
    return find_firings(trains, frame_rate_hz, "discharges").confidences


def mean_velocity(velocity: np.ndarray, territories: np.ndarray) -> np.ndarray:
    """Mean of the velocity (H, W, T) over each territory; units that overlap it are mixed in."""
    areas = territories.sum(axis=(1, 2))
    pixels = flat(territories)
    return pixels @ velocity.reshape(-1, velocity.shape[2]) / np.maximum(areas, 1)[:, None].astype(np.float32)


def least_squares(velocity: np.ndarray, territories: np.ndarray) -> np.ndarray:
    """All units together, each one signal times its flat territory: the exact inverse of a velocity (H, W, T) that is
    made so."""
    return fit_signals(flat(territories), np.ascontiguousarray(velocity.reshape(-1, velocity.shape[2]), np.float32))


def network_signals(model, recording: Recording, territories: np.ndarray) -> np.ndarray:
    """By a twitch network, from a crop around each territory of the standardised sequence. A recording with other
    pixels, frame rate or length than the network's is resampled, and cut into windows of time that fade into each
    other."""
    n, n_frames = len(territories), recording.n_frames
    grid = windows.to_grid(recording, model.preset.grid)
    mean, sd = float(grid.mean(dtype=np.float64)), float(grid.std(dtype=np.float64))
    if n == 0 or sd == 0:
        return np.zeros((n, n_frames), np.float32)
    grid = grid - np.float32(mean)  # a copy, as the grid may be the recording's own
    grid /= np.float32(sd)
    masks = windows.on_grid(territories, grid.shape[:2])
    frames = model.preset.input_shape[2]
    padded = windows.padded(grid, (1, 1, frames))
    trains, weights = np.zeros((n, padded.shape[2])), np.zeros(padded.shape[2])
    fade = np.minimum(np.arange(1, frames + 1), np.arange(frames, 0, -1)).clip(max=windows.OVERLAP_FRAMES)
    starts = windows.starts(padded.shape[2], frames, windows.OVERLAP_FRAMES)
    for k, start in enumerate(starts):
        tell(k, len(starts), "stretch of the trains")
        part = slice(start, start + frames)
        trains[:, part] += fade * _predicted(model, padded[:, :, part], masks)
        weights[part] += fade
    trains = (sd * trains / weights)[:, : grid.shape[2]]
    return windows.frames_from_grid(trains, recording, model.preset.grid).astype(np.float32)


def _predicted(model, standardised, territories):
    """Trains (n, T), standardised, of one window of time (H, W, T)."""
    inputs = crop_inputs(model.preset, standardised, territories)
    trains = []
    for start in range(0, len(territories), BATCH):
        part = {name: array[start : start + BATCH] for name, array in inputs.items()}
        trains.append(model.outputs_of(part))
    return np.concatenate(trains)


def crop_inputs(preset, standardised: np.ndarray, territories: np.ndarray) -> dict[str, np.ndarray]:
    """What a twitch network sees of each territory (n): crops (n, S, S, T, 1) of the standardised velocity (H, W, T),
    and, where the preset asks for them, masks (n, S, S) and signals (n, T)."""
    size = preset.input_shape[0]
    corners = [crop_corner(territory, size) for territory in territories]
    crops = np.stack([crop(standardised, corner, size, axes=(0, 1)) for corner in corners])[..., None]
    inputs = {"crops": crops}
    if preset.mask_channel:
        masks = [crop(territory, corner, size) for territory, corner in zip(territories, corners, strict=True)]
        inputs["masks"] = np.stack(masks).astype(np.float32)
    if preset.refit:
        inputs["signals"] = least_squares(standardised, territories)
    return inputs
