"""Detection: how many of the motor units are found, how many of the found ones exist."""

from __future__ import annotations


def detection_recall(n_matched: int, n_true: int) -> float:
    """Share of the true motor units that were found; 1 where there are none."""
    return n_matched / n_true if n_true else 1.0


def detection_precision(n_matched: int, n_found: int) -> float:
    """Share of the found motor units that are true; 1 where none were found (no false detection was made)."""
    return n_matched / n_found if n_found else 1.0
