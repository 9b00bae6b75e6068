"""Simulated sequences -> training batches.

Sources (a data set folder, or sequences simulated as they are asked for) give MuscleSequences by index; `records` turns
one into the small arrays that a training example is made of, with every random choice taken; `loader` (NumPy) and
`tfdata` (tf.data) render those into equal batches.
"""

from muspipe.data.options import BatchOptions
from muspipe.data.sources import OnlineSource, open_dataset

__all__ = ["BatchOptions", "OnlineSource", "open_dataset"]
