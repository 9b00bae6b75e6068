"""Motion of the whole muscle: velocity that varies smoothly over the image, unlike that of a motor unit's territory."""

from __future__ import annotations

import numpy as np

from muspipe.baselines.subspace import SignalSubspace

LEAST_COSINE = 0.95
"""A smooth map counts as motion if it lies within this cosine of the signal subspace. Twenty-five territories together
come to about 0.8 of a constant map."""


def smooth_motion(subspace: SignalSubspace, image_shape) -> np.ndarray:
    """Orthonormal maps float32 (P, m) of the motion in the signal: surfaces of second order that its subspace holds.

    m = 0 where there is none. Translation, rotation, stretch and shear of the cross-section are of this form.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in image_shape), indexing="ij")
    surfaces = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    surfaces = np.linalg.qr(surfaces)[0]
    directions, cosines, _ = np.linalg.svd(surfaces.T @ subspace.basis)
    return (surfaces @ directions[:, : np.count_nonzero(cosines > LEAST_COSINE)]).astype(np.float32)
