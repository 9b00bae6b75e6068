"""The paper's segmentation network on a GPU: trained, evaluated and packed by one command, called again and again.

    KERAS_BACKEND=jax python experiments/train_paper.py --out DIR --train-minutes 15 --minutes 9
    KERAS_BACKEND=jax python experiments/train_paper.py --out DIR --minutes 9             # goes on, or waits
    KERAS_BACKEND=jax python experiments/train_paper.py --out DIR --bring 1 --to THERE    # set 1 of what is to be kept
    python experiments/train_paper.py --out DIR --train-minutes 15 --commands             # prints the commands alone

The work is done by a process in the background, which outlives the call; the call returns after --minutes, or when all
is done, and says how far it is. Where that process was ended, by a crash or with its machine, the next call goes on
from the last checkpoint, if DIR is still there. Every stage is a public command, printed before it runs:

probe      40 steps, to see how long one takes (without --steps)
seg-clean  schedule short without noise, both scenarios, 1-30 units, fresh sequences simulated on the CPU's cores
seg-noise  schedule short from there, at 10-30 dB and half the learning rate: a sixth of all steps, as in the paper
networks   the best weights in float16, in parts of 15.5 MiB with their checksums: seg-paper.parts.json
data-*     test sets of both scenarios; eval-*: recall, precision and pixels on them, clean, at 20 and at 10 dB

--bring K --to FOLDER: stops what is under way, packs the best weights there are so far, and copies set K: at most four
parts and small.tar.gz with losses, pictures, settings and tables, 64 MiB and 8 files together. Say --bring 1, then 2.

Needed: keras (with optree and namex), jax with its GPU support, h5py, numpy, scipy, scikit-image, matplotlib, tqdm,
threadpoolctl; no TensorFlow and no network. Where keras is missing, put the wheels of keras, optree and namex into a
folder and say `python -m pip install --no-index --no-deps --target SITE WHEELS/*.whl`, then PYTHONPATH=SITE.

Time: a step of 8 is 2.1 TFLOP (64 RoIs in the mask head): by that 10-40 ms on an H100, 0.1-0.2 s on an RTX 2070. It
has not been run on a GPU. On a CPU it is for trying the way (--preset compact --steps 4 ...).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from replicate import Runner, environment, locked
from replication import Stage

from muspipe.errors import InputError
from simulator.shared.files import atomic_path
from simulator.shared.settings import add_arguments, check, given, parse_assignments, setting

PLAN, LOG, WORKER = "plan.json", "log.txt", "worker.pid"
SCENARIOS = ("paper", "physiological")
PROBE_STEPS = 40  # rows every 10: the first holds the compilation
PART_MIB, PARTS_A_SET = 15.5, 4
SMALL = ("plan.json", "log.txt", "seg-*/*.csv", "seg-*/*.png", "seg-*/*.json", "networks/*.json", "eval-*/*")
STOPPING_S = 120
"""A step, a validation and a checkpoint may be under way."""


@dataclass(frozen=True)
class Training:
    """What is trained; with other values it is another one, in another folder."""

    train_minutes: float = setting(
        15.0, "of the steps of both trainings, as many as the probe says; validations come on top", above=0
    )
    steps: int | None = setting(None, "of both trainings together, in place of --train-minutes", least=2)
    noise_share: float = setting(1 / 6, "of the steps that are with noise (paper: 1 in 6)", above=0, most=0.9)
    preset: str = setting("paper", "of the network; compact or centre to try the way")
    precision: str = setting("mixed_bfloat16", "float32 or mixed_bfloat16", choices=("float32", "mixed_bfloat16"))
    batch_size: int = setting(8, "sequences a step", least=1)
    metrics_every: int = setting(500, "steps between measures of recall and precision", least=1)
    test: int = setting(120, "test sequences of each scenario: equally many of 1, 5, 10, 15, 20, 25 units", least=6)
    test_seed: int = setting(77, "of the test sequences; 2020 is the one that is reported", least=0)
    seed: int = setting(0, "of the training", least=0)
    options: dict = setting(dict, "changes of the preset, {name: value}", argument=False)

    def __post_init__(self):
        check(self)


def stages(what: Training, out: Path, n_steps: int) -> list[Stage]:
    """All but the probe, in order."""
    noisy = max(1, round(n_steps * what.noise_share))
    clean = training(what, out / "seg-clean", max(1, n_steps - noisy))
    noise = ("--weights", f"{out / 'seg-clean'}", "--snr-db", "10", "30", "--learning-rate", "5e-4")
    found = [clean, training(what, out / "seg-noise", noisy, *noise), packing(out, "seg-noise")]
    for scenario in SCENARIOS:
        data = out / f"data-{scenario}"
        sizes = ("--train", "0", "--val", "0", "--test", f"{what.test}", "--scenario", scenario)
        command = ("muspipe", "simulate", f"{data}", *sizes, "--seed", f"{what.test_seed}")
        found.append(Stage(data.name, command, lambda data=data: _json(data / "manifest.json").get("complete", False)))
        name = f"eval-{scenario}"
        own = ("--set", f"segmentation={out / 'networks/seg-paper'}", "--set", "signals=mean", "--workers", "1")
        command = ("muspipe", "evaluate", f"{data}", "--method", "deep", *own, "--firings", "paper")
        found.append(Stage(name, (*command, "--out", f"{out / name}"), (out / name / "metrics.json").is_file))
    return found


def training(what: Training, folder: Path, n_steps: int, *more: str) -> Stage:
    """A run of the network in a folder."""
    every = max(1, min(what.metrics_every, n_steps))
    seed = what.seed + bool(more)  # what goes on sees other sequences
    own = ("--preset", what.preset, "--schedule", "short", "--scenario", "both", "--n-units", "1", "30", *more)
    own += ("--steps", f"{n_steps}", "--batch-size", f"{what.batch_size}", "--precision", what.precision)
    own += tuple(word for name, value in what.options.items() for word in ("--set", f"{name}={json.dumps(value)}"))
    watch = ("--val-batches", "4", "--val-every", f"{every}", "--metrics-every", f"{every}")
    command = ("muspipe-train", "seg", "--online", *own, "--seed", f"{seed}", *watch, "--out", f"{folder}")

    words = (*command, "--checkpoint-minutes", "2")
    return Stage(folder.name, words, lambda: ended_for_good(folder), begun=folder / "config.json")


def ended_for_good(folder: Path) -> bool:
    """Whether the best weights of a run will not change."""
    return _json(folder / "summary.json").get("reason") in ("finished", "early stopping")


def packing(out: Path, run_name: str) -> Stage:
    """The best weights of a run as a network in parts."""
    before = ("--before", f"{out / 'seg-clean'}") if run_name == "seg-noise" else ()
    command = ("muspipe-train", "export", f"{out / run_name}", "seg-paper", *before, "--folder", f"{out / 'networks'}")
    command += ("--part-mib", f"{PART_MIB}", "--overwrite")
    return Stage("networks", command, lambda: _json(out / "packed.json").get("run") == run_name)


def work(what: Training, out: Path, lock: int) -> None:
    """All stages that are left. lock: that of the folder, held."""
    (out / WORKER).write_text(f"{os.getpid()}\n")
    for stage in stages(what, out, _steps(what, out, lock)):
        if not stage.done():
            _run(stage, out, lock)


def _steps(what, out, lock):
    """Of both trainings: as asked for, or as many as the probe says fit into the minutes."""
    plan = _json(out / PLAN)
    if "n_steps" not in plan:
        n_steps, rate = what.steps, None
        if n_steps is None:
            probe = training(dataclasses.replace(what, metrics_every=PROBE_STEPS), out / "probe", PROBE_STEPS)
            if not probe.done():
                _run(probe, out, lock)
            rate = _rows(out / "probe")[-1]["examples_per_s"]
            n_steps = max(2, round(60 * what.train_minutes * float(rate) / what.batch_size))
        plan |= {"n_steps": n_steps, "probe_examples_per_s": rate}
        _write(out / PLAN, plan)
        print(
            f"{n_steps} steps" + ("" if rate is None else f", as the probe does {rate} examples a second"), flush=True
        )
    return plan["n_steps"]


def _run(stage, out, lock):
    print(f"\n== {stage.name}\n{shlex.join(stage.words())}", flush=True)
    if stage.name == "networks":  # that it is done shows afterwards
        _to_its_end(dataclasses.replace(stage, done=lambda: True), lock)
        _write(out / "packed.json", {"run": stage.command[2].rsplit(os.sep, 1)[-1]})
    else:
        _to_its_end(stage, lock)


def _to_its_end(stage, lock):
    runner = Runner()
    with runner.signals():
        runner(stage, lock)


def begin(out: Path) -> None:
    """Start the process in the background, unless it is at work; the lock of the folder is handed on to it."""
    jax = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "JAX_COMPILATION_CACHE_DIR": str(out / "jax-cache")}
    variables = jax | environment() | {"PYTHONUNBUFFERED": "1"}
    own = [sys.executable, str(Path(__file__).resolve()), "--out", str(out), "--work"]
    with contextlib.suppress(InputError), locked(out) as lock, open(out / LOG, "ab") as log:
        options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, "start_new_session": True}
        subprocess.Popen([*own, str(lock)], env=variables, pass_fds=(lock,), **options)


def at_work(out: Path) -> bool:
    """Whether the process in the background is."""
    try:
        with locked(out):
            return False
    except InputError:
        return True


def wait(out: Path, minutes: float, every_s: float = 20.0) -> None:
    """Until it is done or time is up, saying how far it is."""
    end, said = time.monotonic() + 60 * minutes, None
    while time.monotonic() < end and at_work(out):
        now = status(out)
        if now != said:
            print(now, flush=True)
        said = now
        time.sleep(min(every_s, max(0.1, end - time.monotonic())))
    print(status(out), flush=True)
    print("at work in the background; the same call goes on" if at_work(out) else _end_of(out / LOG), flush=True)


def status(out: Path) -> str:
    """The last row of the last training, in words."""
    for name in ("seg-noise", "seg-clean", "probe"):
        rows = _rows(out / name)
        if rows:
            told = {key: value for key, value in rows[-1].items() if value and not key.endswith("bbox_loss")}
            return f"{name}: " + ", ".join(f"{key} {value}" for key, value in told.items())
    return "no steps yet"


def stop(out: Path) -> None:
    """Let the process in the background write a checkpoint and end."""
    if not at_work(out):
        return
    with contextlib.suppress(ProcessLookupError):  # it was killed, and a stage of it goes on
        os.kill(int((out / WORKER).read_text()), signal.SIGTERM)
    end = time.monotonic() + STOPPING_S
    while at_work(out):
        if time.monotonic() > end:
            raise InputError(f"{out}: the work there has not ended within {STOPPING_S} s; try again")
        time.sleep(1)


def bring(what: Training, out: Path, number: int, to: Path) -> list[Path]:
    """Stop, pack, copy set `number` -> the copies."""
    stop(out)
    names = [name for name in ("seg-noise", "seg-clean") if (out / name / "best.weights.h5").is_file()]
    if not names:
        raise InputError(f"{out}: there are no weights yet; let it go on")
    stage = packing(out, names[0])
    if not (stage.done() and ended_for_good(out / names[0])):
        _run(stage, out, None)
    to.mkdir(parents=True, exist_ok=True)
    index = out / "networks/seg-paper.parts.json"
    parts = [index.with_name(part["file"]) for part in _json(index)["parts"]]
    copies = [Path(shutil.copy(part, to)) for part in parts[PARTS_A_SET * (number - 1) : PARTS_A_SET * number]]
    with tarfile.open(to / "small.tar.gz", "w:gz") as tar:
        for path in sorted({path for pattern in SMALL for path in out.glob(pattern) if path.is_file()}):
            tar.add(path, path.relative_to(out))
    print(f"set {number} of {-(-len(parts) // PARTS_A_SET)}: {len(copies)} of {len(parts)} parts", flush=True)
    return [*copies, to / "small.tar.gz"]


def planned(out: Path, asked: dict) -> Training:
    """What the folder's plan says, or a new one. InputError where other settings are asked for."""
    plan = _json(out / PLAN)
    if not plan:
        what = Training(**asked)
        out.mkdir(parents=True, exist_ok=True)
        _write(out / PLAN, {"settings": dataclasses.asdict(what)})
        return what
    what = Training(**plan["settings"])
    for name, value in asked.items():
        if getattr(what, name) != value:
            raise InputError(f"{out}: has {name} {getattr(what, name)!r}, got {value!r}; choose another folder")
    return what


