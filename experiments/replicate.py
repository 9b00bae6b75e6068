"""The whole experiment of Ali et al. 2020 by one command: data, four trainings, evaluations, Figs. 4-13, and a table
published / ours / difference.

    python experiments/replicate.py --out DIR --coco mask_rcnn_coco.h5               # as printed: needs a GPU, days
    python experiments/replicate.py --out DIR --random-start --scale 0.001           # the whole way, in minutes
    python experiments/replicate.py --out DIR --preset compact --scale 0.08          # small networks, an hour
    python experiments/replicate.py --out DIR --random-start --estimate              # hours and commands, nothing else

Every stage is a public command, printed before it runs, so that it can be run by hand. The same call goes on after an
end of any kind: stages whose output is there are left out, a training goes on from its last checkpoint. Before the
first stage a step of both networks is measured, and the hours that follow from it are printed.

--scale S: the sequences shrink by S, and so do the passes over them, hence the steps by S squared. (With steps by S
alone, 0.001 would still be 600 steps of the paper's Mask R-CNN, hours on a CPU.) At least one step a phase, one batch
of 8 sequences to train and to validate on, and one test sequence for each number of motor units remain; the validation
batches are as many as the validation sequences fill, at most the paper's 10. Numbers at a small scale mean nothing
about the networks: 0.001 shows that the way is whole.

--preset paper: the networks as printed by schedule paper, its phase of noise in a run of its own that goes on from the
end of the one before; twitch by paper-noise. The paper started from COCO weights (--coco); without them --random-start
must say so.
--preset compact: the small networks of muspipe by schedule short, then the same again at SNR 10-30 dB: not the paper's,
but they have learned something within an hour (0.6 h of training at scale 0.08, of steps of 0.36 s and 0.9 s).

Expected in DIR: data, seg-clean, seg-noise, twitch-clean, twitch-noise (runs), eval-clean, eval-noise (detection,
segmentation, RoA of the units found), eval-twitch-clean, eval-twitch-noise (RoA, true territories), eval-stica,
figures/fig04.png to fig13.png, table.md, table.csv, and replicate.json with settings and seconds of each stage.
README.md beside this file says what came out where it was run.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from muspipe.errors import InputError
from muspipe.training.schedules import get_schedule
from simulator.shared.files import atomic_path
from simulator.shared.settings import add_arguments, check, given, setting

try:
    import fcntl
except ImportError:  # not on this system, where two calls in one folder go unnoticed
    fcntl = None

HERE = Path(__file__).resolve().parent
STATE = "replicate.json"
CELLS = 6
"""Numbers of motor units in the test set."""
SEQUENCES = {"train": (10_000, 8), "val": (1_000, 8), "test": (100 * CELLS, CELLS)}
"""split: (the paper's sequences, the fewest)."""
VAL_BATCHES, VAL_EVERY, VALIDATIONS = 10, 100, 20
"""Batches of a validation, steps between two (paper); the fewest validations of a run that has as many steps."""
SEQUENCES_A_WORKER = 30
"""Test sequences that are worth another process, which takes ten seconds to begin."""
FIGURES = {
    "fig04": ("fig04.png",),
    "fig05": ("fig05.png",),
    "fig06": ("fig06.png",),
    "fig07_08": ("fig07.png", "fig08.png", "fig07_08.csv"),
    "fig09": ("fig09.png",),
    "fig10": ("fig10.png",),
    "fig11": ("fig11.png",),
    "fig12_13": ("fig12.png", "fig13.png"),
}
"""script: what it draws."""


@dataclass(frozen=True)
class Replication:
    """What is replicated; with other values it is another one, in another folder."""

    scale: float = setting(
        1.0, "share of the sequences, and of the passes over them: steps shrink by its square", above=0, most=1
    )
    preset: str = setting(
        "paper", "networks: paper (default), as printed, or compact, small ones", choices=("paper", "compact")
    )
    coco: str | None = setting(None, "mask_rcnn_coco.h5, from which the paper started", metavar="FILE")
    random_start: bool = setting(False, "without --coco: start from random weights, the ResNet frozen at first")
    seed: int = setting(2020, "of data and training", least=0)

    def __post_init__(self):
        check(self)
        if self.preset == "compact" and (self.coco or self.random_start):
            raise InputError("preset compact: starts from random weights; leave --coco and --random-start out")
        if self.preset == "paper" and bool(self.coco) == self.random_start:
            raise InputError(
                "preset paper: expected either --coco mask_rcnn_coco.h5, as the paper's ResNet-101 and Mask R-CNN "
                "started from COCO weights, or --random-start to train from random ones all the same"
            )
        if self.coco and not Path(self.coco).is_file():
            raise InputError(f"--coco {self.coco}: there is no such file")

    @property
    def sequences(self) -> dict[str, int]:
        """Of each split."""
        sizes = {split: max(least, round(full * self.scale)) for split, (full, least) in SEQUENCES.items()}
        return sizes | {"test": CELLS * max(1, round(sizes["test"] / CELLS))}

    @property
    def steps(self) -> dict[str, int]:
        """Of each training."""
        seg, twitch = get_schedule("seg", "paper"), get_schedule("twitch", "paper-noise")
        parts = {
            "seg-clean": seg.part(last="fine"),
            "seg-noise": seg.part("noise"),
            "twitch-clean": twitch.part(last="all"),
            "twitch-noise": twitch.part("noise"),
        }
        return {name: max(len(part.phases), round(part.steps * self.scale**2)) for name, part in parts.items()}

    @property
    def val_batches(self) -> int:
        """Of each validation."""
        return min(VAL_BATCHES, self.sequences["val"] // 8)

    def val_every(self, name: str) -> int:
        """Steps between two validations of a training."""
        return max(1, min(VAL_EVERY, self.steps[name] // VALIDATIONS))


@dataclass(frozen=True)
class Stage:
    """A command, whether its output is there, and the file that a training to be gone on with has."""

    name: str
    command: tuple[str, ...]
    done: Callable[[], bool]
    begun: Path | None = None

    def words(self) -> list[str]:
        """The command as it is to be run now."""
        return [*self.command, *(["--resume"] if self.begun and self.begun.exists() else [])]


def stages(what: Replication, out: Path, workers: int | None = None) -> list[Stage]:
    """All of them, in order."""
    workers = workers or max(1, min(os.cpu_count() or 1, what.sequences["test"] // SEQUENCES_A_WORKER))
    shared = ("--workers", f"{workers}")
    sizes = [word for split, n in what.sequences.items() for word in (f"--{split}", str(n))]
    simulate = ("muspipe", "simulate", f"{out / 'data'}", *sizes, "--scenario", "paper", "--seed", f"{what.seed}")
    found = [Stage("data", (*simulate, *shared), lambda: _json(out / "data/manifest.json").get("complete", False))]
    found += [_training(name, task, words, what, out) for name, task, words in _trainings(what, out)]
    for name, method, settings in _evaluations(out):
        sets = [word for pair in settings for word in ("--set", pair)]
        own = ("--method", method, *sets, "--firings", "paper")
        command = ("muspipe", "evaluate", f"{out / 'data'}", *own, "--out", f"{out / name}")
        found.append(Stage(name, (*command, *shared), (out / name / "metrics.json").is_file))
    for script, files in FIGURES.items():
        own = _drawn_from(script, what, out)
        command = ("python", _shown(HERE / f"{script}.py"), *own, "--out", f"{out / 'figures'}")
        found.append(Stage(script, command, _all_there(out / "figures", files)))
    table = ("python", _shown(HERE / "published_table.py"), f"{out}")
    return [*found, Stage("table", table, _all_there(out, ("table.md", "table.csv")))]


def _all_there(folder, names):
    return lambda: all((folder / name).is_file() for name in names)


def _trainings(what, out):
    """(name, task, arguments that make it what it is) of each."""
    start = ("--weights", what.coco) if what.coco else ("--random-start",)
    clean = {task: ("--weights", f"{out / f'{task}-clean'}") for task in ("seg", "twitch")}
    if what.preset == "compact":
        noise = ("--schedule", "short", "--snr-db", "10", "30")
        return [
            ("seg-clean", "seg", ("--schedule", "short")),
            ("seg-noise", "seg", (*noise, *clean["seg"])),
            ("twitch-clean", "twitch", ("--schedule", "short")),
            ("twitch-noise", "twitch", (*noise, *clean["twitch"])),
        ]
    behind = ("--weights", f"{out / 'seg-clean/phase-fine.weights.h5'}")  # where one run of all phases would be
    return [
        ("seg-clean", "seg", ("--schedule", "paper", "--until-phase", "fine", *start)),
        ("seg-noise", "seg", ("--schedule", "paper", "--from-phase", "noise", *behind)),
        ("twitch-clean", "twitch", ("--schedule", "paper-noise", "--until-phase", "all")),
        ("twitch-noise", "twitch", ("--schedule", "paper-noise", "--from-phase", "noise", *clean["twitch"])),
    ]


def _training(name, task, words, what, out):
    own = ("--preset", what.preset, *words, "--steps", f"{what.steps[name]}", "--seed", f"{what.seed}")
    validation = ("--val-every", f"{what.val_every(name)}", "--val-batches", f"{what.val_batches}")
    command = ("muspipe-train", task, "--data", f"{out / 'data'}", *own, *validation, "--out", f"{out / name}")

    def done():
        return _json(out / name / "summary.json").get("reason") in ("finished", "early stopping")

    return Stage(name, command, done, begun=out / name / "config.json")


def _evaluations(out):
    """(name, method, its settings) of each."""
    for kind in ("clean", "noise"):
        networks = (f"segmentation={out / f'seg-{kind}'}", f"twitch={out / f'twitch-{kind}'}")
        yield f"eval-{kind}", "deep", networks
        yield f"eval-twitch-{kind}", "twitch-true", networks[1:]
    yield "eval-stica", "stica", ()


def _drawn_from(script, what, out):
    """Arguments that say what a figure is drawn from."""
    if script in ("fig04", "fig05", "fig06"):
        kind = "eval-twitch-" if script == "fig06" else "eval-"
        of = ("--of", f"preset {what.preset}, scale {what.scale:g}")
        return "--clean", f"{out / f'{kind}clean'}", "--noise", f"{out / f'{kind}noise'}", *of
    if script in ("fig09", "fig10"):
        task = "seg" if script == "fig09" else "twitch"
        return tuple(f"{out / f'{task}-{kind}'}" for kind in ("clean", "noise"))
    if script == "fig07_08":
        return "--segmentation", f"{out / 'seg-noise'}", "--twitch", f"{out / 'twitch-noise'}"
    return ()


def _json(path):
    """What a file holds; {} if there is none, or none yet."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _shown(path):
    """A script's path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def runnable(words: list[str]) -> list[str]:
    """A command of ours by this Python, wherever its own programs are."""
    main_train = "import sys; from muspipe.cli import main_train; sys.exit(main_train())"
    programs = {"muspipe": ["-m", "muspipe"], "muspipe-train": ["-c", main_train], "python": []}
    return [sys.executable, *programs[words[0]], *words[1:]]


def environment() -> dict[str, str]:
    """In which our packages are found, installed or not."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))}


def measure(task: str, preset: str) -> float:
    """Seconds of a training step here, in a process of its own."""
    command = [sys.executable, str(HERE / "benchmarks/bench_train.py"), f"{task}-{preset}", "--one-step"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise InputError(f"a step of {task} could not be measured: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])["step_s"]


def hours(what: Replication, step_s: dict[str, float]) -> dict[str, float]:
    """Of each training: its steps, and its validation batches, which take a third of a step: there is no way back."""
    found = {}
    for name, steps in what.steps.items():
        validated = what.val_batches * -(-steps // what.val_every(name))
        found[name] = (steps + validated / 3) * step_s[name.split("-")[0]] / 3600
    return found


def estimate(what: Replication, step_s: dict[str, float]) -> str:
    """The hours to come, in words."""
    own, whole = hours(what, step_s), hours(dataclasses.replace(what, scale=1.0), step_s)
    steps = ", ".join(f"{task} {seconds:.2g} s" for task, seconds in step_s.items())
    sizes = ", ".join(f"{n:,} {split}" for split, n in what.sequences.items())
    lines = [f"scale {what.scale:g}, preset {what.preset}: {sizes} sequences", f"a step, measured here: {steps}"]
    lines += [f"{name:13s} {what.steps[name]:8,d} steps {value:9.2f} h" for name, value in own.items()]
    lines.append(f"training        about {sum(own.values()):.2f} h; at --scale 1 about {sum(whole.values()):,.0f} h")
    lines.append("(paper: 67 h and 17 h on an RTX 2070); evaluations, and the start of each stage, come on top")
    return "\n".join(lines)


@contextlib.contextmanager
def locked(out: Path):
    """Yield a descriptor that keeps others out as long as any process has it; None where there are no locks."""
    if fcntl is None:
        yield None
        return
    descriptor = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        raise InputError(f"{out}: another call, or a stage that it began, is still at work here; wait for it") from None
    finally:
        os.close(descriptor)


def open_state(out: Path, what: Replication) -> dict:
    """replicate.json of the folder, or a new one. InputError if the folder holds anything else."""
    state, asked = _json(out / STATE), dataclasses.asdict(what)
    if state:
        other = [name for name, value in asked.items() if state["settings"].get(name) != value]
        if other:
            pairs = ", ".join(f"{name} {state['settings'].get(name)!r}, not {asked[name]!r}" for name in other)
            raise InputError(f"{out}: holds a replication with {pairs}; choose another folder, or the same settings")
        return state
    others = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if others or (out.exists() and not out.is_dir()):
        raise InputError(f"{out}: expected an empty folder or one of a replication, found {(*others, 'a file')[0]}")
    return {"settings": asked, "seconds": {}}


def save_state(out: Path, state: dict) -> None:
    """Replace replicate.json."""
    with atomic_path(out / STATE) as temporary:
        temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def run(stage: Stage, lock: int | None) -> None:
    """Run a stage to its end. InputError if it did not get there. A first Ctrl-C or SIGTERM is the stage's: a training
    writes a checkpoint."""
    words = stage.words()
    process = subprocess.Popen(runnable(words), env=environment(), pass_fds=() if lock is None else (lock,))

    def pass_on(number, frame):
        if number == signal.SIGTERM:  # Ctrl-C reaches all processes of a terminal by itself
            process.terminate()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code or not stage.done():
        raise InputError(f"stage {stage.name} has not ended (exit code {code}); the same call goes on with it")


def replicate(what: Replication, out: Path, *, workers=None, measuring=measure, running=run, say=print) -> None:
    """Run what is left of a replication in a folder."""
    state = open_state(out, what)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        save_state(out, state)
        left = [stage for stage in stages(what, out, workers) if not stage.done()]
        if any(stage.begun for stage in left):
            if "step_s" not in state:
                say("measuring a step of both networks ...")
                state["step_s"] = {task: measuring(task, what.preset) for task in ("seg", "twitch")}
                save_state(out, state)
            say(estimate(what, state["step_s"]))
        for stage in stages(what, out, workers):
            if stage.done():
                say(f"\n== {stage.name}: is done")
                continue
            say(f"\n== {stage.name}\n{shlex.join(stage.words())}")
            began = time.monotonic()
            try:
                running(stage, lock)
            finally:
                state["seconds"][stage.name] = round(state["seconds"].get(stage.name, 0) + time.monotonic() - began, 1)
                save_state(out, state)
    say(f"\n{out / 'table.md'}, {out / 'figures'}: {sum(state['seconds'].values()) / 60:.1f} min in all")


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of all that is made")
    add_arguments(parser, Replication)
    parser.add_argument("--workers", type=int, metavar="N", help="processes of simulation and evaluation; on one GPU 1")
    parser.add_argument("--estimate", action="store_true", help="measure, print hours and commands, write nothing")
    args = parser.parse_args(argv)
    try:
        what = Replication(**given(args, Replication))
        if args.estimate:
            print(estimate(what, {task: measure(task, what.preset) for task in ("seg", "twitch")}))
            print("\n".join(shlex.join(stage.command) for stage in stages(what, args.out, args.workers)))
            return 0
        sys.stdout.reconfigure(line_buffering=True)  # ours stands before what the stages print
        replicate(what, args.out, workers=args.workers)
    except InputError as error:
        print(f"replicate: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("replicate: interrupted; the same call goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
