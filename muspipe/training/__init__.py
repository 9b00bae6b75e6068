"""Training that may be left alone for days.

Trainer takes the Plan in a RunFolder, makes a Session of it (network, devices, examples of its Task) and lets the loop
train one phase of the Schedule after the other; listeners write history, picture, best weights and checkpoints.
"""
