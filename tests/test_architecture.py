"""Import direction, size and manners of the code, read from its syntax trees. Each rule is first shown a breach."""

import ast
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
CHAINS = (
    ("data", "models", "training", "evaluation", "figures", "report"),
    ("recordings", "export"),
)
MAY_IMPORT_TENSORFLOW = {
    ("muspipe", "data", "tfdata"),  # tf.data
    ("muspipe", "training", "devices"),  # MirroredStrategy, TensorBoard
    ("muspipe", "runtime"),  # a limit of the GPU's memory
}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60

SOURCES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imported_modules(tree):
    """Full dotted names of all imports, at any depth of the code; `from a import b` gives a.b too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a module is"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_imports(place, tree):
    """place: module's path as (package, ..., file stem)."""
    for module in imported_modules(tree):
        parts = module.split(".")
        if parts[0] in OURS and parts[0] not in ALLOWED[place[0]]:
            yield module
        if parts[0] == "tensorflow" and place not in MAY_IMPORT_TENSORFLOW:
            yield module
        front = parts[:2] in (["muspipe", "commands"], ["muspipe", "cli"])
        if front and place[1] not in ("commands", "cli", "__main__"):
            yield module
        for chain in CHAINS:
            if place[0] == parts[0] == "muspipe" and len(parts) > 1 and {place[1], parts[1]} <= set(chain):
                if chain.index(parts[1]) > chain.index(place[1]):
                    yield module


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
    place, tree = path.relative_to(ROOT).with_suffix("").parts, ast.parse(text)
    assert list(wrong_imports(place, tree)) == []
    assert list(bad_manners(place, tree)) == []
    assert len(text.splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("simulator/sequence", "import muspipe"),
        ("simulator/sequence", "from mrcnn.nms import nms"),
        ("mrcnn/nms", "def f():\n    from simulator import simulate"),
        ("muspipe/figures/style", "import experiments.benchmarks.bench_startup"),
        ("muspipe/models/twitch", "import tensorflow as tf"),
        ("mrcnn/nms", "from tensorflow import keras"),
        ("muspipe/data/noise", "from muspipe.models import presets"),
        ("muspipe/data/noise", "from muspipe import evaluation"),
        ("muspipe/evaluation/run", "import muspipe.figures.style"),
        ("muspipe/recordings/result", "from muspipe.export.csv import save_firings"),
        ("muspipe/recordings/result", "from muspipe.cli import main"),
    ],
)
def test_wrong_import_is_noticed(place, code):
    assert list(wrong_imports(tuple(place.split("/")), ast.parse(code)))


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("muspipe/data/tfdata", "import tensorflow as tf"),
        ("muspipe/figures/style", "from muspipe.evaluation import compare"),
        ("muspipe/recordings/result", "from simulator.shared.files import atomic_path"),
        ("experiments/benchmarks/bench_ica", "import muspipe, simulator, mrcnn"),
    ],
)
def test_right_import_is_not_blamed(place, code):
    assert list(wrong_imports(tuple(place.split("/")), ast.parse(code))) == []


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
        "import sys, muspipe, muspipe.cli; muspipe.__version__; dir(muspipe);"
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
