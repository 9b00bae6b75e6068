"""The formats that a result can be exported to, by name. Light: `muspipe export --help` reads it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One of the table."""

    what: str
    ending: str
    """Of the default output, after the result's name."""
    function: str
    """module:name, called with (result, path)."""
    folder: bool = False
    """Whether it is a folder of files."""

    def save(self, result, path, **options) -> None:
        """Write the result. Raises OSError where that cannot be."""
        module, name = self.function.split(":")
        getattr(importlib.import_module(module), name)(result, path, **options)


FORMATS = {
    "csv": Format("a folder of tables", "-csv", "muspipe.export.csv:save_tables", folder=True),
    "mat": Format("MATLAB, v5", ".mat", "muspipe.export.matlab:save_mat"),
    "json": Format("one JSON object", ".json", "muspipe.export.json:save_json"),
    "openhdemg": Format("as openhdemg 0.1 saves", ".openhdemg.json", "muspipe.export.openhdemg:save_openhdemg"),
    "nwb": Format("Neurodata Without Borders", ".nwb", "muspipe.export.nwb:save_nwb"),
}
