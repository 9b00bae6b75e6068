"""Every setting of everything that a person can set: a type and a range, whatever it is given."""

import dataclasses
import math
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muspipe.echoes.options import Scan, VelocityOptions
from muspipe.errors import InputError
from muspipe.evaluation import EVALUATED
from muspipe.evaluation.reference_options import PairingOptions
from muspipe.preparation.prepare import Preparation
from simulator import SimulationConfig
from simulator.muscle_config import EchoSettings, MotionSettings, TissueSettings
from simulator.shared.settings import changed, described, parse_assignments

METHODS = [entry.load() for entry in EVALUATED.values()]
OTHERS = [Preparation, VelocityOptions, PairingOptions, SimulationConfig, TissueSettings, MotionSettings, EchoSettings]


def nested(cls):
    """(class, field, type, facts) of a dataclass of settings and of those in it."""
    for name, (hint, facts) in described(cls).items():
        yield cls, name, hint, facts
        if dataclasses.is_dataclass(hint):
            yield from nested(hint)


def kinds(hint):
    """int, float and the other types that a type is made of."""
    inner = typing.get_args(hint)
    return {kind for part in inner for kind in kinds(part)} if inner else {hint}


@pytest.mark.parametrize("cls", [*METHODS, *OTHERS, Scan])
def test_every_number_has_a_range(cls):
    assert {field.name for field in dataclasses.fields(cls)} == set(described(cls))
    for owner, name, hint, facts in nested(cls):
        if kinds(hint) & {int, float} and name not in ("seed", "twitch_waveform"):
            low = facts.least is not None or facts.above is not None
            assert low and facts.most is not None, f"{owner.__name__}.{name}"


NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -1, 1e300, -1e300, 1e-300, 10**30, math.nan, math.inf, True]),
)
ANY = st.recursive(
    st.one_of(NUMBERS, st.text(max_size=5), st.none(), st.sampled_from(["abc", "true", ""])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


@given(st.data())
@settings(max_examples=50, derandomize=True, deadline=None)
def test_any_value_is_taken_within_the_range_or_refused_in_one_line(data):
    check_any_value(data)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=2000, deadline=None)
def test_any_value_of_many(data):
    check_any_value(data)


def check_any_value(data):
    cls = data.draw(st.sampled_from([*METHODS, *OTHERS]))
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(cls)]))
    value = data.draw(ANY)
    hint, facts = described(cls)[name]
    try:
        taken = getattr(changed(cls(), {name: value}, "it"), name)
    except InputError as error:
        assert name in str(error) or "SimulationConfig" in str(error)
        assert "\n" not in str(error)
        return
    numbers = [taken] if isinstance(taken, int | float) else taken if isinstance(taken, tuple) else []
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool) and name != "twitch_waveform":
            assert not math.isnan(number)
            assert facts.least is None or number >= facts.least
            assert facts.most is None or number <= facts.most


@pytest.mark.parametrize(
    "pair",
    "max_components=abc diameter_mm=5 sparse=1 min_score=abc min_score=NaN link_window_s=1e300 link_window_s=-1 "
    "diameter_mm=[20,2] diameter_mm=[NaN,2] sparse.iterations=0.5".split(),
)
def test_values_that_were_once_taken_or_ended_in_a_traceback(pair):
    ica = EVALUATED["ica"].load()()
    with pytest.raises(InputError, match=pair.partition("=")[0]):
        changed(ica, parse_assignments([pair]), "method 'ica'")
