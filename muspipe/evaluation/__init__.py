"""How well found motor units agree with the true ones: detection, segmentation, firings (Ali et al. 2020).

metrics.py compares the units of one recording; run.py measures a method on a data set; oracle.py is the method that is
told the true territories.
"""

from muspipe.identification.method import METHODS, Entry


def _true_territories():
    from muspipe.evaluation.oracle import TrueTerritories

    return TrueTerritories


EVALUATED = METHODS | {"twitch-true": Entry("twitch trains of the true territories, measured alone", _true_territories)}
"""All that can be evaluated: the methods, and the oracle, which is for nothing else."""
