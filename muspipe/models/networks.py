"""A network from its preset."""

from __future__ import annotations

from muspipe.errors import InputError


def build(task: str, preset: dict, *, seed: int = 0, mode: str = "training"):
    """A keras.Model, not compiled, all weights there; see segmentation.py, centre.py and twitch.py for its inputs.

    task: "seg" or "twitch"; preset: as of `get_preset`; seed: of the initial weights and of all choices of the
    training; mode: "training" or "inference", which matters to the Mask R-CNNs only.
    """
    if preset.get("task") != task:
        raise InputError(f"preset: expected one of task {task!r}, got one of {preset.get('task')!r}")
    import keras

    keras.utils.set_random_seed(seed)
    if "centre" in preset:
        from muspipe.models.centre import CentreNetwork

        return CentreNetwork(preset)
    if task == "seg":
        from muspipe.models.segmentation import Segmentation

        return Segmentation(preset, mode, seed=seed)
    from muspipe.models.twitch import TwitchNetwork

    return TwitchNetwork(preset)
