"""The pixels of loader.py made by JAX where the network runs: a few hundred kB an example go there instead of 6.6 MB.

B examples a batch, C components, H x W px, T frames.
"""

from __future__ import annotations

import functools

import jax
import numpy as np
from jax import numpy as jnp

COMPONENTS = 32
"""The number of components is filled up to a multiple of this: each is compiled once."""


def accelerated() -> bool:
    """Whether JAX runs on something else than a CPU."""
    return jax.default_backend() != "cpu"


def pixels(makings: dict[str, np.ndarray], bank) -> jax.Array:
    """Images, or crops, (B, H, W, T, 1) of stacked records (stacks.makings_of): rendered, with noise, standardised.

    bank: the records' NoiseBank, None without noise.
    """
    rest = -makings["maps"].shape[1] % COMPONENTS
    filled = {
        name: np.pad(makings[name], [(0, 0), (0, rest)] + [(0, 0)] * (makings[name].ndim - 2))
        for name in ("maps", "signals")
    }
    return _pixels(makings | filled, None if bank is None else _bank_values(bank))


@functools.lru_cache(maxsize=4)
def _bank_values(bank):
    """Of a NoiseBank, on the device; kept, as each phase and each validation streams anew."""
    return jnp.asarray(bank.values)


@jax.jit
def _pixels(makings, bank_values):
    def example(record):
        return _standardised(_rendered(record) + _noise(record, bank_values), record)

    return jax.lax.map(example, makings)[..., None]


def _rendered(record):
    """(H, W, T). A GPU would by default compute products with ten bits."""
    return jnp.tensordot(record["maps"], record["signals"], (0, 0), precision="highest")


def _noise(record, bank_values):
    """Of an example, (H, W, T): a cut of the bank, shaped as loader does it where it is to be."""
    if bank_values is None:
        return 0.0
    shape = (*record["maps"].shape[1:], record["signals"].shape[1])

    def cut(shape):
        values = jax.lax.dynamic_slice(bank_values, (record["noise_offset"],), (int(np.prod(shape)),))
        return values.reshape(shape)

    def white(record):
        return record["noise_sd"] * cut(shape)

    if "noise_shaped" not in record:
        return white(record)

    def shaped(record):
        rows, columns = record["noise_rows"], record["noise_columns"]
        source = cut((rows.shape[1], columns.shape[1], shape[2] + 1))
        noise = jnp.einsum("ha,wb,abt->hwt", rows, columns, source, precision="highest")
        noise = noise[:, :, 1:] - record["noise_lag"] * noise[:, :, :-1]
        return noise * record["noise_map"][:, :, None]

    return jax.lax.cond(record["noise_shaped"], shaped, white, record)


def _standardised(images, record):
    """A sequence by its own moments, a constant one becomes zero; a crop by those of its sequence."""
    if "inside" in record:
        return (images - record["sequence_mean"]) * (record["inside"] / record["sequence_sd"])[..., None]
    images = images - images.mean()
    power = jnp.square(images).mean()
    return images * jnp.where(power > 0, jax.lax.rsqrt(jnp.where(power > 0, power, 1.0)), 0.0)
