"""What a method of identification is, and the table of those there are.

A method is a frozen dataclass of settings (`simulator.shared.settings`) with the two functions of `Method`. Nothing
heavy is imported before a method is asked for, so that `--help` can list them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from muspipe.errors import InputError
from simulator.shared.settings import changed

DEFAULT_METHOD = "hybrid"
"""What measured best over both scenarios (experiments/README.md)."""


class Method(Protocol):
    """Finds motor units; an instance holds its settings."""

    def find(self, recording):
        """The `MotorUnits` of a `Recording` of any size and rate, best first; they may be none."""

    def networks(self) -> dict[str, str]:
        """{setting: name or path} of the networks in use; {} for none."""


@dataclass(frozen=True)
class Entry:
    """A line of the table of methods."""

    help: str
    load: Callable[[], type]
    """Imports and returns the class."""


def _deep():
    from muspipe.identification.deep import Deep

    return Deep


def _hybrid():
    from muspipe.identification.hybrid import Hybrid

    return Hybrid


def _ica():
    from muspipe.baselines.ica import TunedICA

    return TunedICA


def _stica():
    from muspipe.baselines.stica import SpatioTemporalICA

    return SpatioTemporalICA


def _spca():
    from muspipe.baselines.spca import SparsePCA

    return SparsePCA


def _stjade():
    from muspipe.baselines.spatiotemporal import SpatioTemporalJADE

    return SpatioTemporalJADE


def _stsobi():
    from muspipe.baselines.spatiotemporal import SpatioTemporalSOBI

    return SpatioTemporalSOBI


def _velbss():
    from muspipe.baselines.velbss import FastVelocityBSS

    return FastVelocityBSS


METHODS = {
    "deep": Entry("a network finds territories, another their twitch trains", _deep),
    "hybrid": Entry("what blind source separation and a network find, each judged by the data", _hybrid),
    "ica": Entry("tuned blind source separation, which needs no network and starts sooner", _ica),
    "stica": Entry("spatio-temporal ICA as published, for comparison", _stica),
    "stjade": Entry("the same by joint diagonalisation of cumulants", _stjade),
    "stsobi": Entry("the same by joint diagonalisation of autocovariances", _stsobi),
    "spca": Entry("sparse principal components, for comparison", _spca),
    "velbss": Entry("a fast separation in the spirit of velBSS, its steps ours, for comparison", _velbss),
}


def get_method(name: str, settings: dict | None = None, table: dict[str, Entry] = METHODS):
    """The method called `name`, its settings changed as given: {name: value}, "ica.min_score" reaches into nested ones.

    Raises InputError for an unknown name or setting, and for a value that does not fit.
    """
    if name not in table:
        raise InputError(f"unknown method {name!r}: expected one of {', '.join(table)}")
    listed = f"listed by `muspipe settings {name}`"
    return changed(table[name].load()(), settings or {}, f"method {name!r}", listed=listed)


def name_of(method: Method) -> str:
    """The name of a method in the table; of one that is not there, that of its class."""
    own = (name for name, entry in METHODS.items() if entry.load() is type(method))
    return next(own, type(method).__name__)


def settings_of(method: Method) -> dict:
    """What a method's results depend on, as plain values: its settings, and the checksums of the networks in use.
    InputError for a network that is missing or of another kind."""
    networks = method.networks()
    if not networks:
        return dataclasses.asdict(method)
    from muspipe.models.pretrained import checksum_for

    checksums = {f"{setting}_sha256": checksum_for(setting, name) for setting, name in networks.items()}
    return dataclasses.asdict(method) | checksums


def methods_help(table: dict[str, Entry] = METHODS) -> str:
    """One line of a command's help: every method and what it is."""
    lines = (f"{name}{' (default)' if name == DEFAULT_METHOD else ''}: {entry.help}" for name, entry in table.items())
    return "; ".join(lines)
