"""Batches by step: none repeats another, from any step on they are the same, and so through tf.data."""

import numpy as np
import pytest

from muspipe.data.options import BatchOptions
from muspipe.data.sources import open_dataset
from muspipe.errors import InputError
from muspipe.training.examples import Examples, FixedEpochs, JaxExamples, OnlineEpochs, TensorFlowExamples, stream
from muspipe.training.tasks import SEG, TASKS, TWITCH
from simulator import SimulationConfig
from simulator.generate import generate_dataset


def test_no_online_epoch_repeats_another_and_no_crop_its_noise():
    config = SimulationConfig.scenario("paper", n_units=(1, 1))
    epochs = OnlineEpochs([config], 0, 1, "train")
    assert [epochs.source(epoch).seed >> 32 for epoch in (0, 1, 70_000)] == [0, 1, 70_000]  # no two can be equal
    assert epochs.source(7).seed == epochs.source(7).seed
    assert epochs.source(7).seed != OnlineEpochs([config], 0, 1, "val").source(7).seed
    made = Examples(TWITCH, epochs, BatchOptions(batch_size=4, snr_db=20.0))
    crops = np.concatenate([made.batch(step)["crops"] for step in range(4)])  # 16 of 1 unit
    assert len({crop.tobytes() for crop in crops}) == 16


def test_an_online_epoch_has_as_many_examples_whatever_its_units():
    configs = SimulationConfig.scenario("paper", n_units=(2, 30)), SimulationConfig.scenario("physiological")
    for task, n_examples in ((SEG, 6), (TWITCH, 96)):
        epochs = OnlineEpochs(configs, 0, 5, "train")  # 3 of each
        names = [epochs.source(0)[i].config.name for i in range(4)]
        assert names == ["paper", "physiological"] * 2
        for epoch in range(3):
            rows = epochs.rows(task, BatchOptions(), epoch)
            assert len(rows) == n_examples == len(np.unique(rows.reshape(n_examples, -1)[:, -1]))  # each its own index


def test_a_batch_must_fit_an_epoch():
    epochs = OnlineEpochs([SimulationConfig.scenario("paper")], 0, 4, "train")
    with pytest.raises(InputError, match="batch_size 5: expected at most 4, the examples of an epoch"):
        Examples(SEG, epochs, BatchOptions(batch_size=5))


def test_a_stream_keeps_the_order_and_raises_what_was_raised():
    def make(step):
        if step == 30:
            raise KeyError("thirty")
        return step

    seen = []
    with pytest.raises(KeyError, match="thirty"):
        for value in stream(make, 10, 50, n_threads=3):
            seen.append(value)
    assert seen == list(range(10, 30))


@pytest.mark.parametrize("device", [None, "CPU:0"])
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_batches_through_tensorflow_are_those_of_numpy_from_any_step(tmp_path, task, online, device):
    pytest.importorskip("tensorflow")
    config = SimulationConfig.scenario("paper", n_units=(2, 3))
    if online:
        epochs = OnlineEpochs([config], 0, 4 if task == "seg" else 1, "train")
    else:
        generate_dataset(tmp_path, config, 1, 4, 0, 0, workers=1)
        epochs = FixedEpochs(open_dataset(tmp_path, "train"))
    options = BatchOptions(batch_size=2, snr_db=(10.0, 30.0))
    plain, through = Examples(TASKS[task], epochs, options), TensorFlowExamples(TASKS[task], epochs, options, device)
    first = plain.batches_an_epoch + 1  # the second batch of the second epoch; then on into the third
    end = first + plain.batches_an_epoch + 1
    steps = range(first, end)
    batches = through.stream(first, end, "pixels", lambda truth, step: truth | {"step": step})
    for step, batch in zip(steps, batches, strict=True):
        assert batch["step"] == step
        expected = plain.batch(step)
        np.testing.assert_allclose(batch["pixels"], expected.pop(TASKS[task].pixels), rtol=1e-4, atol=1e-4)
        for name, array in expected.items():
            np.testing.assert_array_equal(batch[name], array, err_msg=name)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kinds", [("paper",), ("paper", "echo")])
def test_batches_through_jax_are_those_of_numpy(task, kinds):
    """Those of echo and paper in turn have shaped and white noise in one batch, and unlike numbers of components."""
    pytest.importorskip("jax")
    configs = [SimulationConfig.scenario(name, n_units=(2, 3)) for name in kinds]
    options = BatchOptions(batch_size=2, snr_db=(10.0, 30.0), shuffle=False)
    epochs = OnlineEpochs(configs, 0, 4 if task == "seg" else 2, "train")
    plain, through = (kind(TASKS[task], epochs, options) for kind in (Examples, JaxExamples))
    for step, batch in zip((1, 2), through.stream(1, 3, "pixels", lambda truth, step: truth), strict=True):
        expected = plain.batch(step)
        np.testing.assert_allclose(batch["pixels"], expected.pop(TASKS[task].pixels), rtol=1e-4, atol=1e-4)
        for name, array in expected.items():
            np.testing.assert_array_equal(batch[name], array, err_msg=name)