def _rows(folder):
    """Rows of a history as texts."""
    try:
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError:
        return []


def _end_of(path):
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return "the work has ended; its last words:\n" + text[-1500:]


def _json(path):
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _write(path, values):
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of all that is made")
    add_arguments(parser, Training)
    parser.add_argument("--minutes", type=float, default=9.0, metavar="M", help="return after this time; default 9")
    parser.add_argument("--commands", action="store_true", help="print the commands, run nothing")
    parser.add_argument("--bring", type=int, metavar="K", help="copy set K of what is to be kept, from 1")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where --bring copies to")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the preset")
    parser.add_argument("--work", type=int, metavar="LOCK", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    asked, out = given(args, Training), args.out.resolve()
    try:
        if args.set:
            asked["options"] = parse_assignments(args.set)
        if args.commands:
            what = Training(**asked)
            print("\n".join(shlex.join(stage.command) for stage in stages(what, out, what.steps or 10_000)))
            return 0
        what = planned(out, asked)
        if args.work is not None:
            work(what, out, args.work)
        elif args.bring is not None:
            if args.to is None:
                raise InputError("--bring: expected --to FOLDER beside it")
            print("\n".join(map(str, bring(what, out, args.bring, args.to))))
        else:
            begin(out)
            wait(out, args.minutes)
    except InputError as error:
        print(f"train_paper: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
