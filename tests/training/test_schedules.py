"""The printed schedules, number by number, and what of them reaches the optimizer, the noise and the layers."""

import re

import numpy as np
import pytest

from mrcnn.backbone import leaf_layers
from muspipe.models import get_preset
from muspipe.models.base import freeze
from muspipe.training.devices import OneDevice
from muspipe.training.run_folder import new_run
from muspipe.training.run_settings import TrainSettings
from muspipe.training.schedules import SCHEDULES, Phase, get_schedule, make_optimizer
from muspipe.training.session import Session
from tests.training.small_runs import FakeDevice, settings_of

NOISE = (10.0, 30.0)
PRINTED = {
    # name, steps, rate, optimizer, clipping, frozen, noise [dB]
    ("seg", "paper"): [
        ("heads", 20_000, 1e-3, "sgd", 5.0, "resnet", None),
        ("all", 180_000, 1e-4, "sgd", 5.0, None, None),
        ("fine", 300_000, 1e-5, "sgd", 5.0, None, None),
        ("noise", 100_000, 1e-5, "sgd", 5.0, None, NOISE),
    ],
    ("twitch", "paper"): [("all", 100_000, 1e-4, "adam", 1.0, None, None)],
    ("twitch", "paper-noise"): [
        ("all", 100_000, 1e-4, "adam", 1.0, None, None),
        ("noise", 20_000, 1e-4, "adam", 1.0, None, NOISE),
    ],
}
OF_ALL = {
    # batch size, patience, ends of the phases
    ("seg", "paper"): (8, None, [20_000, 200_000, 500_000, 600_000]),
    ("twitch", "paper"): (32, 400, [100_000]),
    ("twitch", "paper-noise"): (32, 400, [100_000, 120_000]),
}
SMALL_SEG = {
    "mask_rcnn.RESNET_BLOCKS": [1, 1, 1, 1],
    "mask_rcnn.RESNET_FILTERS": [4, 4, 4, 4],
    "mask_rcnn.FPN_CLASSIF_FC_LAYERS_SIZE": 8,
    "mask_rcnn.MASK_CHANNELS": 4,
    "mask_rcnn.RPN_CHANNELS": 4,
    "mask_rcnn.TRAIN_ROIS_PER_IMAGE": 8,
}


def test_no_printed_schedule_is_left_out():
    assert {(task, name) for task, schedules in SCHEDULES.items() for name in schedules if name != "short"} == {
        *PRINTED
    }


@pytest.mark.parametrize("task, name", PRINTED)
def test_the_printed_numbers(task, name):
    schedule = get_schedule(task, name)
    found = [(p.name, p.steps, p.learning_rate, p.optimizer, p.clip_norm, p.frozen, p.snr_db) for p in schedule.phases]
    assert found == PRINTED[task, name]
    assert not any(phase.cosine or phase.warmup for phase in schedule.phases)
    starts = [0, *OF_ALL[task, name][2][:-1]]
    assert (schedule.batch_size, schedule.patience, [schedule.at(start)[2] for start in starts]) == OF_ALL[task, name]
    for (phase, start, end), begin in zip([schedule.at(start) for start in starts], starts, strict=True):
        assert start == begin and schedule.at(end - 1) == (phase, start, end)


def test_validations_are_as_printed():
    settings = TrainSettings("seg", schedule="paper")
    assert (settings.val_every, settings.val_batches) == (100, 10)


@pytest.mark.parametrize("task, name", PRINTED)
def test_the_optimizers_have_these_numbers(task, name):
    for phase in get_schedule(task, name).phases:
        optimizer = make_optimizer(phase)
        assert float(optimizer.learning_rate) == pytest.approx(phase.learning_rate)
        assert optimizer.global_clipnorm == phase.clip_norm and type(optimizer).__name__.lower() == phase.optimizer
        assert optimizer.clipnorm is None and optimizer.clipvalue is None and not optimizer.weight_decay
        if phase.optimizer == "sgd":
            assert (optimizer.momentum, optimizer.nesterov) == (0.9, False)
        else:
            assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)  # Keras' own; the paper gives none


