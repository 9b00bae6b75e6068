"""How well found motor units agree with the true ones: detection, segmentation, firings (Ali et al. 2020)."""

from muspipe.evaluation.compare import compare

__all__ = ["compare"]
