"""The whole experiment of Ali et al. 2020 by one command: data, four trainings, evaluations, Figs. 4-13, and a table
published / ours / difference.

    python experiments/replicate.py --out DIR --coco mask_rcnn_coco.h5               # as printed: needs a GPU, days
    python experiments/replicate.py --out DIR --random-start --scale 0.001 --jobs 2  # the whole way, in minutes
    python experiments/replicate.py --out DIR --preset compact --scale 0.08          # small networks, an hour
    python experiments/replicate.py --out DIR --random-start --estimate              # hours and commands, nothing else

Every stage is a public command, printed before it runs, so that it can be run by hand. The same call goes on after an
end of any kind: stages whose output is there are left out, a training goes on from its last checkpoint. Before the
first stage a step of both networks is measured, and the hours that follow from it are printed. --jobs 2 runs two stages
at once where neither waits for the other; what they print comes at their ends.

--scale S: the sequences shrink by S, and so do the passes over them, hence the steps by S squared. (With steps by S
alone, 0.001 would still be 600 steps of the paper's Mask R-CNN, hours on a CPU.) At least one step a phase, one batch
of 8 sequences to train and to validate on, and one test sequence for each number of motor units remain; the validation
batches are as many as the validation sequences fill, at most the paper's 10. Numbers at a small scale mean nothing
about the networks: 0.001 shows that the way is whole. Below 0.002, where all phases have one step, batches are a
quarter of the paper's, 2 sequences or 8 crops.

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
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

from replication import HERE, Replication, Stage, read_json, stages

from muspipe.errors import InputError
from simulator.shared.files import atomic_path
from simulator.shared.settings import add_arguments, given

try:
    import fcntl
except ImportError:  # not on this system, where two calls in one folder go unnoticed
    fcntl = None

STATE = "replicate.json"


def runnable(words: list[str]) -> list[str]:
    """A command of ours by this Python, wherever its own programs are."""
    main_train = "import sys; from muspipe.cli import main_train; sys.exit(main_train())"
    programs = {"muspipe": ["-m", "muspipe"], "muspipe-train": ["-c", main_train], "python": []}
    return [sys.executable, *programs[words[0]], *words[1:]]


def environment() -> dict[str, str]:
    """In which our packages are found, installed or not."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))}


