"""Settings that describe themselves: a frozen dataclass whose fields know their type, unit, range and meaning.

>>> @dataclass(frozen=True)
... class Method:
...     min_score: float = setting(0.3, "units with a lower score are dropped", least=0, most=1)
...
...     def __post_init__(self):
...         check(self)

The same description checks values given from Python (`check`), by `--set NAME=VALUE` (`changed`, `parse_assignments`)
and on the command line, whose arguments it makes (`add_arguments`, `given`), and is what a list of settings shows
(`lines_of`). Whatever is wrong is one InputError that names the setting, what was expected and what came.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
import numbers
import types
import typing
from collections.abc import Iterable, Iterator

from simulator.shared.errors import InputError


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a field says of itself besides its type."""

    help: str
    """Starts with a small letter, has no full stop: a line of `--help`."""
    unit: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    """As `least`, but the value itself is not allowed."""
    choices: tuple = ()
    infinite: bool = False
    """Whether a number may be infinite."""
    rising: bool = False
    """Whether the numbers of a tuple must not fall: (low, high)."""
    argument: bool = True
    """Whether the command line has an argument of its own for it."""
    metavar: str = ""
    """What stands for the value in `--help`, where unit or type do not say it well: FILE."""


def setting(default, help: str, **facts):
    """A field of a dataclass of settings. default: a value, or a class or function that makes one; facts: as of
    `Facts`."""
    metadata = {"setting": Facts(help, **facts)}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, type | types.FunctionType):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@functools.cache
def described(cls) -> dict[str, tuple[object, Facts]]:
    """{name: (type, facts)} of the fields of a dataclass that were made by `setting`."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field.metadata.get("setting") for field in dataclasses.fields(cls)}
    return {name: (hints[name], facts) for name, facts in fields.items() if facts is not None}


def check(settings, owner: str = "") -> None:
    """Check every described field of a dataclass instance, and bring its value to the declared type: integers become
    floats, lists tuples, dictionaries the dataclass that is declared. Call it in `__post_init__`.

    owner: what stands before a name in messages, such as "BatchOptions.".
    """
    for name, (hint, facts) in described(type(settings)).items():
        object.__setattr__(settings, name, checked(f"{owner}{name}", getattr(settings, name), hint, facts))


def checked(label: str, value, hint, facts: Facts):
    """The value, as its type wants it. InputError that begins with the label."""
    try:
        return _converted(value, hint, facts)
    except _Refused:
        expected = _expectation(hint, facts) + (f" [{facts.unit}]" if facts.unit and not facts.choices else "")
        raise InputError(f"{label}: expected {expected}, got {value!r}") from None


@dataclasses.dataclass(frozen=True)
class Line:
    """A setting in a list."""

    name: str
    value: str
    """As `--set` takes it, as is what is expected."""
    unit: str
    expected: str
    help: str


def lines_of(settings, prefix: str = "") -> Iterator[Line]:
    """A line for each described field of a dataclass instance, "outer.inner" for those of a field that is one, too.
    prefix: stands before the names."""
    for name, (hint, facts) in described(type(settings)).items():
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            yield from lines_of(value, f"{prefix}{name}.")
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        yield Line(f"{prefix}{name}", text, facts.unit, _brief(hint, facts), facts.help)


def changed(settings, changes: dict, what: str, prefix: str = "", listed: str = ""):
    """A copy of a dataclass instance with changes {name: value}; "outer.inner" reaches into a field that is a
    dataclass or a dictionary. what: names the owner in the InputError for an unknown name; prefix: stands before the
    names of wrong values; listed: says where the settings are listed."""
    direct, nested = {}, {}
    known = described(type(settings))
    for name, value in changes.items():
        head, dot, rest = name.partition(".")
        outer = getattr(settings, head) if head in known else None
        if head not in known or (dot and not (dataclasses.is_dataclass(outer) or isinstance(outer, dict))):
            more = f", {listed}" if listed else ""
            raise InputError(f"{what} has no setting {name!r}; it has {', '.join(known)}{more}")
        if dot and isinstance(outer, dict):
            direct[head] = {**direct.get(head, outer), rest: value}
        elif dot:
            nested.setdefault(head, {})[rest] = value
        else:
            direct[name] = value
    for head, inner in nested.items():
        outer = direct.get(head, getattr(settings, head))
        direct[head] = changed(outer, inner, f"{what}, {head}", f"{prefix}{head}.", listed)
    try:
        return dataclasses.replace(settings, **direct)
    except InputError as error:
        raise InputError(f"{prefix}{error}") from error


def parse_assignments(pairs: Iterable[str]) -> dict:
    """{name: value} of NAME=VALUE texts: numbers, lists, true, false and null as in JSON, anything else is text.
    InputError for a text without "="."""
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set: expected NAME=VALUE, got {pair!r}")
        values[name] = _parsed(text)
    return values


def add_arguments(parser: argparse.ArgumentParser, cls, names: Iterable[str] | None = None) -> None:
    """One argument `--name` for each described field of a dataclass, or for these; its help tells unit and default."""
    for name, (hint, facts) in described(cls).items():
        if not facts.argument or (names is not None and name not in names):
            continue
        flag, default = f"--{name.replace('_', '-')}", _default_of(cls, name)
        if hint is bool:
            parser.add_argument(flag, action="store_true", default=None, help=facts.help)
            continue
        shown = "" if default in (None, dataclasses.MISSING) or "default" in facts.help else f"; default {default}"
        options = {"metavar": facts.metavar or facts.unit or _metavar(hint), "help": facts.help + shown}
        length = _length(hint)
        if length:
            options |= {"nargs": "+" if _takes_scalar(hint) else length}
            options["metavar"] = ("LOW", "HIGH") if length == 2 and options["nargs"] == 2 else options["metavar"]
        parser.add_argument(flag, **options)


def given(args: argparse.Namespace, cls, names: Iterable[str] | None = None) -> dict:
    """{name: checked value} of the arguments made by `add_arguments` that were given. InputError that names the
    argument."""
    values = {}
    for name, (hint, facts) in described(cls).items():
        text = getattr(args, name, None)
        if text is None or not facts.argument or (names is not None and name not in names):
            continue
        value = text
        if isinstance(text, list):
            value = [_parsed(part) for part in text]
            value = value[0] if len(value) == 1 and _takes_scalar(hint) else value
        elif isinstance(text, str) and str not in _options(hint):
            value = _parsed(text)
        values[name] = checked(f"--{name.replace('_', '-')}", value, hint, facts)
    return values


class _Refused(ValueError):
    """A value is not of a type, or not in its range."""


def _options(hint):
    """The alternatives of a union, or the type itself."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _converted(value, hint, facts):
    if len(_options(hint)) > 1:
        for option in _options(hint):
            try:
                return _converted(value, option, facts)
            except _Refused:
                continue
        raise _Refused
    if typing.get_origin(hint) is tuple:
        return _converted_tuple(value, typing.get_args(hint), facts)
    if dataclasses.is_dataclass(hint):
        if isinstance(value, dict):
            fields = {field.name: field for field in dataclasses.fields(hint)}
            _require(set(value) <= set(fields))
            _require(all(name in value or _default_of(hint, name) is not dataclasses.MISSING for name in fields))
            return hint(**value)
        _require(isinstance(value, hint))
        return value
    if hint in (int, float):
        return _converted_number(value, hint, facts)
    _require(value is None if hint is type(None) else isinstance(value, typing.get_origin(hint) or hint))
    _require(value is None or not facts.choices or value in facts.choices)
    return value


