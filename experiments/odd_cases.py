"""Commands on damaged or odd inputs, and what comes of them: for robust_inputs.py and the tests.

A command runs in a process that is forked off, so that a crash is seen as one.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
from damage import ODD, PIXEL_MM, RATE_HZ, damage_bytes, damage_json, damage_recording

from muspipe import Result, load_recording
from muspipe.cli import PROGRAMS, main, main_train
from muspipe.identification.method import METHODS
from simulator import SimulationConfig
from simulator.shared.settings import described

LIMIT_S = 30
"""Of processor time; a command that takes more hangs."""
MEMORY = 6 << 30
"""Bytes that a command may take beyond what is loaded before it."""
GOOD, BAD = ("right", "refused"), ("traceback", "wordy", "wrong", "half", "hang", "crash")
"""What can come of a command. right: a result that can be read; refused: one line, exit code 2, no file; wordy: more
lines than one; wrong: a result that cannot be read; half: files that should not be there."""
LOADED = (
    "muspipe.identification.identify",
    "muspipe.figures.identification",
    "muspipe.figures.metrics",
    "muspipe.figures.triggered",
    "muspipe.evaluation.run",
    "muspipe.export.formats",
    "muspipe.report.page",
    "muspipe.report.plots",
    "muspipe.echoes.velocity_file",
    "muspipe.recordings.decomposed",
    "tqdm",
)
"""What commands import, loaded once before all cases."""


def load() -> None:
    """LOADED, so that no case has to."""
    for name in LOADED:
        importlib.import_module(name)


def fork_workers() -> None:
    """From now on worker processes are forked off, which saves the seconds that a new Python takes to load."""
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: fork


@dataclass(frozen=True)
class Case:
    """A command on a damaged input."""

    kind: str
    """What is tried, for the table."""
    words: tuple[str, ...]
    """Program and arguments."""
    check: Callable[[], object]
    """Reads what the command wrote; raises where that cannot be read."""


def draw_case(random, sound: dict[str, Path], folder: Path, kinds=None) -> Case:
    """One of KINDS, or of these, its input damaged in `folder`."""
    kind = random.choice(list(kinds or KINDS))
    words, check = KINDS[kind](random, sound, folder)
    return Case(kind, tuple(map(str, words)), check)


def _copied(random, sound, folder, names, damage=damage_bytes) -> Path:
    """A damaged copy of one of the sound files."""
    name = random.choice(names)
    path = folder / sound[name].name
    shutil.copy(sound[name], path)
    shutil.copy(sound["npy"], folder)  # of which other content is made
    damage(random, path)
    return path


def _identify(random, sound, folder, damage=damage_bytes):
    path = _copied(random, sound, folder, ("h5", "npz", "npy", "mat", "packed.mat"), damage)
    words = ["muspipe", "identify", path, "--out", folder / "out", "--method", "ica", "--no-report"]
    scales = ["--frame-rate", RATE_HZ, "--pixel-mm", PIXEL_MM] if path.suffix == ".npy" or random.random() < 0.3 else []
    return [*words, *scales], lambda: Result.load(folder / "out/result.h5")


def _identify_content(random, sound, folder):
    return _identify(random, sound, folder, damage_recording)


def _identify_words(random, sound, folder):
    """Sound data, odd options."""
    ica = described(METHODS["ica"].load())
    value = json.dumps(random.choice(ODD))
    options = (
        ["--set", f"{random.choice(list(ica))}={value}"],
        ["--set", f"sparse.{random.choice(('iterations', 'core_level', 'speed'))}={value}"],
        ["--set", f"prepare.{random.choice(('motion', 'motion_order', 'contraction'))}={value}"],
        ["--frame-rate", value],
        ["--pixel-mm", value],
        ["--axes", random.choice(("THW", "HTW", "hwt", "XYZ", "", "HH"))],
        ["--variable", random.choice(("velocity", "/", "", "nothing", "frame_rate_hz"))],
        ["--firings", random.choice(("paper", "discharges", "odd"))],
        ["--truth", sound[random.choice(("result.h5", "h5", "emg.json", "data"))]],
    )
    words = ["muspipe", "identify", sound["h5"], "--out", folder / "out", "--method", "ica", "--no-report"]
    return [*words, *random.choice(options)], lambda: Result.load(folder / "out/result.h5")


def _velocity(random, sound, folder):
    path, out = _copied(random, sound, folder, ("iq.h5", "iq.npz")), folder / "velocity.h5"
    return ["muspipe", "velocity", path, "--out", out], lambda: load_recording(out)


def _result(random, sound, folder):
    """One of the commands that read a result."""
    path, command = _copied(random, sound, folder, ("result.h5",)), random.choice(("export", "report", "figure"))
    if command == "export":
        form = random.choice(("csv", "mat", "json", "openhdemg"))
        out = folder / ("out" if form == "csv" else f"out.{form}")
        return ["muspipe", "export", path, "--to", form, "--out", out], out.stat
    out = folder / f"out.{'html' if command == 'report' else 'png'}"
    return ["muspipe", command, path, "--out", out], out.stat


def _compare(random, sound, folder):
    reference = random.choice(("emg.json", "emg.csv", "result.h5"))
    structured = reference == "emg.json" and random.random() < 0.6
    path = _copied(random, sound, folder, (reference,), _damage_emg if structured else damage_bytes)
    words = ["muspipe", "compare", sound["result.h5"], path, "--out", folder / "out"]
    return words, (folder / "out/pairs.csv").stat


def _damage_emg(random, path):
    damage_json(random, path, packed=True)


def _damaged_data(random, sound, folder):
    """A damaged copy of the data set."""
    data = Path(shutil.copytree(sound["data"], folder / "data"))
    manifest = data / "manifest.json"
    if random.random() < 0.6:
        damage_json(random, manifest)
    else:
        damage_bytes(random, random.choice((manifest, data / "train-00000.h5", data / "test-00000.h5")))
    return data


def _evaluate(random, sound, folder):
    words = ["muspipe", "evaluate", _damaged_data(random, sound, folder), "--out", folder / "out", "--method", "ica"]
    words += ["--snr-db", "inf", "--limit", "1", "--workers", "1"]
    return words, lambda: json.loads((folder / "out/metrics.json").read_text())


def _train(random, sound, folder):
    data, command = _damaged_data(random, sound, folder), random.choice(("twitch", "preview"))
    if command == "preview":
        out = folder / "batch.png"
        words = ["muspipe-train", "preview", data, "--task", "twitch", "--out", out, "--seconds", "0.01"]
        return [*words, "--batch-size", "2"], out.stat
    words = ["muspipe-train", "twitch", "--data", data, "--out", folder / "run", "--steps", "2", "--batch-size", "2"]
    words += ["--val-batches", "1", "--set", "input_shape=[16,16,100,1]"]
    words += ["--set", "gru=4", "--set", "dense_before=[8]", "--set", "dense_after=[4]"]
    return words, (folder / "run/summary.json").stat


def _simulate(random, sound, folder):
    """Odd settings of a small recording."""
    out, config = folder / "out.h5", SimulationConfig.scenario("echo")
    names = [name for name in described(SimulationConfig) if name not in ("tissue", "motion", "echo")]
    part = random.choice(("tissue", "motion", "echo"))
    inner = [f"{part}.{name}" for name in described(type(getattr(config, part)))]
    scenario, name = random.choice((("paper", random.choice(names)), ("echo", random.choice(inner))))
    small = ("height_px=16", "width_px=24", "n_frames=100", "n_units=2", "diameter_mm=[2.5,8]")
    small = [pair for pair in small if name != pair.split("=")[0]]
    pairs = [*small, f"{name}={json.dumps(random.choice(ODD))}"]
    words = ["muspipe", "simulate", "--recording", out, "--scenario", scenario]
    return [*words, *(word for pair in pairs for word in ("--set", pair))], lambda: h5py.File(out).close()


def _settings(random, sound, folder):
    """Words that are topics, parts of settings' names and meanings, or neither."""
    word = random.choice((*METHODS, "echo", "prepare", "motion", "[", "\\", "a" * 500, *map(json.dumps, ODD)))
    return ["muspipe", "settings", word], lambda: None


