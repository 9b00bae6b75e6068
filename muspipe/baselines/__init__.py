"""Identification by blind source separation: no training, no weights.

The published ones are here for comparison: `stica`; `spatiotemporal` (stJADE, stSOBI) on `diagonalisation`; `spca`;
`velbss`; `components` is what they share. `ica` is our tuned form. The rest is the steps of the latter: maps -> linking
-> fitting, with shapes for all three.
"""
