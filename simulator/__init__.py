"""Simulated tissue-velocity sequences of contracting muscle, with their truth.

>>> from simulator import SimulationConfig, simulate
>>> sequence = simulate(SimulationConfig.scenario("paper", n_units=5), seed=1)
>>> velocity = sequence.render(snr_db=20)           # float32 (64, 64, 400)
"""

from simulator.config import SCENARIOS, SimulationConfig
from simulator.sequence import MuscleSequence, simulate

__all__ = ["SCENARIOS", "MuscleSequence", "SimulationConfig", "simulate"]
