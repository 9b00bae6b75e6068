"""A result as a .mat file (v5), which MATLAB, Octave and SciPy open."""

from __future__ import annotations

import numpy as np
from scipy.io import savemat

from muspipe.export.contents import drive_table, facts, pair_table, unit_table
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path


def save_mat(result: Result, path) -> None:
    """Write variables `territories` (n, H, W), `twitch_trains` (n, T), `firings` (a cell a unit: a column of [s]),
    `units`, `pairs` and `drive` (structs of columns), and the facts. Whole or not at all."""
    cells = np.empty((result.n_units, 1), object)
    for i, times_s in enumerate(result.firings):
        cells[i, 0] = times_s[:, None]
    variables = {
        "territories": result.territories,
        "twitch_trains": result.twitch_trains,
        "firings": cells,
        "units": unit_table(result),
        "pairs": pair_table(result),
        "drive": drive_table(result),
    }
    with atomic_path(path) as temporary:
        savemat(temporary, variables | facts(result), do_compression=True, long_field_names=True, oned_as="column")
