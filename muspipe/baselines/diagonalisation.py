"""One rotation that makes many symmetric matrices as diagonal as can be, by Jacobi's method.

Cardoso & Souloumiac 1996 (SIAM J. Matrix Anal. Appl. 17:161): the plane of two coordinates is turned by the angle that
takes most off the matrices' elements outside the diagonal, plane after plane, until all angles are small. The angle
has a closed form.
"""

from __future__ import annotations

import numpy as np

from muspipe.progress import tell


def joint_rotation(matrices: np.ndarray, tolerance: float = 1e-3, sweeps: int = 100) -> np.ndarray:
    """R (k, k), orthogonal, for which R.T @ M @ R are least off the diagonal, squares summed over M of (n, k, k).

    tolerance: angles [rad] below it are left; sweeps: rounds through all planes at most.
    """
    k = matrices.shape[1]
    turned = np.ascontiguousarray(np.moveaxis(matrices, 0, 2), np.float64)  # (k, k, n): a row is one block of memory
    rotation = np.eye(k)
    for sweep in range(sweeps):
        tell(sweep, sweeps, "round", most=True)
        still = True
        for p in range(k - 1):
            for q in range(p + 1, k):
                angle = _angle(turned, p, q)
                if abs(angle) > tolerance:
                    still = False
                    pair, plane = [p, q], _plane(angle)
                    turned[pair] = np.tensordot(plane, turned[pair], (0, 0))
                    turned[:, pair] = np.einsum("ab,iam->ibm", plane, turned[:, pair])
                    rotation[:, pair] = rotation[:, pair] @ plane
        if still:
            break
    return rotation


def _plane(angle):
    """Its columns are the new axes of a plane in terms of the old."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _angle(turned, p, q):
    """By which the plane of p and q should turn [rad], at most an eighth of a circle."""
    difference, coupling = turned[p, p] - turned[q, q], turned[p, q] + turned[q, p]
    return 0.25 * np.arctan2(2 * difference @ coupling, difference @ difference - coupling @ coupling)
