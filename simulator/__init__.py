"""Simulated tissue-velocity sequences of contracting muscle, with the truth about them.

>>> from simulator import SimulationConfig, simulate
>>> sequence = simulate(SimulationConfig.scenario("paper", n_units=5), seed=1)
>>> velocity = sequence.render(snr_db=20)           # float32 (64, 64, 400)
"""

import importlib

# Loaded when first asked for (PEP 562), so that importing `simulator.shared` alone does not load NumPy.
_EXPORTS = {
    "SCENARIOS": "simulator.config",
    "MuscleSequence": "simulator.sequence",
    "SimulationConfig": "simulator.config",
    "simulate": "simulator.sequence",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
