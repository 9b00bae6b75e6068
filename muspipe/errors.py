"""`muspipe.errors.InputError`: what every function here raises for input that a person can mend."""

from simulator.shared.errors import InputError

__all__ = ["InputError"]
