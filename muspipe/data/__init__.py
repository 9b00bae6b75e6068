"""Simulated sequences -> training batches.

A source (a data set folder, or sequences simulated on demand) gives MuscleSequences by index; `records` turns one into
the small arrays that a training example is made of, with every random choice taken; `loader` (NumPy) and `tfdata`
(tf.data) render these into equal batches.
"""

import importlib

# Loaded when first asked for (PEP 562): `--help` needs the options alone, and does not wait for NumPy.
_EXPORTS = {
    "BatchOptions": "muspipe.data.options",
    "OnlineSource": "muspipe.data.sources",
    "open_dataset": "muspipe.data.sources",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'muspipe.data' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
