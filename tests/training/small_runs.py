"""Runs of a small network, seconds long, and what is seen of them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_info

from muspipe.training.devices import OneDevice
from muspipe.training.run_settings import TrainerOptions, TrainSettings
from muspipe.training.trainer import Trainer

SMALL = {
    "convolutions": [{"maps": 2, "kernel": [5, 5, 3], "stride": [4, 4, 1]}],
    "dense_before": [8],
    "gru": 4,
    "dense_after": [4],
}
BASE = {
    "task": "twitch",
    "steps": 12,
    "batch_size": 4,
    "val_batches": 1,
    "val_every": 4,
    "snr_db": (10.0, 30.0),
    "online_sequences": 1,  # 16 crops, 4 steps
    "options": SMALL,
}
EVERY_STEP = TrainerOptions(checkpoint_minutes=0.0)


class Killed(BaseException):
    """Ends a run without any farewell."""


@dataclass
class Course:
    """What was seen of a run."""

    folder: Path
    losses: dict  # by step
    summary: dict | None  # None: killed
    blas_threads: set


class FakeDevice(OneDevice):
    """Steps that cost nothing: constant losses, unchanged weights."""

    def __init__(self, train=1.0, validate=1.0):
        self.values = {"train": train, "validate": validate}
        self.models = []

    def train(self, model, inputs):
        self.models.append(model)
        return {"loss": self.values["train"]}

    def validate(self, model, inputs):
        return {"loss": self.values["validate"]}


def settings_of(**changes):
    return TrainSettings(**(BASE | changes))


def run(folder, *, kill_at=None, options=None, **more):
    """Train what is left of the run in a folder; kill_at: the last step, whose checkpoint is not written."""
    course = Course(folder, {}, None, set())

    def progress(step, of, losses, rate):
        course.losses[step] = losses["loss"]
        course.blas_threads |= {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        if step == kill_at:
            raise Killed

    try:
        course.summary = Trainer(folder, options, progress=progress, **more).run()
    except Killed:
        pass
    return course
