"""Settings that describe themselves, on a dataclass with a field of every kind."""

import argparse
import math
from dataclasses import dataclass

import numpy as np
import pytest

from simulator.shared import settings
from simulator.shared.errors import InputError
from simulator.shared.settings import setting


@dataclass(frozen=True)
class Inner:
    width_mm: float = setting(2.0, "width", unit="mm", above=0)

    def __post_init__(self):
        settings.check(self)


@dataclass(frozen=True)
class Outer:
    kind: str = setting("soft", "which kind", choices=("soft", "hard"))
    share: float = setting(0.5, "a share", least=0, most=1)
    count: int = setting(3, "how many", least=1)
    limit: int | None = setting(None, "at most so many", least=1)
    range_mm: tuple[float, float] = setting((2.0, 12.0), "diameters", unit="mm", above=0, rising=True)
    snr_db: float | tuple[float, float] | None = setting(None, "noise", unit="dB", infinite=True, rising=True)
    fast: bool = setting(False, "whether in a hurry")
    path: str | None = setting(None, "a file", metavar="FILE")
    inner: Inner = setting(Inner, "nested", argument=False)
    free: dict = setting(dict, "anything", argument=False)
    not_described: int = 7

    def __post_init__(self):
        settings.check(self)


def test_values_are_brought_to_their_types():
    outer = Outer(share=1, count=np.int64(4), range_mm=[2, 24], snr_db=20, inner={"width_mm": 3})
    assert (outer.share, outer.count, outer.range_mm, outer.snr_db) == (1.0, 4, (2.0, 24.0), 20.0)
    assert type(outer.share) is float and type(outer.count) is int and type(outer.range_mm[0]) is float
    assert outer.inner == Inner(3.0)
    assert Outer(snr_db=(10, 30)).snr_db == (10.0, 30.0) and Outer(snr_db=math.inf).snr_db == math.inf


@pytest.mark.parametrize(
    "values, said",
    [
        ({"kind": "odd"}, "kind: expected one of soft, hard, got 'odd'"),
        ({"share": 1.5}, "share: expected a number from 0 to 1, got 1.5"),
        ({"share": math.nan}, "share: expected a number from 0 to 1, got nan"),
        ({"share": True}, "share: expected a number from 0 to 1, got True"),
        ({"share": "0.5"}, "share: expected a number from 0 to 1, got '0.5'"),
        ({"count": 2.0}, "count: expected an integer from 1, got 2.0"),
        ({"count": 0}, "count: expected an integer from 1, got 0"),
        ({"limit": 0}, "limit: expected an integer from 1 or none, got 0"),
        ({"range_mm": (3.0,)}, "range_mm: expected 2 values (low <= high), each a number above 0 [mm], got (3.0,)"),
        ({"range_mm": (3.0, 2.0)}, "range_mm: expected 2 values (low <= high), each a number above 0 [mm], got (3.0, "),
        ({"range_mm": (0, 2)}, "range_mm: expected"),
        ({"range_mm": (1, math.inf)}, "range_mm: expected"),
        ({"snr_db": "loud"}, "snr_db: expected a number or 2 values (low <= high), each a number or none [dB], got"),
        ({"fast": 1}, "fast: expected true or false, got 1"),
        ({"path": 3}, "path: expected text or none, got 3"),
        ({"inner": {"width": 1}}, "inner: expected Inner or a dictionary of its settings, got"),
        ({"inner": {"width_mm": 0}}, "width_mm: expected a number above 0 [mm], got 0"),
    ],
)
def test_wrong_values_are_named(values, said):
    with pytest.raises(InputError) as error:
        Outer(**values)
    assert str(error.value).startswith(said)


def test_changes_reach_into_nested_settings():
    outer = settings.changed(Outer(), {"count": 5, "inner.width_mm": 4}, "method 'outer'")
    assert outer.count == 5 and outer.inner.width_mm == 4.0 and outer.kind == "soft"
    freed = settings.changed(settings.changed(outer, {"free.a": 1}, ""), {"free.b": 2}, "")
    assert freed.free == {"a": 1, "b": 2} and outer.free == {}
    with pytest.raises(InputError, match=r"^inner.width_mm: expected a number above 0 \[mm\], got 0$"):
        settings.changed(Outer(), {"inner.width_mm": 0}, "method 'outer'")
    for name in ("size", "inner.size", "count.size"):
        with pytest.raises(InputError, match=r"method 'outer'.* has no setting '.*'; it has"):
            settings.changed(Outer(), {name: 1}, "method 'outer'")


def test_assignments_are_read_as_json_or_text():
    pairs = ["a=1", "b=[2, 24]", "c=true", "d=null", "e=hard", "f=inf", "g=x=y"]
    assert settings.parse_assignments(pairs) == {
        "a": 1, "b": [2, 24], "c": True, "d": None, "e": "hard", "f": math.inf, "g": "x=y"
    }  # fmt: skip
    with pytest.raises(InputError, match="--set: expected NAME=VALUE, got 'a'"):
        settings.parse_assignments(["a"])


def read(*words):
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser, Outer)
    return settings.given(parser.parse_args(words), Outer)


def test_arguments_of_the_command_line():
    assert read() == {}
    words = "--kind hard --share 1 --limit 4 --range-mm 2 24 --snr-db 10 30 --fast --path 2020".split()
    expected = {"kind": "hard", "share": 1.0, "limit": 4, "range_mm": (2.0, 24.0), "snr_db": (10.0, 30.0)}
    assert read(*words) == expected | {"fast": True, "path": "2020"}
    assert read("--snr-db", "inf") == {"snr_db": math.inf}
    for words, said in (
        (("--share", "nan"), "--share: expected a number from 0 to 1, got nan"),
        (("--snr-db", "1", "2", "3"), "--snr-db: expected a number or 2 values"),
        (("--count", "many"), "--count: expected an integer from 1, got 'many'"),
    ):
        with pytest.raises(InputError) as error:
            read(*words)
        assert str(error.value).startswith(said)


def test_help_tells_unit_and_default():
    parser = argparse.ArgumentParser(prog="x")
    settings.add_arguments(parser, Outer)
    text = " ".join(parser.format_help().split())
    assert "--share X a share; default 0.5" in text and "--snr-db dB [dB ...] noise" in text
    assert "--range-mm LOW HIGH diameters; default (2.0, 12.0)" in text
    assert "--path FILE a file" in text
    assert "--inner" not in text and "--not-described" not in text
