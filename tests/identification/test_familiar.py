"""What a recording is like, and whether muspipe knows such recordings."""

import json

import numpy as np
import pytest

from muspipe import Recording, identify
from muspipe.identification.familiar import FACTS, FILE, _middle, facts, unfamiliar
from muspipe.recordings.simulated import recording_of
from simulator import SimulationConfig, simulate

TIME_S = np.arange(400) / 400


def recording(velocity, frame_rate_hz=400.0, pixel_mm=0.625):
    return Recording(velocity, frame_rate_hz=frame_rate_hz, pixel_mm=pixel_mm)


def swinging(frequency_hz, time_s=TIME_S, size=40):
    return np.ones((size, size, 1)) * np.sin(2 * np.pi * frequency_hz * time_s)


def noise(shape=(40, 40, 400)):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.fixture(scope="module")
def muscle():
    return recording_of(simulate(SimulationConfig.scenario("physiological", n_units=8), 3), 15.0)


def test_facts_of_a_common_swing():
    found = facts(recording(swinging(10)))
    assert found.keys() == FACTS.keys()
    for name, value in {"twitch_share": 1, "slow_share": 0, "fast_share": 0, "common_share": 1}.items():
        assert found[name] == pytest.approx(value, abs=1e-3)
    assert found["likeness_0_6_mm"] == pytest.approx(1, abs=1e-5) == found["likeness_2_5_mm"]
    assert found["spike_sd"] == pytest.approx(np.sqrt(2), rel=1e-3)  # of a sine
    assert found["strongest_share"] == pytest.approx(0.1, abs=1e-6)


def test_a_few_pixels_that_move_are_seen():
    """Without noise, between every fourth pixel."""
    velocity = np.zeros((40, 40, 400))
    velocity[5:8, 5:8] = np.sin(2 * np.pi * 10 * TIME_S)
    found = facts(recording(velocity))
    assert found["twitch_share"] == pytest.approx(1, abs=1e-3) and np.isfinite(list(found.values())).all()


def test_facts_of_noise():
    found = facts(recording(noise()))
    assert found["fast_share"] == pytest.approx(0.6, abs=0.02)  # 80 to 200 Hz of 0 to 200
    assert found["slow_share"] < 0.03 and found["common_share"] < 0.01
    assert max(abs(found[name]) for name in found if "likeness" in name) < 0.03
    assert found["spike_sd"] == pytest.approx(3.89, abs=0.15)  # 1 in 10,000 of a normal distribution


def test_facts_are_of_the_networks_grid():
    """At twice the pixels and frames a recording has the same facts."""
    y, x = np.mgrid[:40, :40]
    waves = [np.cos(2 * np.pi * (x[..., None] / 20 + f * TIME_S)) * np.sin(y / 5)[..., None] for f in (7, 22)]
    plain = sum(waves)
    fine = np.repeat(np.repeat(np.repeat(plain, 2, 0), 2, 1), 2, 2)
    one, other = facts(recording(plain)), facts(recording(fine, 800.0, 0.3125))
    assert one == pytest.approx(other, abs=0.06)


def test_what_stands_still_is_no_fact():
    offsets = 100 * np.random.default_rng(1).standard_normal((40, 40, 1))
    assert facts(recording(noise() + offsets)) == pytest.approx(facts(recording(noise())), abs=1e-3)


def test_facts_are_of_the_middle():
    """40 of 100 mm of pixels of 1 mm, and 2 of 3 s at 200 Hz."""
    rows, frames = np.arange(100.0)[:, None, None], np.arange(600.0)
    middle = _middle(recording(1000 * rows + frames + np.zeros((100, 100, 600)), 200.0, 1.0)).velocity
    assert middle.shape == (40, 40, 400) and (middle[0, 0, 0], middle[-1, 0, -1]) == (30_100, 69_499)


def test_what_lies_outside_is_said():
    given, ranges = recording(swinging(10)), {name: [-10.0, 10.0] for name in FACTS}
    assert unfamiliar(given, ranges) == ()
    (line,) = unfamiliar(given, ranges | {"common_share": [0.0, 0.2], "twitch_share": [0.0, 0.95]})
    assert "which may not hold: share of the power that the whole image has in common: 1, there 0 to 0.2" in line
    assert "twitches" not in line  # within the margin


def test_nothing_moves():
    still = recording(noise()).with_velocity(np.ones((40, 40, 400), np.float32))
    assert facts(still) == {} and unfamiliar(still) == ()


def test_the_file_has_these_facts():
    ranges = json.loads(FILE.read_text())
    assert ranges.keys() == FACTS.keys() and all(low < high for low, high in ranges.values())


def test_simulated_muscles_are_familiar_and_stripes_are_not(muscle):
    assert unfamiliar(muscle) == ()
    striped = muscle.velocity * np.where(np.arange(64) % 2, 1, -1)[:, None, None]
    (line,) = unfamiliar(muscle.with_velocity(striped.astype(np.float32)))
    assert "correlation of the motion 0.6 mm apart: -0." in line


def test_identify_says_so_with_networks_alone(muscle):
    odd = muscle.with_velocity((muscle.velocity * np.where(np.arange(64) % 2, 1, -1)[:, None, None]).astype(np.float32))
    assert any("unlike the recordings" in line for line in identify(odd, "deep").warnings)
    assert not any("unlike the recordings" in line for line in identify(muscle, "deep").warnings)
    assert not any("unlike the recordings" in line for line in identify(odd, "ica").warnings)
