"""Training that may be left alone for days: examples (batches by step), schedules, trainer, checkpoints, history."""
