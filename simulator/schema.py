"""The one table of what a shard of simulated sequences holds.

A shard is one HDF5 file of some hundred sequences, stored as what they are made of (40 kB each), not as pixels (6.5 MB
each). Axes: `sequence` (N), `offset` (N + 1), `unit` (all motor units of all sequences, one after the other),
`firing` (all firings likewise), `y`, `x` [px], `frame` (T). Ragged data lie end to end: the rows unit_offsets[i] to
unit_offsets[i + 1] of every field with axis `unit` belong to sequence i, and likewise for firings. Velocities are in
arbitrary units that stand for mm/s.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1
"""Raised whenever a file of the older form could be misread."""

FORMAT = "muspipe simulated sequences"


@dataclass(frozen=True)
class Field:
    """One HDF5 dataset: its name, its axes, little-endian dtype, unit and meaning."""

    name: str
    axes: tuple[str, ...]
    dtype: str
    unit: str
    description: str


FIELDS = (
    Field("unit_offsets", ("offset",), "<i8", "1", "rows of sequence i on axis `unit`: from offset i to i + 1"),
    Field("firing_offsets", ("offset",), "<i8", "1", "rows of sequence i on axis `firing`: from offset i to i + 1"),
    Field("n_units_range", ("sequence", "bounds"), "<i4", "1", "inclusive range the number of motor units is from"),
    Field("synchronisation", ("sequence",), "<f8", "1", "share of firings moved to a firing of another motor unit"),
    Field("noise_seed", ("sequence",), "<i8", "1", "seed of the noise that render(snr_db) adds when none is given"),
    Field("centres_mm", ("unit", "yx"), "<f8", "mm", "territory centre (y, x) from the image's top left corner"),
    Field("diameters_mm", ("unit",), "<f8", "mm", "territory diameter"),
    Field("delay_angles_rad", ("unit",), "<f8", "rad", "direction, from +x towards +y, in which the onset delay grows"),
    Field("firing_rates_hz", ("unit",), "<f8", "Hz", "mean firing rate"),
    Field("contraction_times_s", ("unit",), "<f8", "s", "time from firing to peak displacement of the twitch"),
    Field("half_relaxation_ratios", ("unit",), "<f8", "1", "half-relaxation time over contraction time"),
    Field("peak_velocities", ("unit",), "<f8", "a.u.", "peak velocity of one twitch"),
    Field("territories_packed", ("unit", "byte"), "|u1", "1", "territory mask: numpy.packbits of its (y, x) pixels"),
    Field("twitch_trains", ("unit", "frame"), "<f4", "a.u.", "velocity at the territory's centre"),
    Field("firings_s", ("firing",), "<f8", "s", "discharge instants by unit, then time; negative ones are the lead-in"),
    Field("unit_of_firing", ("firing",), "<i4", "1", "motor unit of each firing, counted within its sequence"),
)
"""Fields of every shard, in the order in which they are written and enter the checksum."""

TISSUE_SEED = Field("tissue_seed", ("sequence",), "<i8", "1", "seed of shapes, motion and speckle: see streams.py")
"""Only where the scenario has any of these, so that shards of the others stay as they are."""

VELOCITY = Field("velocity", ("sequence", "y", "x", "frame"), "<f4", "a.u.", "rendered images, noise included")
"""Only in dense shards, for readers that cannot render."""


def fields_of(varied: bool, dense: bool) -> tuple[Field, ...]:
    """The fields of a shard, in their order. varied: of the config."""
    return (*FIELDS, *(TISSUE_SEED,) * varied, *(VELOCITY,) * dense)


def field_bytes(n_sequences, n_units, n_firings, image_shape, n_frames, dense=False) -> float:
    """Bytes of data in a shard of these (expected) counts; n_units and n_firings are totals over its sequences."""
    height_px, width_px = image_shape
    lengths = {
        "sequence": n_sequences,
        "offset": n_sequences + 1,
        "unit": n_units,
        "firing": n_firings,
        "bounds": 2,
        "yx": 2,
        "byte": -(-height_px * width_px // 8),
        "y": height_px,
        "x": width_px,
        "frame": n_frames,
    }
    total = 0.0
    for field in (*FIELDS, VELOCITY) if dense else FIELDS:
        size = int(field.dtype[2:])
        for axis in field.axes:
            size *= lengths[axis]
        total += size
    return total
