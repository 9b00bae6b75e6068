"""All that a run is made of: settings that make it what it is, kept in its config.json, and what may differ."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass, field

import muspipe
from muspipe.errors import InputError
from muspipe.models.presets import get_preset
from muspipe.training.schedules import Schedule, get_schedule
from simulator.config import SimulationConfig

SCENARIOS = ("paper", "physiological", "both")


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a run; with equal ones, on equal machines, runs are equal."""

    task: str
    """seg or twitch"""
    preset: str = "compact"
    schedule: str = "short"
    steps: int | None = None
    """Steps of the whole schedule, whose phases are scaled in proportion; None: as it is."""
    batch_size: int | None = None
    """None: the schedule's."""
    data: str | None = None
    """Data set folder of `muspipe simulate`; None: online, every sequence fresh."""
    scenario: str = "paper"
    """Of the online sequences: paper, physiological or both, in turn."""
    snr_db: tuple[float, float] | float | None = None
    """Noise of every phase [dB]; None: as the schedule says."""
    clean_share: float = 0.0
    """Share of the noisy phases' examples that get no noise."""
    seed: int = 0
    precision: str = "float32"
    """float32 or mixed_bfloat16"""
    weights: str | None = None
    """File of initial weights; for seg in the layout of mask_rcnn_coco.h5, or of muspipe."""
    patience: int | None = None
    """Validations without a better loss after which the run stops; None: the schedule's."""
    val_batches: int = 10
    """Validation batches each time."""
    val_every: int = 100
    """Steps between validations (paper: 10 batches for every 100)."""
    n_units: tuple[int, int] | None = None
    """Motor units of the online sequences; None: the scenario's."""
    options: dict = field(default_factory=dict)
    """Changes of the preset, {name: value}."""

    def __post_init__(self):
        _one_of("precision", self.precision, ("float32", "mixed_bfloat16"))
        _one_of("scenario", self.scenario, SCENARIOS)
        get_preset(self.task, self.preset)
        self.full_schedule()
        for name in ("batch_size", "patience", "val_batches", "val_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: expected a number from 1, got {value}")

    def preset_values(self):
        """The preset with its changes."""
        return get_preset(self.task, self.preset).changed(self.options)

    def full_schedule(self) -> Schedule:
        """The schedule with this run's steps and batch size."""
        schedule = get_schedule(self.task, self.schedule)
        schedule = schedule if self.steps is None else schedule.scaled(self.steps)
        patience = self.patience or schedule.patience
        return dataclasses.replace(schedule, batch_size=self.batch_size or schedule.batch_size, patience=patience)

    def simulations(self) -> list[SimulationConfig]:
        """Configs of the online sequences."""
        names = ("paper", "physiological") if self.scenario == "both" else (self.scenario,)
        changes = {} if self.n_units is None else {"n_units": tuple(self.n_units)}
        return [SimulationConfig.scenario(name, **changes) for name in names]

    def to_dict(self) -> dict:
        """Plain values."""
        plain = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_dict(cls, values: dict) -> TrainSettings:
        """Of `to_dict`."""
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def versions() -> dict[str, str]:
    """Of what decides about the numbers."""
    import keras
    import numpy as np

    found = {"muspipe": muspipe.__version__, "keras": keras.__version__, "numpy": np.__version__}
    backend = keras.backend.backend()
    module = __import__(backend)
    return found | {"backend": backend, backend: module.__version__, "python": platform.python_version()}


def _one_of(name, value, allowed):
    if value not in allowed:
        raise InputError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