def _converted_tuple(values, hints, facts):
    _require(isinstance(values, list | tuple))
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(values)
    _require(len(values) == len(hints))
    converted = tuple(_converted(value, hint, facts) for value, hint in zip(values, hints, strict=True))
    _require(not facts.rising or list(converted) == sorted(converted))
    return converted


def _converted_number(value, kind, facts):
    expected = numbers.Integral if kind is int else numbers.Real
    _require(isinstance(value, expected) and not isinstance(value, bool))
    value = kind(value)
    _require(not math.isnan(value) and (facts.infinite or math.isfinite(value)))
    _require(facts.least is None or value >= facts.least)
    _require(facts.most is None or value <= facts.most)
    _require(facts.above is None or value > facts.above)
    _require(not facts.choices or value in facts.choices)
    return value


def _require(true):
    if not true:
        raise _Refused


def _expectation(hint, facts) -> str:
    """What a value should have been, in words."""
    if facts.choices:
        return f"one of {', '.join(map(str, facts.choices))}"
    return " or ".join(_words(option, facts) for option in _options(hint))


def _words(hint, facts):
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if inner[-1] is Ellipsis:
            return f"a list, each {_words(inner[0], facts)}"
        names = ("low", "high") if facts.rising and len(inner) == 2 else None
        return f"{len(inner)} values{f' ({names[0]} <= {names[1]})' if names else ''}, each {_words(inner[0], facts)}"
    if dataclasses.is_dataclass(hint):
        return f"{hint.__name__} or a dictionary of its settings"
    if hint not in (int, float):
        return {bool: "true or false", str: "text", type(None): "none", dict: "a dictionary"}.get(hint, str(hint))
    return ("an integer" if hint is int else "a number") + _bounds(facts)


def _bounds(facts):
    """ " from 0 to 1", " above 0"; empty without any."""
    low = f" from {facts.least:g}" if facts.least is not None else ""
    low = f" above {facts.above:g}" if facts.above is not None else low
    high = f" to {facts.most:g}" if facts.most is not None and facts.least is not None else ""
    return low + (high or (f" up to {facts.most:g}" if facts.most is not None else ""))


def _brief(hint, facts) -> str:
    """What a value may be, for a narrow column, as `--set` takes it."""
    if facts.choices:
        return ", ".join(map(str, facts.choices))
    if len(_options(hint)) > 1:
        return " or ".join(_brief(option, facts) for option in _options(hint))
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        n = "a list" if inner[-1] is Ellipsis else "[low, high]" if facts.rising else f"{len(inner)} values"
        return f"{n}, each {_brief(inner[0], facts)}"
    if hint in (int, float):
        return ("integer" * (hint is int) + _bounds(facts)).strip() or "number"
    return {bool: "true, false", str: "text", type(None): "null"}.get(hint, "{...}")


def _parsed(text: str):
    """As JSON where it is some, `inf` and `nan` as numbers, anything else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _default_of(cls, name):
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _length(hint):
    """Values of a tuple that is among the alternatives; 0 where there is none, or any number."""
    tuples = [typing.get_args(option) for option in _options(hint) if typing.get_origin(option) is tuple]
    return 0 if not tuples or tuples[0][-1] is Ellipsis else len(tuples[0])


def _takes_scalar(hint):
    return any(option in (int, float) for option in _options(hint))


def _metavar(hint):
    return "NAME" if str in _options(hint) else "N" if int in _options(hint) else "X"
