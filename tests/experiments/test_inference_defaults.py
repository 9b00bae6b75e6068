"""Options of detection changed one at a time."""

import numpy as np
import pytest

from experiments import inference_defaults
from muspipe.models import get_preset
from muspipe.recordings.simulated import recording_of, truth_of
from simulator import SimulationConfig, simulate


def test_each_default_is_changed_by_itself():
    found = list(inference_defaults.variants(get_preset("seg", "paper")))
    assert found[0] == ("as it is", "", {}, None, None)
    assert ("DETECTION_NMS_THRESHOLD", 0.5, {"DETECTION_NMS_THRESHOLD": 0.5}, None, None) in found
    assert ("mask_level", 0.3, {}, None, 0.3) in found
    lower = ("DETECTION_MIN_CONFIDENCE", 0.5, {"DETECTION_MIN_CONFIDENCE": 0.5}, 0.5, None)
    assert lower in found, "the network drops detections by itself, and so does who asks it"
    assert all(len(changes) <= 1 for _, _, changes, _, _ in found)
    names = {name for name, *_ in inference_defaults.variants(get_preset("seg", "compact"))}
    assert len(names) == 5
    same = [value for name, value, *_ in inference_defaults.variants(get_preset("seg", "compact")) if "NMS" in name]
    assert 0.6 not in same and 0.8 not in same, "those are its own"


@pytest.mark.parametrize("threshold", [0.05, 0.95])
def test_the_network_is_the_same_with_another_option(threshold):
    network = inference_defaults.network_of("seg-compact", {"DETECTION_NMS_THRESHOLD": threshold})
    assert network.config.DETECTION_NMS_THRESHOLD == threshold
    plain = inference_defaults.network_of("seg-compact", {})
    for a, b in zip(plain.weights, network.weights, strict=True):
        if "seed" not in a.path:
            np.testing.assert_array_equal(a, b)


def test_measures_of_a_recording():
    """The truth's own territories found by a network that hands them out, one of them twice and one not at all."""
    sequence = simulate(SimulationConfig.scenario("paper", n_units=4), 5)
    recording, truth = recording_of(sequence, 20.0), truth_of(sequence)

    class Knowing:
        preset = get_preset("seg", "compact")

        def territories(self, images, level):
            found = truth.territories[[0, 1, 2, 2]]
            yield from ((found, np.array([0.9, 0.9, 0.9, 0.1], np.float32)) for _ in images)

    measured = inference_defaults.measured
    assert measured(Knowing(), recording, truth, 0.05, None) == pytest.approx((0.75, 0.75, 1, 1))
    assert measured(Knowing(), recording, truth, None, None) == pytest.approx((0.75, 1, 1, 1)), "0.1 is dropped"
