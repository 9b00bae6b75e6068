"""The rooms of the house and the manners of its code, read from the syntax trees. Each rule is first shown a breach.

An import counts wherever it stands, also within a function, and so does one by string: a constant such as
"muspipe.models.centre", an f-string that begins like that, a table of lazy exports. A name taken from a package is an
import of the module that defines it.
"""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "simulator": {"simulator"},
    "mrcnn": {"mrcnn"},
    "muspipe": {"muspipe", "simulator", "mrcnn"},
    "experiments": {"experiments", "muspipe", "simulator", "mrcnn"},
}
OURS = set(ALLOWED) | {"tests"}
FLOORS = (
    ("errors", "progress", "runtime", "outputs"),
    ("territories", "firings", "leastsquares", "discharges"),
    ("recordings", "echoes"),
    ("preparation",),
    ("data",),
    ("models",),
    ("training",),
    ("baselines",),
    ("identification",),
    ("evaluation",),
    ("export", "figures", "report"),
    ("commands",),
    ("cli", "__main__"),
)
"""Rooms of muspipe, lowest first: a room imports rooms of its own floor and of those below."""
MAY_IMPORT_TENSORFLOW = {
    ("muspipe", "data", "tfdata"),  # tf.data
    ("muspipe", "training", "devices"),  # MirroredStrategy
    ("muspipe", "training", "listeners"),  # TensorBoard
    ("muspipe", "runtime"),  # a limit of the GPU's memory, its peak
}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60
MODULE = re.compile(rf"({'|'.join(ALLOWED)})(\.\w+)+(?=:\w+$|$)")

SOURCES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def place_of(path):
    """Dotted name of a module, as its parts: a package's __init__ is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


PLACES = {".".join(place_of(path)): path for path in SOURCES}


@functools.cache
def exports(package):
    """{name: module that defines it} of what a package's __init__ passes on, at once or when first asked for."""
    tree, passed_on = ast.parse(PLACES[package].read_text(encoding="utf-8")), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            passed_on |= {alias.asname or alias.name: node.module for alias in node.names}
        if isinstance(node, ast.Dict):
            pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
            if all(isinstance(x, ast.Constant) and isinstance(x.value, str) for pair in pairs for x in pair):
                passed_on |= {key.value: value.value for key, value in pairs if value.value in PLACES}
    return passed_on