def measure(what: Replication) -> dict[str, float]:
    """{task: seconds of a training step of the paper's batch here}, measured in a process of its own. Where
    batches are smaller, it is a step of one times what is missing, which is a little too long."""
    networks = [f"{task}-{what.preset}" for task in ("seg", "twitch")]
    sizes = [] if what.batch_share == 1 else ["--batch-share", f"{what.batch_share}"]
    command = [sys.executable, str(HERE / "benchmarks/bench_train.py"), *networks, "--one-step", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise InputError(f"a step could not be measured: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {network.split("-")[0]: found[network] / what.batch_share for network in networks}


def hours(what: Replication, step_s: dict[str, float]) -> dict[str, float]:
    """Of each training: its steps, and its validation batches, which take a third of a step: there is no way back."""
    found = {}
    for name, steps in what.steps.items():
        validated = what.val_batches * -(-steps // what.val_every(name))
        found[name] = (steps + validated / 3) * what.batch_share * step_s[name.split("-")[0]] / 3600
    return found


def estimate(what: Replication, step_s: dict[str, float]) -> str:
    """The hours to come, in words."""
    own, whole = hours(what, step_s), hours(dataclasses.replace(what, scale=1.0), step_s)
    steps = ", ".join(f"{task} {seconds:.2g} s" for task, seconds in step_s.items())
    sizes = ", ".join(f"{n:,} {split}" for split, n in what.sequences.items())
    how = "" if what.batch_share == 1 else f", by one of {what.batch_share:g} of the batch, as here"
    lines = [f"scale {what.scale:g}, preset {what.preset}: {sizes} sequences", f"a step, measured here: {steps}{how}"]
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
    state, asked = read_json(out / STATE), dataclasses.asdict(what)
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


class Runner:
    """Runs stages as processes. A first Ctrl-C or SIGTERM is theirs: a training writes a checkpoint, and no other stage
    begins. kept: what a stage prints is said at its end, so that those at work at the same time do not mix."""

    def __init__(self, kept: bool = False, say: Callable = print):
        self.kept, self.say = kept, say
        self._processes, self._stop = set(), threading.Event()

    def __call__(self, stage: Stage, lock: int | None) -> None:
        """Run a stage to its end. InputError if it did not get there."""
        if self._stop.is_set():
            raise InputError(f"stopped before stage {stage.name}; the same call goes on with it")
        with tempfile.TemporaryFile() if self.kept else contextlib.nullcontext() as output:
            held = () if lock is None else (lock,)
            own = {"stdout": output, "stderr": output, "env": environment(), "pass_fds": held}
            process = subprocess.Popen(runnable(stage.words()), **own)
            self._processes.add(process)
            code = process.wait()
            self._processes.discard(process)
            if output is not None:
                output.seek(0)
                self.say(f"\n-- {stage.name}\n{output.read().decode(errors='replace').rstrip()}")
        if code or not stage.done():
            raise InputError(f"stage {stage.name} has not ended (exit code {code}); the same call goes on with it")

    @contextlib.contextmanager
    def signals(self):
        """Within the block signals go to the stages."""

        def pass_on(number, frame):
            self._stop.set()
            if number == signal.SIGTERM:  # Ctrl-C reaches all processes of a terminal by itself
                for process in list(self._processes):
                    process.terminate()

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def in_order(left: list[Stage], jobs: int, one: Callable[[Stage], None]) -> None:
    """one(stage) for all, up to `jobs` at once, each when what it needs is done. What one raises is raised when those
    at work with it have ended, and no other begins."""
    left, at_work = list(left), {}
    with ThreadPoolExecutor(jobs) as pool:
        while left or at_work:
            missing = {stage.name for stage in (*left, *at_work.values())}
            for stage in [stage for stage in left if not stage.needs & missing][: jobs - len(at_work)]:
                left.remove(stage)
                at_work[pool.submit(one, stage)] = stage
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                del at_work[future]
                future.result()


def replicate(
    what: Replication, out: Path, *, workers=None, jobs=1, measuring=measure, running=None, say=print
) -> None:
    """Run what is left of a replication in a folder."""
    if jobs < 1:
        raise InputError(f"jobs: expected at least 1, got {jobs}")
    running = running or Runner(jobs > 1, say)
    state = open_state(out, what)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        save_state(out, state)
        left = [stage for stage in stages(what, out, workers) if not stage.done()]
        if any(stage.begun for stage in left):
            if "step_s" not in state:
                say("measuring a step of both networks ...")
                state["step_s"] = measuring(what)
                save_state(out, state)
            say(estimate(what, state["step_s"]))
        saving = threading.Lock()

        def one(stage):
            if stage.done():
                say(f"\n== {stage.name}: is done")
                return
            say(f"\n== {stage.name}\n{shlex.join(stage.words())}")
            began = time.monotonic()
            try:
                running(stage, lock)
            finally:
                with saving:
                    seconds = state["seconds"].get(stage.name, 0) + time.monotonic() - began
                    state["seconds"][stage.name] = round(seconds, 1)
                    save_state(out, state)

        with running.signals():
            in_order(stages(what, out, workers), jobs, one)
    say(f"\n{out / 'table.md'}, {out / 'figures'}: {sum(state['seconds'].values()) / 60:.1f} min of stages in all")


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of all that is made")
    add_arguments(parser, Replication)
    parser.add_argument("--workers", type=int, metavar="N", help="processes of simulation and evaluation; on one GPU 1")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="stages at once; on one GPU 1, the default")
    parser.add_argument("--estimate", action="store_true", help="measure, print hours and commands, write nothing")
    args = parser.parse_args(argv)
    try:
        what = Replication(**given(args, Replication))
        if args.estimate:
            print(estimate(what, measure(what)))
            print("\n".join(shlex.join(stage.command) for stage in stages(what, args.out, args.workers)))
            return 0
        sys.stdout.reconfigure(line_buffering=True)  # ours stands before what the stages print
        replicate(what, args.out, workers=args.workers, jobs=args.jobs)
    except InputError as error:
        print(f"replicate: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("replicate: interrupted; the same call goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
