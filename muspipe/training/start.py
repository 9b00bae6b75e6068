"""What a run starts from: initial weights, and what they mean for the normalisation of a Mask R-CNN."""

from __future__ import annotations

from muspipe.errors import InputError
from muspipe.models import weight_files
from muspipe.models.base import Preset
from muspipe.models.pretrained import path_of
from muspipe.training.run_settings import TrainSettings
from muspipe.training.schedules import Schedule

TRAIN_BN = "mask_rcnn.TRAIN_BN"


def check_start(settings: TrainSettings, schedule: Schedule) -> None:
    """InputError for a run that has nothing to start from."""
    if settings.weights is not None:
        if settings.random_start:
            raise InputError(f"random_start: expected no --weights beside it, got {settings.weights}; leave one out")
        path_of(settings.weights)
        return
    if settings.from_phase is not None:
        raise InputError(
            f"from_phase {settings.from_phase}: expected --weights, a run of the phases before (its folder, or "
            "phase-NAME.weights.h5 in it), got none"
        )
    first = schedule.phases[0]
    if first.frozen is not None and not settings.random_start:
        raise InputError(
            f"schedule {settings.schedule}: expected --weights mask_rcnn_coco.h5, as the paper's ResNet-101 and "
            f"Mask R-CNN started from COCO weights, got none; --random-start keeps a random {first.frozen} frozen for "
            f"{first.steps:,} steps all the same"
        )


def starting_preset(settings: TrainSettings) -> tuple[Preset, dict]:
    """(preset of a run, what it starts from, as plain values).

    A Mask R-CNN that starts from weights in the layout of mask_rcnn_coco.h5 keeps their statistics: TRAIN_BN False,
    Matterport's default. From random weights there are none to keep: None, those of each batch. Weights of muspipe go
    on as they were trained. `--set mask_rcnn.TRAIN_BN=...` overrules all this.
    """
    preset = settings.full_preset()
    kind = "random"
    mask_rcnn = getattr(preset, "mask_rcnn", None)
    if settings.weights is not None:
        path = path_of(settings.weights)
        kind = "muspipe" if weight_files.is_weight_file(path) else "Mask R-CNN"
        if mask_rcnn is not None and TRAIN_BN not in settings.options and "mask_rcnn" not in settings.options:
            before = weight_files.stored_preset(path).get("mask_rcnn", mask_rcnn) if kind == "muspipe" else {}
            preset = preset.changed({TRAIN_BN: before.get("TRAIN_BN", False)})
    start = {"kind": kind, "weights": settings.weights}
    return preset, start | ({} if mask_rcnn is None else {"train_bn": preset.mask_rcnn.get("TRAIN_BN", False)})