def imported_modules(tree, packages=OURS | {"tensorflow"}):
    """Dotted names of the modules that a tree imports from these packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in packages)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a module is"
            if node.module.split(".")[0] in packages:
                yield from (_defining(node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := MODULE.match(node.value)):
            if found[0] in PLACES:
                yield found[0]
        elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            package = node.values[0].value.rstrip(".")
            yield from (name for name in PLACES if package in PLACES and name.startswith(package + "."))


def _defining(module, name):
    """The module that `from module import name` comes from."""
    if f"{module}.{name}" in PLACES:
        return f"{module}.{name}"
    path = PLACES.get(module)
    if path is not None and path.name == "__init__.py" and name in exports(module):
        return exports(module)[name]
    return module


def floor_of(parts):
    """Of a module of muspipe; None for the package itself."""
    if len(parts) == 1:
        return None
    floors = [i for i, rooms in enumerate(FLOORS) if parts[1] in rooms]
    assert floors, f"muspipe.{parts[1]} has no floor: put it into FLOORS"
    return floors[0]


def wrong_imports(place, tree):
    """place: dotted name of the module as a tuple."""
    facade = PLACES.get(".".join(place), Path()).name == "__init__.py" and len(place) == 1
    for module in imported_modules(tree):
        parts = tuple(module.split("."))
        if parts[0] in OURS and parts[0] not in ALLOWED[place[0]]:
            yield module
        if parts[0] == "tensorflow" and place not in MAY_IMPORT_TENSORFLOW:
            yield module
        if place[:2] == ("simulator", "shared") and parts[0] == "simulator" and parts[1:2] != ("shared",):
            yield module
        if place[0] == parts[0] == "muspipe" and not facade and len(parts) > 1 and floor_of(parts) > floor_of(place):
            yield module


def circles(graph):
    """Modules that reach themselves, {module: modules it imports}."""

    def reached(start):
        seen, ahead = set(), [start]
        while ahead:
            new = graph.get(ahead.pop(), set()) - seen
            seen |= new
            ahead += new
        return seen

    return sorted(module for module in graph if module in reached(module))


def bad_manners(place, tree):
    may_print = place[0] == "experiments" or place[:2] in (("muspipe", "commands"), ("muspipe", "cli"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print" and not may_print:
            yield f"line {node.lineno}: print"
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: bare except"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                call = isinstance(default, ast.Call) and getattr(default.func, "id", "") in ("list", "dict", "set")
                if call or isinstance(default, ast.List | ast.Dict | ast.Set):
                    yield f"line {node.lineno}: mutable default"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = node.end_lineno - node.lineno + 1
            if n_lines > MAX_FUNCTION_LINES:
                yield f"line {node.lineno}: {node.name} has {n_lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source(path):
    text = path.read_text(encoding="utf-8")
    place, tree = place_of(path), ast.parse(text)
    assert list(wrong_imports(place, tree)) == []
    assert list(bad_manners(place, tree)) == []
    assert len(text.splitlines()) <= MAX_FILE_LINES


def test_no_circles():
    graph = {
        name: set(imported_modules(ast.parse(path.read_text(encoding="utf-8")))) - {name}
        for name, path in PLACES.items()
        if path.name != "__init__.py"
    }
    assert sum(map(len, graph.values())) > 200  # the drawing is not empty
    assert circles(graph) == []


def test_circles_are_noticed():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("simulator.sequence", "import muspipe"),
        ("simulator.sequence", "from mrcnn.nms import nms"),
        ("simulator.shared.files", "from simulator.config import SimulationConfig"),
        ("mrcnn.nms", "def f():\n    from simulator import simulate"),
        ("muspipe.figures.style", "import experiments.benchmarks.bench_startup"),
        ("muspipe.models.twitch", "import tensorflow as tf"),
        ("mrcnn.nms", "from tensorflow import keras"),
        ("muspipe.data.noise", "from muspipe.models import presets"),
        ("muspipe.data.noise", "from muspipe import evaluation"),
        ("muspipe.evaluation.run", "import muspipe.figures.style"),
        ("muspipe.recordings.result", "from muspipe.export.csv import save_firings"),
        ("muspipe.recordings.result", "from muspipe.cli import main"),
        ("muspipe.recordings.result", "from muspipe import identify"),  # through the package's lazy exports
        ("muspipe.baselines.ica", "from muspipe.identification.hybrid import Hybrid"),
        ("muspipe.identification.deep", "def f():\n    from muspipe.evaluation.run import evaluate"),
        ("muspipe.baselines.ica", "TABLE = {'hybrid': 'muspipe.identification.hybrid:Hybrid'}"),
        ("muspipe.figures.style", "importlib.import_module(f'muspipe.commands.{name}')"),
    ],
)
def test_wrong_import_is_noticed(place, code):
    assert list(wrong_imports(tuple(place.split(".")), ast.parse(code)))


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("muspipe.data.tfdata", "import tensorflow as tf"),
        ("muspipe.figures.style", "from muspipe.evaluation import compare"),
        ("muspipe.recordings.result", "from simulator.shared.files import atomic_path"),
        ("muspipe.recordings.result", "from muspipe import __version__"),
        ("muspipe.recordings.result", "'muspipe.nothing is a word in a text'"),
        ("experiments.benchmarks.bench_ica", "import muspipe, simulator, mrcnn"),
    ],
)
def test_right_import_is_not_blamed(place, code):
    assert list(wrong_imports(tuple(place.split(".")), ast.parse(code))) == []


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "try:\n    f()\nexcept:\n    pass",
        "def f(a=[]): pass",
        "def f(*, a=dict()): pass",
        "def f():\n" + "    a = 1\n" * MAX_FUNCTION_LINES,
    ],
)
def test_bad_manners_are_noticed(code):
    assert list(bad_manners(("muspipe", "firings"), ast.parse(code)))
    assert not list(bad_manners(("muspipe", "firings"), ast.parse("def f(a=(), b=None):\n    return a")))


def test_every_folder_of_sources_is_a_package():
    folders = {path.parent for path in SOURCES if not path.is_relative_to(ROOT / "experiments")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_import_muspipe_loads_nothing_heavy():
    code = (
        "import sys, muspipe, muspipe.cli, muspipe.errors; muspipe.__version__; dir(muspipe);"
        "heavy = {'numpy', 'scipy', 'keras', 'tensorflow', 'h5py', 'matplotlib', 'tqdm'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_export_exists():
    import muspipe

    for name in muspipe.__all__:
        assert getattr(muspipe, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = muspipe.no_such_name
