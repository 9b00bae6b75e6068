"""Mask R-CNN of Matterport's design on Keras 3, with the same option names, layer names, weight files and numbers.

Names are loaded on first use, so that `import mrcnn` does not load Keras.
"""

import importlib

_EXPORTS = {
    "Config": "mrcnn.config",
    "MaskRCNN": "mrcnn.model",
    "stages": "mrcnn.stage_outputs",
    "training_losses": "mrcnn.stage_outputs",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'mrcnn' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
