"""What a run starts from: initial weights."""

from __future__ import annotations

from muspipe.errors import InputError
from muspipe.models.pretrained import path_of
from muspipe.training.settings import TrainSettings


def check_start(settings: TrainSettings) -> None:
    """InputError for a run that has nothing to start from."""
    if settings.weights is not None:
        path_of(settings.weights)
    elif settings.from_phase is not None:
        raise InputError(
            f"from_phase {settings.from_phase}: expected --weights, a run of the phases before (its folder, or "
            "phase-NAME.weights.h5 in it), got none"
        )
