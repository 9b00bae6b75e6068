"""Identification of motor units in ultrafast ultrasound of contracting muscle.

>>> from muspipe import identify, load_recording
>>> recording = load_recording("recording.h5")
>>> result = identify(recording)
"""

import importlib

__version__ = "0.1.0"

# Loaded when first asked for (PEP 562), so that `import muspipe` and `muspipe --help` stay quick.
_EXPORTS = {
    "DEFAULT_METHOD": "muspipe.identification.method",
    "InputError": "muspipe.errors",
    "Recording": "muspipe.recordings.recording",
    "Result": "muspipe.recordings.result",
    "identify": "muspipe.identification.identify",
    "identify_many": "muspipe.identification.many",
    "load_recording": "muspipe.recordings.readers",
}

__all__ = [*_EXPORTS, "__version__"]  # noqa: F822  (the names exist through __getattr__)


def __getattr__(name):
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_EXPORTS})
