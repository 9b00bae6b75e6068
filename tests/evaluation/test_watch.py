"""What is measured while a network trains, with networks that answer as they are told."""

from dataclasses import dataclass

import numpy as np
import pytest

from muspipe.data.sources import OnlineSource
from muspipe.evaluation import watch
from muspipe.models import get_preset
from simulator import SimulationConfig


@pytest.fixture(scope="module")
def source():
    return OnlineSource(SimulationConfig.scenario("paper", n_units=(4, 4)), 3, 12)


@dataclass
class Told:
    """Finds the first `n` true territories of each sequence in turn, and `n_wrong` far smaller ones."""

    source: OnlineSource
    n: int
    n_wrong: int = 0
    calls: int = 0
    preset = get_preset("seg", "centre")

    def territories(self, images, level):
        assert level is None and images.shape == (1, 64, 64, 400)
        true = self.source[self.calls].territories
        self.calls += 1
        wrong = np.zeros((self.n_wrong, *true.shape[1:]), bool)
        wrong[:, 0, 0] = True
        found = np.concatenate([true[: self.n], wrong])
        yield found, np.full(len(found), 0.9, np.float32)


def test_territories(source):
    model = Told(source, 3, 2)
    assert watch.measure(model, source, None) == {
        "recall": 0.75, "precision": pytest.approx(0.6), "pixel_recall": 1.0, "pixel_precision": 1.0
    }  # fmt: skip
    assert model.calls == watch.N_SEQUENCES == 8
    found = watch.measure(Told(source, 0), source, 10.0)
    assert (found["recall"], found["precision"]) == (0, 1) and np.isnan(found["pixel_recall"])


def test_firings(source, monkeypatch):
    """The true trains agree with themselves, and a straight line with nothing."""
    trains = iter([source[i].twitch_trains for i in range(7)] + [np.zeros((4, 400))])
    monkeypatch.setattr(watch, "network_signals", lambda model, recording, territories: next(trains))
    model = Told(source, 0)
    model.preset = get_preset("twitch", "compact")
    assert watch.measure(model, source, 20.0) == {"roa": pytest.approx(7 / 8)}


@pytest.mark.parametrize("task", ["seg", "twitch"])
def test_the_measures_are_those_of_the_task(task, source, monkeypatch):
    from muspipe.training.tasks import TASKS

    monkeypatch.setattr(watch, "network_signals", lambda model, recording, territories: np.zeros((4, 400)))
    model = Told(source, 0)
    model.preset = get_preset(task, {"seg": "centre", "twitch": "compact"}[task])
    assert tuple(watch.measure(model, source, None)) == TASKS[task].measures
