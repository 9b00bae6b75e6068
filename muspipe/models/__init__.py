"""The networks: Conv3D front end, segmentation (front end + Mask R-CNN), twitch trains, and their presets as data."""

import importlib

_EXPORTS = {
    "PRESETS": "muspipe.models.presets",
    "get_preset": "muspipe.models.presets",
    "read_preset": "muspipe.models.presets",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'muspipe.models' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
