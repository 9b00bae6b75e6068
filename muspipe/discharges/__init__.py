"""How motor units discharge: numbers from firing times alone, by NumPy alone.

properties.py: each unit by itself, by openhdemg's definitions. synchrony.py: pairs of units. drive.py: all together.

Firings are a list of n float arrays, rising times [s] from the first frame, as in `Result.firings`. A delay that all
firings of a unit share changes nothing in properties.py but the times of recruitment; pairs need firings without it.
"""

from muspipe.discharges.drive import DRIVE_PROPERTIES, cumulative_spike_train, drive_properties, smoothed_drive
from muspipe.discharges.properties import PROPERTIES, discharge_properties, instantaneous_rates
from muspipe.discharges.synchrony import PAIR_PROPERTIES, cross_histogram, synchronisation

__all__ = [
    "DRIVE_PROPERTIES",
    "PAIR_PROPERTIES",
    "PROPERTIES",
    "cross_histogram",
    "cumulative_spike_train",
    "discharge_properties",
    "drive_properties",
    "instantaneous_rates",
    "smoothed_drive",
    "synchronisation",
]
