"""Identification by blind source separation: no training, no weights.

`stica` is the published spatio-temporal ICA; `ica` is our tuned form. The rest is the steps of the latter:
maps -> linking -> fitting, with shapes for all three.
"""