KINDS = {
    "identify, damaged bytes": _identify,
    "identify, other content": _identify_content,
    "identify, odd options": _identify_words,
    "velocity, damaged bytes": _velocity,
    "export, report and figure of a damaged result": _result,
    "compare with a damaged reference": _compare,
    "evaluate, damaged data set": _evaluate,
    "train and preview, damaged data set": _train,
    "simulate, odd settings": _simulate,
    "settings, odd words": _settings,
}


OF_DATA = ("evaluate, damaged data set", "train and preview, damaged data set")
"""Those of KINDS that need a data set."""


def outcome(case: Case, folder: Path) -> tuple[str, str]:
    """(one of GOOD or BAD, what the command said) of a case drawn for `folder`."""
    there, said = set(folder.iterdir()), folder / "said"
    child = os.fork()
    if not child:
        _run(case, said)
    status = os.waitpid(child, 0)[1]
    text = said.read_text(errors="replace") if said.exists() else ""
    said.unlink(missing_ok=True)
    new = set(folder.iterdir()) - there
    if os.WIFSIGNALED(status):
        return ("hang" if os.WTERMSIG(status) == signal.SIGXCPU else "crash"), text
    code = os.WEXITSTATUS(status)
    if code == 0:
        return ("half" if any(path.name.startswith(".") for path in new) else "right"), text
    if code == WRONG:
        return "wrong", text
    lines = text.strip().splitlines()
    if code != 2 or "Traceback" in text:
        return "traceback", text
    if len([line for line in lines if not line.startswith("note: ")]) != 1:
        return "wordy", text
    return ("half" if new else "refused"), text


WRONG, BROKEN = 78, 77


def _run(case, said):
    """In the child: never returns."""
    code = BROKEN
    try:
        nowhere, errors = os.open(os.devnull, os.O_WRONLY), os.open(said, os.O_WRONLY | os.O_CREAT)
        os.dup2(nowhere, 1)
        os.dup2(errors, 2)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # not pytest's
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 5))
        loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (loaded + MEMORY, loaded + MEMORY))
        program, *words = case.words
        try:
            code = (main if program == list(PROGRAMS)[0] else main_train)(words)
        except SystemExit as stop:  # argparse
            code = stop.code
        if code == 0:
            code = WRONG
            case.check()
            code = 0
    except BaseException:  # whatever it is, the parent counts it
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)
