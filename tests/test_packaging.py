"""The wheel holds everything, and works where nothing of the repository is near."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = [name for name in ("simulator", "muspipe", "mrcnn") if (ROOT / name).is_dir()]


def run(*arguments, cwd, **options):
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the build leaves no files in the repository and takes none from earlier builds."""
    import shutil

    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, ".", cwd=source)
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_every_file_of_the_packages(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected
    assert "muspipe/recordings/readers.py" in names


def test_wheel_works_in_an_empty_folder(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel, cwd=empty)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r});"
        "import muspipe, importlib.metadata as m; from muspipe import Result, identify, load_recording;"
        "print(muspipe.__file__, muspipe.__version__, m.version('muspipe'));"
        "print(sorted(e.name for e in m.distribution('muspipe').entry_points))"
    )
    place, commands = run("-I", "-c", code, cwd=empty).splitlines()
    version = re.search(r'__version__ = "(.+)"', (ROOT / "muspipe/__init__.py").read_text())[1]
    assert place == f"{site / 'muspipe/__init__.py'} {version} {version}"
    assert commands == "['muspipe', 'muspipe-train']"
