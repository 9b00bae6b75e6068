"""What is told from deep within a computation reaches who listens, in that thread alone; and every method tells."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from muspipe import identify
from muspipe.progress import listening, tell
from muspipe.recordings.simulated import recording_of
from simulator import SimulationConfig, simulate


def test_shares_rise_and_nobody_needs_to_listen():
    told = []
    tell(1, 4, "component")
    with listening(lambda *what: told.append(what)):
        tell(1, 4, "component")
        tell(0, 2, "round", most=True)
        with ThreadPoolExecutor(1) as other:
            other.submit(tell, 3, 4, "component").result()
    tell(2, 4, "component")
    assert told == [(0.25, "component 2 of 4"), (0.25, "round 1 of at most 2")]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("ica", "component 2 of "),
        ("hybrid", "component 2 of "),
        ("deep", "stretch of the trains 2 of 2"),
        ("stica", "round 2 of at most 200"),
        ("stsobi", "round 2 of at most 100"),
        ("spca", "round 2 of at most "),
    ],
)
def test_methods_say_where_they_are(method, expected):
    config = SimulationConfig.scenario("physiological", n_units=3, n_frames=500)
    told = []
    identify(recording_of(simulate(config, 7), 20.0), method, progress=lambda *what: told.append(what))
    assert any(what.startswith(expected) for _, what in told)
    shares = [done for done, _ in told]
    assert shares == sorted(shares) and told[-1] == (1.0, "done")
