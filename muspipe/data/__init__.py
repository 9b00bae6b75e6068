"""Simulated sequences -> training batches.

A source (a data set folder, or sequences simulated on demand) gives MuscleSequences by index; `records` turns one into
the small arrays that a training example is made of, with every random choice taken; `loader` (NumPy) and `tfdata`
(tf.data) render these into equal batches.
"""

from muspipe.data.options import BatchOptions
from muspipe.data.sources import OnlineSource, open_dataset

__all__ = ["BatchOptions", "OnlineSource", "open_dataset"]