@pytest.mark.parametrize("task, name", PRINTED)
def test_the_batches_have_this_size_and_noise(tmp_path, task, name):
    changes = {"task": task, "schedule": name, "random_start": True, "snr_db": None, "steps": None, "batch_size": None}
    options = SMALL_SEG if task == "seg" else settings_of().options
    session = Session(new_run(tmp_path, settings_of(**changes | {"options": options})).read_plan(), FakeDevice())
    found = [session.batch_options(phase) for phase in session.plan.schedule.phases]
    assert [options.snr_db for options in found] == [row[-1] for row in PRINTED[task, name]]
    assert {options.batch_size for options in found} == {OF_ALL[task, name][0]}
    assert {options.clean_share for options in found} == {0.0} and all(options.flips for options in found)


def test_the_resnet_is_frozen_in_the_first_phase_alone(tmp_path):
    """By name, and by what a step changes: a frozen layer keeps its statistics, too."""
    changes = {"task": "seg", "schedule": "paper", "random_start": True, "snr_db": None, "steps": 4}
    changes |= {"options": SMALL_SEG, "batch_size": 2, "online_sequences": 2, "n_units": (5, 6)}
    session = Session(new_run(tmp_path, settings_of(**changes)).read_plan(), OneDevice())
    leaves = [layer for layer in leaf_layers(session.model) if layer.weights]
    resnet = {layer.name for layer in leaves if re.fullmatch(r"(res|bn)[2345]._.*", layer.name)}
    assert len(resnet) == 4 * 8  # a block a stage: three convolutions, the shortcut, and as many normalisations
    for step, phase in enumerate(("heads", "all", "fine", "noise")):
        made = session.begin(step)
        frozen = {layer.name for layer in leaves if not layer.trainable}
        assert made.name == phase and frozen == (resnet if phase == "heads" else set())
        if phase == "heads":
            before = {layer.name: layer.get_weights() for layer in leaves}
            next(made.losses(step))
            moved = {name for name, kept in before.items() if _differs(kept, leaves, name)}
            assert moved and moved.isdisjoint(resnet)


def test_the_papers_resnet_is_frozen_whole():
    """33 blocks of three convolutions, four shortcuts, and as many normalisations; nothing of the front end."""
    model = get_preset("seg", "paper").build()
    freeze(model, "resnet")
    frozen = {layer.name for layer in leaf_layers(model) if layer.weights and not layer.trainable}
    assert len(frozen) == 2 * (33 * 3 + 4) and all(re.fullmatch(r"(res|bn)[2345].+_branch.+", name) for name in frozen)
    assert {"res4w_branch2c", "bn5a_branch1"} <= frozen


def _differs(kept, leaves, name):
    (layer,) = [layer for layer in leaves if layer.name == name]
    return any(not np.array_equal(one, other) for one, other in zip(kept, layer.get_weights(), strict=True))


def test_examples_before_a_part_are_counted():
    """Phases of 20, 180, 300 and 100 thousand steps, of which a hundredth or all are taken."""
    schedule = get_schedule("seg", "paper")
    later = schedule.part("all").part("fine")
    assert (schedule.part("all").before, later.before, later.scaled(4_000).before) == (20_000, 200_000, 2_000)


def test_a_warm_rate_rises_from_a_hundredth_and_falls_to_one():
    """100 steps, the first 10 of them warm; half of the other 90 later it is midway, and a hundredth at the end."""
    phase = Phase("all", 100, 1.0, warmup=0.1, cosine=True)
    rate = make_optimizer(phase)._learning_rate
    assert [float(rate(step)) for step in (0, 10, 55, 100)] == pytest.approx([0.01, 1, 0.505, 0.01], abs=1e-5)
