"""The programs around the sub-commands: help, errors, exit codes."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

import muspipe
from muspipe import InputError, cli
from muspipe.evaluation import EVALUATED
from muspipe.identification.method import METHODS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def command(monkeypatch):
    """A sub-command `probe` whose run(args) can be set: command.run = function."""
    module = types.ModuleType("muspipe.commands.probe")
    module.add_arguments = lambda parser: parser.add_argument("--count", type=int, default=1)
    module.run = lambda args: None
    monkeypatch.setitem(sys.modules, "muspipe.commands.probe", module)
    monkeypatch.setitem(cli.COMMANDS["muspipe"], "probe", "probe things")
    monkeypatch.delenv("MUSPIPE_DEBUG", raising=False)
    return module


def raiser(error):
    def run(args):
        raise error

    return run


def test_arguments_and_exit_codes_pass_through(command):
    assert cli.main(["probe"]) == 0
    command.run = lambda args: args.count
    assert cli.main(["probe", "--count", "7"]) == 7


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (InputError("expected this,\n got that"), "expected this, got that", 2),
        (FileNotFoundError(2, "No such file or directory", "a.h5"), "a.h5: No such file or directory", 2),
        (OSError("odd"), "odd", 2),
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory: Unable to allocate 9 TiB", 2),
        (MemoryError(), "not enough memory", 2),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_errors_that_a_person_can_mend_are_one_line(command, capsys, monkeypatch, error, line, code):
    command.run = raiser(error)
    assert cli.main(["probe"]) == code
    assert capsys.readouterr() == ("", f"muspipe: error: {line}\n")
    monkeypatch.setenv("MUSPIPE_DEBUG", "1")
    with pytest.raises(type(error)):
        cli.main(["probe"])


@pytest.mark.parametrize("error", [ValueError("bug"), KeyError("bug"), AssertionError()])
def test_bugs_keep_their_traceback(command, error):
    command.run = raiser(error)
    with pytest.raises(type(error)):
        cli.main(["probe"])


@pytest.mark.parametrize(("main", "program"), [(cli.main, "muspipe"), (cli.main_train, "muspipe-train")])
def test_version_and_help(capsys, main, program):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{program} {muspipe.__version__}\n"
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    for name, line in cli.COMMANDS[program].items():
        assert name in text and line in " ".join(text.split())


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["probe", "--count", "x"], ["--nonsense"]])
def test_wrong_usage(command, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("program", list(cli.COMMANDS))
def test_every_command_has_its_module_and_helps(program, capsys):
    for name in cli.COMMANDS[program]:
        with pytest.raises(SystemExit) as caught:
            cli._main(program, [name, "--help"])
        assert caught.value.code == 0
        assert f"usage: {program} {name}" in capsys.readouterr().out


def test_help_lists_the_methods_of_the_table(capsys):
    for name, table in (("identify", METHODS), ("evaluate", EVALUATED)):
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
        text = " ".join(capsys.readouterr().out.split())
        for method, entry in table.items():
            assert f"{method}{' (default)' if method == 'hybrid' else ''}: {entry.help}" in text
        assert ("twitch-true" in text) == (name == "evaluate")


HELP = [["--help"], *([name, "--help"] for name in cli.COMMANDS["muspipe"])]


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    code = (
        f"import sys, muspipe.cli\ntry:\n    muspipe.cli.main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "print('heavy:', sorted({'numpy', 'scipy', 'h5py', 'matplotlib', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_python_m_muspipe_in_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "muspipe", "identify", "missing.h5", "--out", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "muspipe: error: missing.h5: no such file\n"
    assert not (ROOT / "nowhere").exists()


def test_closed_pipe_is_silent():
    code = (
        "import sys, types; from muspipe import cli\n"
        "module = types.ModuleType('m'); module.add_arguments = lambda parser: None\n"
        "module.run = lambda args: [print('x' * 1000) for _ in range(1000)] and 0\n"
        "sys.modules['muspipe.commands.identify'] = module\n"
        "sys.exit(cli.main(['identify']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1
